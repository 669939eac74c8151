"""The text of a side, in batches of documents: to be tokenised again, or to learn a vocabulary from."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from slmtui.data.chunks import chunks
from slmtui.data.token_file import BLOCK, LetGo, blocks
from slmtui.data.token_prefix import PrefixPart, TokenPrefix
from slmtui.data.tokenizer import gpt2_tokenizer


class Batch(NamedTuple):
    """Some documents of one file, together about `BLOCK` GPT-2 tokens at most; or a piece of a longer one.

    Bytes that are not UTF-8 (half a character at a cut) stand in the texts as Python's "surrogateescape" has them.
    """

    file: int
    texts: list[str]
    ends: bool  # the last text ends its document


class _Pieces(NamedTuple):
    """Documents, or what there is of them in a part: token ranges of the prefix, (n,) each."""

    starts: NDArray[np.int64]
    stops: NDArray[np.int64]  # without the END
    ended: NDArray[np.bool_]  # an END follows

    def groups(self) -> Iterator[tuple[int, int]]:
        """Ranges of pieces of at most `BLOCK` tokens in all; a longer piece is alone."""
        total = np.cumsum(self.stops - self.starts)
        first = done = 0
        while first < len(total):
            last = max(first + 1, int(np.searchsorted(total, done + BLOCK, side="right")))
            yield first, last
            first, done = last, int(total[last - 1])


def batches(prefix: TokenPrefix, parts: Sequence[PrefixPart]) -> Iterator[Batch]:
    """The text of parts of a prefix, in order."""
    let_go = LetGo(prefix.tokens)
    for file, own in groupby(parts, key=lambda part: part.file):
        pieces = _pieces(prefix, list(own))
        for first, last in pieces.groups():
            start, stop, ends = int(pieces.starts[first]), int(pieces.stops[last - 1]), bool(pieces.ended[last - 1])
            if last == first + 1 and stop - start > BLOCK:
                for text in chunks(_decoded(part_bytes(prefix, [PrefixPart(file, start, stop)]))):
                    yield Batch(file, [text], ends=False)
                if ends:
                    yield Batch(file, [""], ends=True)
                continue
            documents = _documents(prefix, pieces.starts[first:last], pieces.stops[first:last])
            yield Batch(file, [data.decode("utf-8", "surrogateescape") for data in documents], ends)
            let_go.after(stop - start)


def sample(prefix: TokenPrefix, parts: Sequence[PrefixPart], every: int) -> Iterator[str]:
    """One in `every` batches of documents, or blocks of long ones; what is cut inside a character loses it."""
    tokenizer, count = gpt2_tokenizer(end=prefix.documents is not None), 0
    for _, own in groupby(parts, key=lambda part: part.file):
        pieces = _pieces(prefix, list(own))
        for first, last in pieces.groups():
            start, stop = int(pieces.starts[first]), int(pieces.stops[last - 1])
            if last == first + 1 and stop - start > BLOCK:
                for block in blocks(prefix.tokens, start, stop):
                    if count % every == 0:
                        yield tokenizer.decode_bytes(block).decode("utf-8", "ignore")
                    count += 1
                continue
            if count % every == 0:
                for data in _documents(prefix, pieces.starts[first:last], pieces.stops[first:last]):
                    yield data.decode("utf-8", "ignore")
            count += 1


def part_blocks(prefix: TokenPrefix, parts: Sequence[PrefixPart]) -> Iterator[tuple[PrefixPart, NDArray[Any]]]:
    """The tokens of parts in blocks, each with its part; pages that scattered documents touch are let go of, too."""
    reached, let_go = 0, LetGo(prefix.tokens)
    for part in parts:
        for block in blocks(prefix.tokens, part.start, part.stop):
            yield part, block
        let_go.after(part.stop - reached)
        reached = part.stop


def part_bytes(prefix: TokenPrefix, parts: Sequence[PrefixPart]) -> Iterator[bytes]:
    """The text of parts, in blocks; the ends of documents are no text."""
    tokenizer = gpt2_tokenizer(end=prefix.documents is not None)
    for _, block in part_blocks(prefix, parts):
        yield tokenizer.decode_bytes(block)


def count_bytes(prefix: TokenPrefix, parts: Sequence[PrefixPart]) -> int:
    lengths = gpt2_tokenizer(end=prefix.documents is not None).token_lengths
    return sum(int(lengths[block].sum()) for _, block in part_blocks(prefix, parts))


def _pieces(prefix: TokenPrefix, parts: Sequence[PrefixPart]) -> _Pieces:
    """The documents of parts of one file."""
    part_starts = np.array([part.start for part in parts], np.int64)
    part_stops = np.array([part.stop for part in parts], np.int64)
    documents = prefix.documents
    if documents is None:
        return _Pieces(part_starts, part_stops, np.zeros(len(parts), np.bool_))
    firsts = np.searchsorted(documents.stops, part_starts)  # the first that ends in a part, or after it
    lasts = np.searchsorted(documents.stops, part_stops)  # the first that does not end in a part
    starts, stops, ended = [], [], []
    for start, stop, first, last in zip(*(a.tolist() for a in (part_starts, part_stops, firsts, lasts)), strict=True):
        own_stops = documents.stops[first:last]
        own_starts = np.maximum(documents.starts[first:last], start)
        rest = int(own_stops[-1]) + 1 if last > first else start
        if rest < stop:  # the beginning of a document that is cut
            own_starts, own_stops = np.append(own_starts, rest), np.append(own_stops, stop)
        starts.append(own_starts)
        stops.append(own_stops)
        ended.append(np.arange(len(own_stops)) < last - first)
    return _Pieces(np.concatenate(starts), np.concatenate(stops), np.concatenate(ended))


def _documents(prefix: TokenPrefix, starts: NDArray[np.int64], stops: NDArray[np.int64]) -> list[bytes]:
    """The texts of short documents."""
    tokenizer = gpt2_tokenizer(end=prefix.documents is not None)
    tokens = np.asarray(prefix.tokens)
    ids: NDArray[Any] = np.concatenate([tokens[a:b] for a, b in zip(starts.tolist(), stops.tolist(), strict=True)])
    data = tokenizer.decode_bytes(ids)
    in_bytes = np.cumsum(tokenizer.token_lengths[ids])[np.cumsum(stops - starts) - 1].tolist()
    return [data[a:b] for a, b in zip([0, *in_bytes], in_bytes, strict=False)]


def _decoded(parts: Iterator[bytes]) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")  # passes on bytes that are not UTF-8
    for data in parts:
        yield decoder.decode(data)
    yield decoder.decode(b"", final=True)
