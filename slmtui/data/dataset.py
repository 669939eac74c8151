"""A corpus, tokenised and split into a training and a validation side.

    corpus = open_corpus("data/chromadb")
    dataset = build_dataset(corpus, kind="gpt2", dataset_size=23_000)
    dataset.train.tokens  # (20700,) uint16

The split is made once, in GPT-2 tokens (token_prefix.py); for another vocabulary, the texts of the two sides are
tokenised again.
"""

import codecs
import hashlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from slmtui.config.values import check_value
from slmtui.data.bpe import train_bpe
from slmtui.data.chunks import chunks
from slmtui.data.corpus import Corpus
from slmtui.data.errors import DataError
from slmtui.data.token_file import TokenFile, blocks
from slmtui.data.token_prefix import PrefixPart, TokenPrefix, read_prefix, split_by_file, split_contiguous
from slmtui.data.tokenizer import BpeTokenizer, CompactTokenizer, Tokenizer, gpt2_tokenizer

BPE_SAMPLE = 10_000_000  # a vocabulary is learned from at most this many bytes of training text

Side = Literal["train", "val"]


@dataclass(frozen=True)
class SideTokens:
    """One side. `tokens`: shape (n,), uint16 or uint32, read-only; `n_bytes`: of its text in UTF-8."""

    tokens: NDArray[Any]
    n_bytes: int

    @property
    def bytes_per_token(self) -> float:
        """Nats per token divided by this and by ln 2 are bits per byte."""
        return self.n_bytes / len(self.tokens)


@dataclass(frozen=True)
class DatasetFile:
    """A file of the corpus, and the range of its tokens on each side (empty if there are none)."""

    name: str
    lines_before: int  # its header
    train: range
    val: range


@dataclass(frozen=True)
class Dataset:
    """Two sides, their vocabulary, and the files they come from.

    `fingerprint`: SHA-256 of both sides' tokens and the vocabulary. `val_bytes_fingerprint`: of the validation text; if
    it is equal, losses under two vocabularies are about the same text. `notes`: what the user should know.
    """

    train: SideTokens
    val: SideTokens
    tokenizer: Tokenizer
    files: tuple[DatasetFile, ...]
    fingerprint: str
    val_bytes_fingerprint: str
    notes: tuple[str, ...]

    def locate(self, side: Side, token_index: int) -> tuple[str, int]:
        """The file in which a token begins, and its line in that file (from 1).

        A token of the header counts as line 1. Raises IndexError if there is no such token.
        """
        if not 0 <= token_index < len(self.side(side).tokens):
            raise IndexError(f"{side} has {len(self.side(side).tokens)} tokens, no token {token_index}")
        files = [file for file in self.files if getattr(file, side)]
        file = files[bisect_right(files, token_index, key=lambda file: getattr(file, side).start) - 1]
        newlines = self._newlines(side, getattr(file, side).start, token_index)
        if side == "val":  # in a file cut by the split, the training lines come first
            newlines += self._newlines("train", file.train.start, file.train.stop)
        return file.name, max(1, newlines - file.lines_before + 1)

    def side(self, side: Side) -> SideTokens:
        return self.train if side == "train" else self.val

    def _newlines(self, side: Side, start: int, stop: int) -> int:
        tokens = self.side(side).tokens
        per_token = self.tokenizer.newlines
        return sum(int(per_token[block].sum()) for block in blocks(tokens, start, stop))


@dataclass(frozen=True)
class DatasetSettings:
    """How to turn a corpus into a dataset. Raises DataError for a setting that the phase schema does not allow.

    `dataset_size`: GPT-2 tokens to take, None for all. `vocab_size`: only for kind "bpe". `split`: "contiguous" trains
    on the first `int(train_fraction * n)` tokens; "by-file" validates on whole files.
    """

    kind: str = "gpt2"
    vocab_size: int = 1024
    dataset_size: int | None = None
    train_fraction: float = 0.9
    split: str = "contiguous"

    def __post_init__(self) -> None:
        try:
            check_value("tokenizer", "kind", self.kind)
            if self.kind == "bpe":
                check_value("tokenizer", "vocab_size", self.vocab_size)
            for name in ("dataset_size", "train_fraction", "split"):
                check_value("data", name, getattr(self, name))
        except ValueError as error:
            raise DataError(str(error)) from None


def build_dataset(
    corpus: Corpus,
    *,
    kind: str = "gpt2",
    vocab_size: int = 1024,
    dataset_size: int | None = None,
    train_fraction: float = 0.9,
    split: str = "contiguous",
) -> Dataset:
    """Take the first tokens of a corpus, split them, and tokenise both sides with a vocabulary of the given kind.

    The settings are those of `DatasetSettings`.
    Raises DataError for an invalid setting and for a text that is too short to split.
    """
    settings = DatasetSettings(kind, vocab_size, dataset_size, train_fraction, split)
    return split_prefix(corpus, read_prefix(corpus, dataset_size), settings)


