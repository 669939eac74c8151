"""A heading that nearly all documents share, such as a licence: it says nothing about what a model has seen before.

Such text stands on both sides of any split, and in any new document of the kind, so it is left out when the sides are
compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.integer[Any]]
BoolArray = NDArray[np.bool_]

NEARLY_ALL = 0.8  # of the documents
FEWEST_DOCUMENTS = 5
MOST_OF_A_SIDE = 0.75  # of its tokens; where a heading is more, the documents are copies of one another


@dataclass(frozen=True)
class Heading:
    """`n_documents` of `of` have it; it is up to `tokens` long. `val_start`: where it first begins in validation."""

    n_documents: int
    of: int
    tokens: int
    val_start: int


def find_heading(
    ids: tuple[IntArray, IntArray], is_end: tuple[BoolArray, BoolArray], length: int, absent: int
) -> tuple[Heading, tuple[BoolArray, BoolArray]] | None:
    """The heading, and which tokens of training and validation, (n,) and (m,), are part of it; None without one.

    ids: at each position, the id of the n-gram of this length that begins there, or `absent`. is_end: which tokens end
    a document. A heading is the first stretch of n-grams that nearly all documents have, and begins within the first
    `length` tokens of each.
    """
    borders = tuple(np.concatenate([[0], np.flatnonzero(side) + 1, [len(side)]]) for side in is_end)
    spans = tuple([(a, b) for a, b in pairwise(side) if b - a > 1] for side in borders)
    of = len(spans[0]) + len(spans[1])
    if of < FEWEST_DOCUMENTS:
        return None
    having = np.zeros(max(map(len, ids)) + 1, np.int64)  # how many documents have each n-gram
    for side, ends in zip(ids, is_end, strict=True):
        found, n_documents = side != absent, int(np.count_nonzero(ends)) + 1
        pairs = side[found].astype(np.int64)  # an n-gram and a document that has it, as one number
        pairs *= n_documents
        pairs += np.cumsum(ends, dtype=np.int32)[found]
        pairs = distinct(pairs)
        having += np.bincount(pairs // n_documents, minlength=len(having))
    common = having >= NEARLY_ALL * of
    if not common.any():
        return None
    parts: list[BoolArray] = []
    lengths: list[int] = []
    val_start: int | None = None
    for which, (side, inside) in enumerate(zip(ids, spans, strict=True)):
        begins = np.where(side != absent, common[np.maximum(side, 0)], False)
        part = np.zeros(len(side), np.bool_)
        for start, stop in inside:
            first = start + int(np.argmax(begins[start : start + length])) if start < stop else start
            if not begins[first]:
                continue
            past = int(np.argmin(begins[first:stop])) if not begins[first:stop].all() else stop - first
            part[first : min(stop, first + past - 1 + length)] = True
            lengths.append(past - 1 + length)
            if which == 1 and val_start is None:
                val_start = first
        parts.append(part)
    if not lengths or any(part.mean() > MOST_OF_A_SIDE for part in parts if len(part)):
        return None
    if val_start is None:  # no document of validation begins with it, but one has it
        val_start = int(np.argmax(begins))
    return Heading(len(lengths), of, max(lengths), val_start), (parts[0], parts[1])


def distinct(values: IntArray) -> IntArray:
    """The distinct values, ascending, by sorting: `np.unique` takes a hash table of many times their size."""
    ordered = np.sort(values)
    return ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])] if len(ordered) else ordered
