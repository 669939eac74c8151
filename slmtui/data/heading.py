"""A heading that nearly all documents share, such as a licence: it says nothing about what a model has seen before.

Such text stands on both sides of any split, and in any new document of the kind, so it is left out when the sides are
compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
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
    documents = (np.cumsum(is_end[0]), np.cumsum(is_end[1]) + len(borders[0]))
    pairs = []
    for side, document in zip(ids, documents, strict=True):
        found = np.flatnonzero(side != absent)
        pairs.append(np.unique(np.stack([side[found], document[found]]), axis=1)[0])
    having = np.bincount(np.concatenate(pairs).astype(np.int64), minlength=1)
    common = having >= NEARLY_ALL * of
    if not common.any():
        return None
    parts: list[BoolArray] = []
    lengths: list[int] = []
    val_start = 0
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
            if which == 1 and not val_start:
                val_start = first
        parts.append(part)
    if not lengths or any(part.mean() > MOST_OF_A_SIDE for part in parts if len(part)):
        return None
    return Heading(len(lengths), of, max(lengths), val_start), (parts[0], parts[1])
