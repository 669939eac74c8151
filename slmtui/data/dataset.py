"""A corpus, tokenised, with a training and a validation side, and a test side where one is asked for.

    corpus = open_corpus("notes")
    dataset = build_dataset(corpus, DatasetSettings(kind="bpe", vocab_size=512))
    dataset.train.tokens  # (n,) uint16

The sides are chosen once, in GPT-2 tokens (token_prefix.py, sides.py); for another vocabulary, their texts are
tokenised again.
"""

from __future__ import annotations

import codecs
import hashlib
from bisect import bisect_right
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from slmtui.config.data_section import DataSection
from slmtui.config.phase import TokenizerSection
from slmtui.config.values import check_value
from slmtui.data.bpe import train_bpe
from slmtui.data.corpus import Corpus
from slmtui.data.errors import DataError, TooShort
from slmtui.data.kept_tokens import token_file
from slmtui.data.side_text import Batch, batches, count_bytes, part_blocks, part_bytes, sample
from slmtui.data.sides import choose_sides
from slmtui.data.token_file import TokenFile, blocks
from slmtui.data.token_prefix import END, PrefixPart, TokenPrefix, read_prefix
from slmtui.data.tokenizer import (
    MOST_CHARACTERS,
    BpeTokenizer,
    ByteTokenizer,
    CharacterTokenizer,
    CompactTokenizer,
    Gpt2Tokenizer,
    Tokenizer,
    gpt2_tokenizer,
)

BPE_SAMPLE = 10_000_000  # a vocabulary is learned from at most this many bytes of training text

Side = Literal["train", "val", "test"]
FileSide = Literal["train", "val", "both", "test", ""]  # "both": of training and validation


@dataclass(frozen=True)
class SideTokens:
    """One side. `tokens`: shape (n,), uint16 or uint32, read-only; `n_bytes`: of its text in UTF-8.

    `end`: the token that ends a document, None in the published form. `lines`: for each document that begins on this
    side or goes on on it, the line of its file that its first token here is on, from 1.
    """

    tokens: NDArray[Any]
    n_bytes: int
    end: int | None = None
    lines: NDArray[np.int64] | None = None

    @cached_property
    def ends(self) -> NDArray[np.int64]:
        """The places of the ends of documents, ascending."""
        if self.end is None:
            return np.empty(0, np.int64)
        start, found = 0, [np.empty(0, np.int64)]
        for block in blocks(self.tokens):
            found.append(start + np.flatnonzero(block == self.end))
            start += len(block)
        return np.concatenate(found)

    @property
    def n_text_tokens(self) -> int:
        """How many tokens stand for text; the others end a document."""
        return len(self.tokens) - len(self.ends)

    @property
    def bytes_per_token(self) -> float:
        """Nats per token of text divided by this and by ln 2 are bits per byte."""
        return self.n_bytes / self.n_text_tokens

    def document_at(self, token: int) -> tuple[int, int]:
        """Which document a token is of, and where that begins on this side; an end belongs to what it ends."""
        document = int(np.searchsorted(self.ends, token))
        return document, int(self.ends[document - 1]) + 1 if document else 0


@dataclass(frozen=True)
class DatasetFile:
    """A file of the corpus, and the range of its tokens on each side (empty if there are none)."""

    name: str
    lines_before: int  # its header, in the published form
    train: range
    val: range
    test: range = range(0)

    @property
    def side(self) -> FileSide:
        """Where its tokens are; "" for a file of which none are in the dataset."""
        if self.test:
            return "test"
        if self.train and self.val:
            return "both"
        return "train" if self.train else "val" if self.val else ""


