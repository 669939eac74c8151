"""Places in a text at which the rest of the line is asked for.

They lie where GPT-2's pattern begins a new piece (a word, a number, a run of signs), where every vocabulary but that of
characters and bytes may begin a token. So the same seed gives the same places, whatever the vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import regex
from numpy.typing import NDArray

from slmtui.data.chunks import chunks
from slmtui.data.dataset import SideTokens
from slmtui.data.gpt2 import PATTERN
from slmtui.data.tokenizer import Tokenizer

MOST_CHARACTERS = 80  # of a line; what follows is not asked for
MOST_BYTES_PER_CHARACTER = 4
MOST_BYTES = 4_000  # of the text before a place that is given
MOST_TOKENS = 1_000_000  # of a side, from its start; there are no places in what follows

_PIECE = regex.compile(PATTERN)


@dataclass(frozen=True)
class LinePlace:
    """context: the ids before it, (n,), n > 0, of its document alone, whose beginning the end of the one before marks.

    rest: what stands there up to the end of the line, or its first `MOST_CHARACTERS` characters; it is not blank. Bytes
    that are not UTF-8 stand in it as Python's "surrogateescape" has them. next_token: its first.
    """

    context: NDArray[np.int64]
    rest: str
    next_token: int


def line_places(side: SideTokens, tokenizer: Tokenizer, most: int, seed: int) -> list[LinePlace]:
    """At most `most` different places of a side, drawn with the seed, in the order in which they were drawn."""
    documents = list(_documents(side))
    found = [np.stack([np.full(len(starts), i), starts]) for i, starts in _piece_starts(side, documents, tokenizer)]
    if not found:
        return []
    candidates = np.concatenate(found, axis=1).T  # (n, 2): document, token of the side
    places: list[LinePlace] = []
    for index in np.random.default_rng(seed).permutation(len(candidates)):
        if len(places) == most:
            break
        document, token = candidates[index].tolist()
        if (place := _place(side, documents[document], token, tokenizer)) is not None:
            places.append(place)
    return places


def first_line(data: bytes) -> str:
    """What stands before the first line break, and at most `MOST_CHARACTERS` characters of it."""
    return data.partition(b"\n")[0].decode("utf-8", "surrogateescape")[:MOST_CHARACTERS]


def _documents(side: SideTokens) -> Iterator[tuple[int, int]]:
    """The first token of each document, and the one after its last, without the one that ends it."""
    start, limit = 0, min(len(side.tokens), MOST_TOKENS)
    for stop in [*side.ends[side.ends < limit].tolist(), limit]:
        if stop > start:
            yield start, stop
        start = stop + 1


def _piece_starts(
    side: SideTokens, documents: list[tuple[int, int]], tokenizer: Tokenizer
) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """For each document, its number and the tokens with which a piece begins; the first of a side has no context."""
    for number, (start, stop) in enumerate(documents):
        ids = side.tokens[start:stop].astype(np.int64)
        ends = np.cumsum(tokenizer.token_lengths[ids])
        token_starts = ends - tokenizer.token_lengths[ids]
        pieces = [match[0] for part in chunks([_text(ids, tokenizer)]) for match in _PIECE.finditer(part)]
        sizes = np.array([len(piece.encode("utf-8", "surrogateescape")) for piece in pieces], np.int64)
        starts = start + np.flatnonzero(np.isin(token_starts, np.cumsum(sizes) - sizes))
        yield number, starts[starts > 0]


def _place(side: SideTokens, document: tuple[int, int], token: int, tokenizer: Tokenizer) -> LinePlace | None:
    """None where only blanks are left of the line."""
    start, stop = document
    ahead = side.tokens[token : min(stop, token + MOST_BYTES_PER_CHARACTER * MOST_CHARACTERS)]
    rest = first_line(tokenizer.decode_bytes(ahead))
    if not rest.strip():
        return None
    before = side.tokens[max(start, token - MOST_BYTES) : token].astype(np.int64)
    given = np.cumsum(tokenizer.token_lengths[before][::-1]) <= MOST_BYTES
    context = before[len(before) - int(given.sum()) :]
    if len(context) == token - start and start > 0:
        context = np.insert(context, 0, side.tokens[start - 1])
    return LinePlace(context, rest, int(side.tokens[token]))


def _text(ids: NDArray[np.int64], tokenizer: Tokenizer) -> str:
    return tokenizer.decode_bytes(ids).decode("utf-8", "surrogateescape")
