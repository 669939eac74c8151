"""Which documents of a dataset are near-copies of which others, by name and side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slmtui.data.dataset import Dataset, Side
from slmtui.data.duplicates import DOCUMENT_LIMIT, near_duplicates

COMPARED_TOKENS = 1_000_000  # of each side, from its start; more would take minutes


@dataclass(frozen=True)
class NearCopy:
    """A document and an earlier one that it is like: places as "file", or "file:line" where a file has several.

    similarity: the share of their 8-grams of tokens that they have in common, 0.8 to 1.
    """

    copy: str
    of: str
    similarity: float
    copy_side: Side
    of_side: Side

    @property
    def across(self) -> bool:
        """Whether one of them trains and the other does not, which makes the validation loss too low."""
        return self.copy_side != self.of_side


@dataclass(frozen=True)
class NearCopies:
    """Pairs across the sides first, then by similarity. `note`: what was not compared, or ""."""

    pairs: tuple[NearCopy, ...]
    note: str = ""


def near_copies(dataset: Dataset, *, one_document_a_file: bool) -> NearCopies:
    """Those of the first `COMPARED_TOKENS` tokens of each side."""
    documents = list(_files(dataset) if one_document_a_file else _documents(dataset))
    pairs = near_duplicates([tokens for _, _, tokens in documents])
    names = [name for name, _, _ in documents]
    sides = [side for _, side, _ in documents]
    found = [
        NearCopy(names[pair.second], names[pair.first], pair.similarity, sides[pair.second], sides[pair.first])
        for pair in pairs
    ]
    distinct = len(documents) - sum(pair.similarity == 1.0 for pair in pairs)
    return NearCopies(
        tuple(sorted(found, key=lambda copy: (not copy.across, -copy.similarity))), _note(dataset, distinct)
    )


def _note(dataset: Dataset, distinct: int) -> str:
    named = (("training", dataset.train), ("validation", dataset.val), ("test", dataset.test))
    parts = [
        f"{COMPARED_TOKENS:,} of {len(side.tokens):,} {name} tokens"
        for name, side in named
        if side is not None and len(side.tokens) > COMPARED_TOKENS
    ]
    note = f"near-copies looked for in the first {' and '.join(parts)}" if parts else ""
    if distinct > DOCUMENT_LIMIT:
        limit = f"only among {DOCUMENT_LIMIT:,} of {distinct:,} different documents"
        note = f"{note}, {limit}" if note else f"near-copies looked for {limit}"
    return note


def _files(dataset: Dataset) -> Iterator[tuple[str, Side, NDArray[Any]]]:
    for file in dataset.files:
        parts: list[tuple[Side, range]] = [("train", file.train), ("val", file.val), ("test", file.test)]
        held = [(side, span) for side, span in parts if len(span) and span.start < COMPARED_TOKENS]
        if held:
            pieces = [dataset.side(side).tokens[span.start : min(span.stop, COMPARED_TOKENS)] for side, span in held]
            tokens = np.concatenate(pieces)
            yield (
                file.name,
                held[0][0],
                tokens[tokens != dataset.tokenizer.end] if dataset.tokenizer.end is not None else tokens,
            )


def _documents(dataset: Dataset) -> Iterator[tuple[str, Side, NDArray[Any]]]:
    sides: tuple[Side, ...] = ("train", "val") if dataset.test is None else ("train", "val", "test")
    return chain.from_iterable(_documents_of(dataset, side) for side in sides)


def _documents_of(dataset: Dataset, side: Side) -> Iterator[tuple[str, Side, NDArray[Any]]]:
    """The documents of a side with their places; of those that begin within the tokens that are compared."""
    tokens = dataset.side(side)
    files = [(getattr(file, side), file.name) for file in dataset.files if len(getattr(file, side))]
    start, at = 0, 0
    for document, end in enumerate([*tokens.ends[tokens.ends < COMPARED_TOKENS].tolist(), len(tokens.tokens)]):
        if start >= min(len(tokens.tokens), COMPARED_TOKENS):
            return
        while start >= files[at][0].stop:
            at += 1
        line = f":{tokens.lines[document]}" if tokens.lines is not None else ""
        yield f"{files[at][1]}{line}", side, tokens.tokens[start : min(end, COMPARED_TOKENS)]
        start = end + 1