@dataclass(frozen=True)
class Dataset:
    """The sides, their vocabulary, and the files they come from.

    `fingerprint`: SHA-256 of the sides' tokens and the vocabulary. `val_bytes_fingerprint`: of the validation text; if
    it is equal, losses under two vocabularies are about the same text. `notes`: what the user should know.
    """

    train: SideTokens
    val: SideTokens
    tokenizer: Tokenizer
    files: tuple[DatasetFile, ...]
    fingerprint: str
    val_bytes_fingerprint: str
    notes: tuple[str, ...]
    corpus: Corpus
    test: SideTokens | None = None
    by_document_differs: bool | None = None  # as of Sides

    def locate(self, side: Side, token_index: int) -> tuple[str, int]:
        """The file in which a token begins, and its line in that file (from 1).

        A token of the published header counts as line 1. Raises IndexError if there is no such token.
        """
        tokens = self.side(side)
        if not 0 <= token_index < len(tokens.tokens):
            raise IndexError(f"{side} has {len(tokens.tokens)} tokens, no token {token_index}")
        files = [file for file in self.files if getattr(file, side)]
        file = files[bisect_right(files, token_index, key=lambda file: getattr(file, side).start) - 1]
        if tokens.lines is not None:
            document, start = tokens.document_at(token_index)
            newlines = self._newlines(side, start, token_index) if self.corpus.form.keeps_lines else 0
            return file.name, int(tokens.lines[document]) + newlines
        newlines = self._newlines(side, getattr(file, side).start, token_index)
        if side == "val":  # in a file cut by the split, the training lines come first
            newlines += self._newlines("train", file.train.start, file.train.stop)
        return file.name, max(1, newlines - file.lines_before + 1)

    def side(self, side: Side) -> SideTokens:
        """Raises ValueError for a test side that was not asked for."""
        found: SideTokens | None = getattr(self, side)
        if found is None:
            raise ValueError(f"the dataset has no {side} side")
        return found

    @property
    def sides(self) -> list[SideTokens]:
        """Those that there are."""
        return [side for side in (self.train, self.val, self.test) if side is not None]

    @property
    def n_documents(self) -> int | None:
        """On all sides; None in the published form."""
        documents = [side.lines for side in self.sides if side.lines is not None]
        return sum(map(len, documents)) if documents else None

    def _newlines(self, side: Side, start: int, stop: int) -> int:
        tokens = self.side(side).tokens
        per_token = self.tokenizer.newlines
        return sum(int(per_token[block].sum()) for block in blocks(tokens, start, stop))


_DATA, _TOKENIZER = DataSection(), TokenizerSection()


@dataclass(frozen=True, kw_only=True)
class DatasetSettings:
    """How to turn a corpus into a dataset: the keys of [data] and [tokenizer] with these names.

    Raises DataError for a setting that the phase schema does not allow.
    """

    kind: str = _TOKENIZER.kind
    vocab_size: int = _TOKENIZER.vocab_size
    dataset_size: int | None = _DATA.dataset_size
    train_fraction: float = _DATA.train_fraction
    split: str = _DATA.split
    validation: tuple[str, ...] = _DATA.validation
    test: tuple[str, ...] = _DATA.test
    test_fraction: float = _DATA.test_fraction
    validation_size: int | None = _DATA.validation_size
    dedupe: bool = _DATA.dedupe

    def __post_init__(self) -> None:
        try:
            check_value("tokenizer", "kind", self.kind)
            if self.kind == "bpe":
                check_value("tokenizer", "vocab_size", self.vocab_size)
            for name in (
                "dataset_size", "train_fraction", "split", "validation", "test", "test_fraction", "dedupe",
                "validation_size",
            ):  # fmt: skip
                check_value("data", name, getattr(self, name))
        except ValueError as error:
            raise DataError(str(error)) from None

    @property
    def has_test(self) -> bool:
        """Whether some of the corpus is kept for a test."""
        return bool(self.test or self.test_fraction)


def build_dataset(corpus: Corpus, settings: DatasetSettings, tokenizer: Tokenizer | None = None) -> Dataset:
    """Take the first tokens of a corpus, choose the sides, and tokenise them with a vocabulary of the given kind.

    tokenizer: the vocabulary, where there is one already. Raises DataError for a text that is too short to split, and
    for sides that cannot be had.
    """
    return split_prefix(corpus, read_prefix(corpus, settings.dataset_size), settings, tokenizer)


