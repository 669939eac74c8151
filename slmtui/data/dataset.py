"""A corpus, tokenised and split into a training and a validation side.

    corpus = open_corpus("data/chromadb")
    dataset = build_dataset(corpus, kind="gpt2", dataset_size=23_000)
    dataset.train.tokens  # (20700,) uint16

The split is made once, in GPT-2 tokens (head.py); with another vocabulary the texts of the two sides are
written anew.
"""

import codecs
import hashlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from slmtui.data.bpe import MAX_VOCAB_SIZE, MIN_VOCAB_SIZE, train_bpe
from slmtui.data.corpus import Corpus
from slmtui.data.errors import DataError
from slmtui.data.head import Head, Part, read_head, split_by_file, split_contiguous
from slmtui.data.pieces import pieces
from slmtui.data.token_file import TokenFile
from slmtui.data.tokenizer import KINDS, BpeTokenizer, CompactTokenizer, Tokenizer, gpt2_tokenizer

SPLITS = ("contiguous", "by-file")
BPE_SAMPLE = 10_000_000  # bytes of training text that a vocabulary is learned from, at most

_BLOCK = 1 << 16  # tokens

Side = Literal["train", "val"]


@dataclass(frozen=True)
class Split:
    """One side. `tokens`: shape (n,), uint16 or uint32, only to be read; `n_bytes`: of text, in UTF-8."""

    tokens: NDArray[Any]
    n_bytes: int

    @property
    def bytes_per_token(self) -> float:
        """Nats per token divided by this and by ln 2 are bits per byte."""
        return self.n_bytes / len(self.tokens)


@dataclass(frozen=True)
class DatasetFile:
    """A file of the corpus, and where its tokens are on each side (an empty range: nowhere)."""

    name: str
    lines_before: int  # its header
    train: range
    val: range


@dataclass(frozen=True)
class Dataset:
    """Two sides, the vocabulary they are written in, and where they come from.

    `fingerprint`: SHA-256 of both sides' tokens and the vocabulary. `val_bytes_fingerprint`: of the
    validation text, so that losses under two vocabularies are known to be about the same text. `notes`: what
    a person should know.
    """

    train: Split
    val: Split
    tokenizer: Tokenizer
    files: tuple[DatasetFile, ...]
    fingerprint: str
    val_bytes_fingerprint: str
    notes: tuple[str, ...]

    def locate(self, side: Side, token_index: int) -> tuple[str, int]:
        """The file in which a token begins, and the line of that file (from 1).

        A token of the header counts as line 1. Raises IndexError outside the side.
        """
        if not 0 <= token_index < len(self.side(side).tokens):
            raise IndexError(f"{side} has {len(self.side(side).tokens)} tokens, no token {token_index}")
        files = [file for file in self.files if getattr(file, side)]
        file = files[bisect_right(files, token_index, key=lambda file: getattr(file, side).start) - 1]
        newlines = self._newlines(side, getattr(file, side).start, token_index)
        if side == "val":  # of a file cut by the split, the lines that train come first
            newlines += self._newlines("train", file.train.start, file.train.stop)
        return file.name, max(1, newlines - file.lines_before + 1)

    def side(self, side: Side) -> Split:
        return self.train if side == "train" else self.val

    def _newlines(self, side: Side, start: int, stop: int) -> int:
        tokens = self.side(side).tokens
        per_token = self.tokenizer.newlines
        return sum(
            int(per_token[tokens[i : min(i + _BLOCK, stop)]].sum()) for i in range(start, stop, _BLOCK)
        )


def build_dataset(
    corpus: Corpus,
    *,
    kind: str = "gpt2",
    vocab_size: int = 1024,
    dataset_size: int | None = None,
    train_fraction: float = 0.9,
    split: str = "contiguous",
) -> Dataset:
    """Take the first `dataset_size` GPT-2 tokens (None: all) of a corpus, split them, write both sides in
    `kind`.

    `split`: "contiguous", the first `int(train_fraction * n)` tokens train; or "by-file", whole files
    validate.
    `vocab_size` counts for kind "bpe" alone.
    Raises DataError for a setting out of its range and for a text that is too short to split.
    """
    check_settings(kind, vocab_size, dataset_size, train_fraction, split)
    head = read_head(corpus, dataset_size)
    return split_head(
        corpus,
        head,
        kind=kind,
        vocab_size=vocab_size,
        dataset_size=dataset_size,
        train_fraction=train_fraction,
        split=split,
    )


def check_settings(
    kind: str, vocab_size: int, dataset_size: int | None, train_fraction: float, split: str
) -> None:
    """Raises DataError for the first setting that is out of its range."""
    if kind not in KINDS:
        raise DataError(f"tokenizer.kind must be one of {', '.join(KINDS)} (got {kind!r})")
    if split not in SPLITS:
        raise DataError(f"data.split must be one of {', '.join(SPLITS)} (got {split!r})")
    if kind == "bpe" and not MIN_VOCAB_SIZE <= vocab_size <= MAX_VOCAB_SIZE:
        raise DataError(
            f"tokenizer.vocab_size must be {MIN_VOCAB_SIZE} to {MAX_VOCAB_SIZE:,} (got {vocab_size:,})"
        )
    if dataset_size is not None and dataset_size < 1:
        raise DataError(f"data.dataset_size must be at least 1 (got {dataset_size:,})")
    if not 0 < train_fraction < 1:
        raise DataError(f"data.train_fraction must lie between 0 and 1 (got {train_fraction})")