def split_prefix(corpus: Corpus, prefix: TokenPrefix, settings: DatasetSettings) -> Dataset:
    """`build_dataset` for tokens that have already been read."""
    notes: list[str] = []
    n_tokens = len(prefix.tokens)
    if settings.dataset_size is not None and n_tokens < settings.dataset_size:
        asked = f"dataset_size is {settings.dataset_size:,} tokens"
        notes.append(f"{asked} but the corpus has {n_tokens:,}: training on all of it")
    if settings.split == "by-file":
        train_parts, val_parts = split_by_file(corpus, prefix, settings.train_fraction)
        share = sum(part.n_tokens for part in val_parts) / n_tokens
        held_out = f"{len(val_parts):,} of {len(prefix.parts):,} files"
        notes.append(f"validation is {held_out}, {share:.1%} of the tokens")
    else:
        train_parts, val_parts = split_contiguous(prefix, settings.train_fraction)
    for side, parts in (("training", train_parts), ("validation", val_parts)):
        if (n := sum(part.n_tokens for part in parts)) < 2:
            few = "1 token is" if n_tokens == 1 else f"{n_tokens:,} tokens are"
            raise DataError(f"{corpus.source}: {few} too few to split: {n} for {side}, at least 2 are needed")

    tokenizer = _make_tokenizer(settings, prefix, train_parts, notes)
    train, train_ranges = _write_side(prefix, train_parts, tokenizer)
    val, val_ranges = _write_side(prefix, val_parts, tokenizer)
    files = tuple(
        DatasetFile(
            corpus.files[part.file].name,
            corpus.files[part.file].lines_before,
            train_ranges.get(part.file, range(0)),
            val_ranges.get(part.file, range(0)),
        )
        for part in prefix.parts
    )
    fingerprint = hashlib.sha256(f"{tokenizer.fingerprint} {len(train.tokens)} {len(val.tokens)}".encode())
    for tokens in (train.tokens, val.tokens):
        for block in blocks(tokens):
            fingerprint.update(block.tobytes())
    val_bytes = hashlib.sha256()
    for part in val_parts:
        for data in _part_bytes(prefix, part):
            val_bytes.update(data)
    return Dataset(train, val, tokenizer, files, fingerprint.hexdigest(), val_bytes.hexdigest(), tuple(notes))


def _make_tokenizer(
    settings: DatasetSettings, prefix: TokenPrefix, train_parts: Sequence[PrefixPart], notes: list[str]
) -> Tokenizer:
    """The vocabulary, built from the training side alone."""
    if settings.kind == "gpt2":
        return gpt2_tokenizer()
    if settings.kind == "gpt2-compact":
        used = np.zeros(1 << 16, np.bool_)
        for part in train_parts:
            for block in blocks(prefix.tokens, part.start, part.stop):
                used[block] = True
        return CompactTokenizer(np.flatnonzero(used))

    # For a large corpus, the vocabulary is learned from evenly spaced blocks.
    n_bytes = sum(_count_bytes(prefix, part) for part in train_parts)
    every = -(-n_bytes // BPE_SAMPLE)
    texts = (data for part in train_parts for data in _part_bytes(prefix, part))
    sample = (text.decode("utf-8", "ignore") for i, text in enumerate(texts) if i % every == 0)
    tokenizer = BpeTokenizer(train_bpe(sample, settings.vocab_size))
    if every > 1:
        notes.append(f"the vocabulary was learned from part of the training text: 1 block in {every}, up to 10 MB")
    if tokenizer.n_vocab < settings.vocab_size:
        notes.append(
            f"vocab_size is {settings.vocab_size:,}, but no further pair occurs twice in the training text: "
            f"the vocabulary has {tokenizer.n_vocab:,} tokens"
        )
    return tokenizer


def _write_side(
    prefix: TokenPrefix, parts: Sequence[PrefixPart], tokenizer: Tokenizer
) -> tuple[SideTokens, dict[int, range]]:
    """One side, tokenised, and the range of each file's tokens."""
    n_bytes = sum(_count_bytes(prefix, part) for part in parts)
    if tokenizer.kind == "gpt2" and all(one.stop == two.start for one, two in pairwise(parts)):
        first, last = parts[0].start, parts[-1].stop
        views = {part.file: range(part.start - first, part.stop - first) for part in parts}
        return SideTokens(prefix.tokens[first:last], n_bytes), views
    ranges: dict[int, range] = {}
    file = TokenFile(tokenizer.dtype)
    for part in parts:
        start = file.n_tokens
        for ids in _part_ids(prefix, part, tokenizer):
            file.append(ids)
        ranges[part.file] = range(start, file.n_tokens)
    return SideTokens(file.array(), n_bytes), ranges


def _part_ids(prefix: TokenPrefix, part: PrefixPart, tokenizer: Tokenizer) -> Iterator[NDArray[Any]]:
    """The ids of a part in the given vocabulary."""
    if isinstance(tokenizer, BpeTokenizer):
        # The split may be inside a character: bytes that are not UTF-8 are passed on as surrogates.
        decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        texts = (decoder.decode(data) for data in _part_bytes(prefix, part))
        for piece in chunks(texts):
            yield tokenizer.encode_bytes(piece.encode("utf-8", "surrogateescape"))
        yield tokenizer.encode_bytes(decoder.decode(b"", final=True).encode("utf-8", "surrogateescape"))
        return
    for ids in blocks(prefix.tokens, part.start, part.stop):
        yield tokenizer.from_gpt2(ids) if isinstance(tokenizer, CompactTokenizer) else ids


def _part_bytes(prefix: TokenPrefix, part: PrefixPart) -> Iterator[bytes]:
    """The text of a part, in blocks."""
    for block in blocks(prefix.tokens, part.start, part.stop):
        yield gpt2_tokenizer().decode_bytes(block)


def _count_bytes(prefix: TokenPrefix, part: PrefixPart) -> int:
    lengths = gpt2_tokenizer().token_lengths
    return sum(int(lengths[block].sum()) for block in blocks(prefix.tokens, part.start, part.stop))