def split_prefix(
    corpus: Corpus, prefix: TokenPrefix, settings: DatasetSettings, tokenizer: Tokenizer | None = None
) -> Dataset:
    """`build_dataset` for tokens that have already been read."""
    notes = list(corpus.notes)
    n_tokens = prefix.n_text_tokens
    if settings.dataset_size is not None and n_tokens < settings.dataset_size:
        asked = f"dataset_size is {settings.dataset_size:,} tokens"
        notes.append(f"{asked} but the corpus has {n_tokens:,}: training on all of it")
    sides = choose_sides(
        corpus, prefix, train_fraction=settings.train_fraction, split=settings.split,
        validation=settings.validation, test=settings.test, test_fraction=settings.test_fraction,
        dedupe=settings.dedupe, validation_size=settings.validation_size,
    )  # fmt: skip
    notes += sides.notes
    chosen = {"training": sides.train, "validation": sides.val} | ({"test": sides.test} if settings.has_test else {})
    for name, parts in chosen.items():
        if not any(part.n_tokens for part in parts):
            raise _too_few(corpus, n_tokens, 0, name)

    tokenizer = tokenizer or _make_tokenizer(settings, prefix, sides.train, notes)
    not_kept = [prefix.not_kept] if prefix.not_kept else []
    written = [
        _write_side(corpus, prefix, parts, tokenizer, not_kept) for parts in (sides.train, sides.val, sides.test)
    ]
    if not_kept:
        notes.append(f"the tokens of this text are not kept for the next time ({not_kept[0]})")
    train, val, test = (side for side, _ in written)
    for name, (side, _) in zip(chosen, written, strict=False):
        if side.n_text_tokens < 2:  # the first token of a side is never predicted, and an end is not counted
            raise _too_few(corpus, n_tokens, side.n_text_tokens, name)
    files = tuple(
        DatasetFile(
            corpus.files[part.file].name,
            corpus.files[part.file].lines_before,
            *(ranges.get(part.file, range(0)) for _, ranges in written),
        )
        for part in prefix.parts
    )
    fingerprint = hashlib.sha256(f"{tokenizer.fingerprint} {len(train.tokens)} {len(val.tokens)}".encode())
    for side, _ in written:
        for block in blocks(side.tokens):
            fingerprint.update(block.tobytes())
    val_bytes = hashlib.sha256()
    for data in part_bytes(prefix, sides.val):
        val_bytes.update(data)
    return Dataset(
        train, val, tokenizer, files, fingerprint.hexdigest(), val_bytes.hexdigest(), tuple(notes), corpus,
        test if settings.has_test else None, sides.by_document_differs,
    )  # fmt: skip


def _too_few(corpus: Corpus, n_tokens: int, n: int, side: str) -> TooShort:
    few = "1 token is" if n_tokens == 1 else f"{n_tokens:,} tokens are"
    return TooShort(f"{corpus.source}: {few} too few to split: {n} for {side}, at least 2 are needed")