def split_head(
    corpus: Corpus,
    head: Head,
    *,
    kind: str,
    vocab_size: int,
    dataset_size: int | None,
    train_fraction: float,
    split: str,
) -> Dataset:
    """`build_dataset` for tokens that were read before."""
    notes: list[str] = []
    n_tokens = len(head.tokens)
    if dataset_size is not None and n_tokens < dataset_size:
        notes.append(
            f"dataset_size is {dataset_size:,} tokens but the corpus has {n_tokens:,}: training on all of it"
        )
    if split == "by-file":
        train_parts, val_parts = split_by_file(corpus, head, train_fraction)
        n_val = sum(part.n_tokens for part in val_parts)
        notes.append(
            f"validation is {len(val_parts):,} of {len(head.parts):,} files, {n_val / n_tokens:.1%} of the tokens"
        )
    else:
        train_parts, val_parts = split_contiguous(head, train_fraction)
    for side, parts in (("training", train_parts), ("validation", val_parts)):
        if (n := sum(part.n_tokens for part in parts)) < 2:
            raise DataError(
                f"{corpus.source}: {n_tokens:,} tokens are too few to split: {n} for {side}, 2 are needed"
            )

    tokenizer = _make_tokenizer(kind, vocab_size, head, train_parts, notes)
    train, train_ranges = _write_side(head, train_parts, tokenizer)
    val, val_ranges = _write_side(head, val_parts, tokenizer)
    files = tuple(
        DatasetFile(
            corpus.files[part.file].name,
            corpus.files[part.file].lines_before,
            train_ranges.get(part.file, range(0)),
            val_ranges.get(part.file, range(0)),
        )
        for part in head.parts
    )
    fingerprint = hashlib.sha256(f"{tokenizer.fingerprint} {len(train.tokens)} {len(val.tokens)}".encode())
    for tokens in (train.tokens, val.tokens):
        for i in range(0, len(tokens), _BLOCK):
            fingerprint.update(tokens[i : i + _BLOCK].tobytes())
    val_bytes = hashlib.sha256()
    for part in val_parts:
        for data in _part_bytes(head, part):
            val_bytes.update(data)
    return Dataset(train, val, tokenizer, files, fingerprint.hexdigest(), val_bytes.hexdigest(), tuple(notes))


def _make_tokenizer(
    kind: str, vocab_size: int, head: Head, train_parts: Sequence[Part], notes: list[str]
) -> Tokenizer:
    """The vocabulary, made from the training side alone."""
    if kind == "gpt2":
        return gpt2_tokenizer()
    if kind == "gpt2-compact":
        used = np.zeros(1 << 16, np.bool_)
        for part in train_parts:
            used[head.tokens[part.start : part.stop]] = True
        return CompactTokenizer(np.flatnonzero(used))

    # A vocabulary of a large corpus is learned from blocks spread evenly over it.
    n_bytes = sum(_count_bytes(head, part) for part in train_parts)
    every = -(-n_bytes // BPE_SAMPLE)
    blocks = (data for part in train_parts for data in _part_bytes(head, part))
    sample = (data.decode("utf-8", "ignore") for i, data in enumerate(blocks) if i % every == 0)
    tokenizer = BpeTokenizer(train_bpe(sample, vocab_size))
    if every > 1:
        notes.append(
            f"the vocabulary was learned from every {every}th part of the training text, at most 10 MB"
        )
    if tokenizer.n_vocab < vocab_size:
        notes.append(
            f"vocab_size is {vocab_size:,} but the training text has no more pairs that occur twice: "
            f"{tokenizer.n_vocab:,} tokens"
        )
    return tokenizer


def _write_side(head: Head, parts: Sequence[Part], tokenizer: Tokenizer) -> tuple[Split, dict[int, range]]:
    """One side in the given vocabulary, and the range of each file's tokens."""
    n_bytes = sum(_count_bytes(head, part) for part in parts)
    ranges: dict[int, range] = {}
    file = TokenFile(tokenizer.dtype)
    for part in parts:
        start = file.n_tokens
        for ids in _part_ids(head, part, tokenizer):
            file.append(ids)
        ranges[part.file] = range(start, file.n_tokens)
    return Split(file.array(), n_bytes), ranges


def _part_ids(head: Head, part: Part, tokenizer: Tokenizer) -> Iterator[NDArray[Any]]:
    """A part in the given vocabulary."""
    if isinstance(tokenizer, BpeTokenizer):
        # The split may lie inside a character: bytes that are no UTF-8 travel as surrogates.
        decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        texts = (decoder.decode(data) for data in _part_bytes(head, part))
        for piece in pieces(texts):
            yield tokenizer.encode_bytes(piece.encode("utf-8", "surrogateescape"))
        yield tokenizer.encode_bytes(decoder.decode(b"", final=True).encode("utf-8", "surrogateescape"))
        return
    for i in range(part.start, part.stop, _BLOCK):
        ids = head.tokens[i : min(i + _BLOCK, part.stop)]
        yield tokenizer.from_gpt2(ids) if isinstance(tokenizer, CompactTokenizer) else ids


def _part_bytes(head: Head, part: Part) -> Iterator[bytes]:
    """The text of a part, in blocks."""
    tokenizer = gpt2_tokenizer()
    for i in range(part.start, part.stop, _BLOCK):
        yield tokenizer.decode_bytes(head.tokens[i : min(i + _BLOCK, part.stop)])


def _count_bytes(head: Head, part: Part) -> int:
    lengths = gpt2_tokenizer().token_lengths
    blocks = range(part.start, part.stop, _BLOCK)
    return sum(int(lengths[head.tokens[i : min(i + _BLOCK, part.stop)]].sum()) for i in blocks)