def _make_tokenizer(
    settings: DatasetSettings, prefix: TokenPrefix, train_parts: Sequence[PrefixPart], notes: list[str]
) -> Tokenizer:
    """The vocabulary, built from the training side alone."""
    end = prefix.documents is not None
    if settings.kind == "gpt2":
        return gpt2_tokenizer(end=end)
    if settings.kind == "gpt2-compact":
        used = np.zeros(1 << 16, np.bool_)
        used[END] = end
        for _, block in part_blocks(prefix, train_parts):
            used[block] = True
        return CompactTokenizer(np.flatnonzero(used))
    if settings.kind == "bytes":
        return ByteTokenizer(end=end)
    if settings.kind == "characters":
        return _character_tokenizer(prefix, train_parts, end, notes)

    # For a large corpus, the vocabulary is learned from evenly spaced blocks.
    every = -(-count_bytes(prefix, train_parts) // BPE_SAMPLE)
    texts = sample(prefix, train_parts, every)  # documents apart: no word goes on into another
    tokenizer = BpeTokenizer(train_bpe(texts, settings.vocab_size - end), end=end)
    if every > 1:
        notes.append(f"the vocabulary was learned from part of the training text: 1 block in {every}, up to 10 MB")
    if tokenizer.n_vocab < settings.vocab_size:
        notes.append(
            f"vocab_size is {settings.vocab_size:,}, but no further pair occurs twice in the training text: "
            f"the vocabulary has {tokenizer.n_vocab:,} tokens"
        )
    return tokenizer


def _character_tokenizer(
    prefix: TokenPrefix, train_parts: Sequence[PrefixPart], end: bool, notes: list[str]
) -> CharacterTokenizer:
    found: set[str] = set()
    decoder = codecs.getincrementaldecoder("utf-8")("ignore")
    for data in part_bytes(prefix, train_parts):
        found.update(decoder.decode(data))
    if len(found) > MOST_CHARACTERS:
        raise DataError(
            f"the training text has {len(found):,} different characters, a vocabulary at most {MOST_CHARACTERS:,}; "
            'use tokenizer.kind = "bpe"'
        )
    tokenizer = CharacterTokenizer(found, end=end)
    if not tokenizer.characters:
        notes.append("the training text is ASCII: its characters are bytes")
    return tokenizer


def _write_side(
    corpus: Corpus, prefix: TokenPrefix, parts: Sequence[PrefixPart], tokenizer: Tokenizer, not_kept: list[str]
) -> tuple[SideTokens, dict[int, range]]:
    """One side, tokenised, and the range of each file's tokens. not_kept: learns why they are not kept, if not."""
    n_bytes = count_bytes(prefix, parts)
    lines = None if prefix.documents is None else _lines(prefix, parts, corpus.form.keeps_lines)
    if isinstance(tokenizer, Gpt2Tokenizer) and parts and all(one.stop == two.start for one, two in pairwise(parts)):
        first, last = parts[0].start, parts[-1].stop
        views: dict[int, range] = {}
        for part in parts:
            start = views[part.file].start if part.file in views else part.start - first
            views[part.file] = range(start, part.stop - first)
        return SideTokens(prefix.tokens[first:last], n_bytes, tokenizer.end, lines), views
    ranges: dict[int, range] = {}

    def extend(index: int, n: int) -> None:
        """The last n tokens are of this file."""
        start = ranges[index].start if index in ranges else file.n_tokens - n
        ranges[index] = range(start, file.n_tokens)

    def encode(batch: Batch) -> NDArray[Any]:
        return tokenizer.encode_documents(batch.texts, ends=batch.ends)

    if isinstance(tokenizer, Gpt2Tokenizer | CompactTokenizer):
        file = TokenFile(tokenizer.dtype)
        for part, ids in part_blocks(prefix, parts):
            file.append(own := tokenizer.from_gpt2(ids) if isinstance(tokenizer, CompactTokenizer) else ids)
            extend(part.file, len(own))
    else:
        file = token_file(tokenizer.dtype, n_bytes, tokenizer.kind, tokenizer.fingerprint, corpus.text_key, parts)
        with closing(file.encode(batches(prefix, parts), encode)) as rows:
            for batch, ids in rows:
                extend(batch.file, len(ids))
        if file.not_kept:
            not_kept.append(file.not_kept)
    return SideTokens(file.array(), n_bytes, tokenizer.end, lines), ranges


def _lines(prefix: TokenPrefix, parts: Sequence[PrefixPart], keeps_lines: bool) -> NDArray[np.int64]:
    """The line of its file on which each document of a side begins, or goes on, in the case of a cut one."""
    documents = prefix.documents
    if documents is None or not parts:
        return np.empty(0, np.int64)
    found = []
    for part in parts:
        first, last = np.searchsorted(documents.starts, [part.start, part.stop])
        if first == len(documents) or documents.starts[first] > part.start:  # it begins within the document before
            before = PrefixPart(part.file, int(documents.starts[first - 1]), part.start)
            found.append(documents.lines[first - 1 : first] + (_newlines(prefix, before) if keeps_lines else 0))
        found.append(documents.lines[first:last])
    return np.concatenate(found)


def _newlines(prefix: TokenPrefix, part: PrefixPart) -> int:
    newlines = gpt2_tokenizer().newlines
    return sum(int(newlines[block].sum()) for block in blocks(prefix.tokens, part.start, part.stop))
