"""What nearly all documents begin or end with, such as a licence: it says nothing about what a model has seen before.

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
Stretch = tuple[int, int]  # the places of its first token and of the one after it

NEARLY_ALL = 0.8  # of the documents
FEWEST_DOCUMENTS = 5
MOST_OF_A_SIDE = 0.75  # of its tokens; where what is shared is more, the documents are copies of one another


@dataclass(frozen=True)
class SharedText:
    """`n_documents` of `of` have it; it is up to `tokens` long. `val_start`: where it first begins in validation."""

    n_documents: int
    of: int
    tokens: int
    val_start: int


@dataclass(frozen=True)
class SharedTexts:
    """What nearly all documents begin or end with. train, (n,), and val, (m,): which tokens are part of it."""

    heading: SharedText | None
    footer: SharedText | None
    train: BoolArray
    val: BoolArray


def find_shared(
    ids: tuple[IntArray, IntArray], is_end: tuple[BoolArray, BoolArray], length: int, absent: int
) -> SharedTexts | None:
    """The heading and the footer of a corpus; None without either.

    ids: at each position of training and validation, the id of the n-gram of this length that begins there, or
    `absent`. is_end: which tokens end a document. A heading is the first stretch of n-grams that nearly all documents
    have. Its first n-gram begins within the first `length` tokens of each, and nearly all have that once: what recurs
    in documents is how they are written. A footer is the same read from the end, where the heading does not reach.
    """
    documents = tuple(map(_documents, is_end))
    of = len(documents[0]) + len(documents[1])
    if of < FEWEST_DOCUMENTS:
        return None
    having, having_once = np.zeros((2, max(map(len, ids)) + 1), np.int64)  # how many documents have each n-gram
    for side, ends in zip(ids, is_end, strict=True):
        found, n_documents = side != absent, int(np.count_nonzero(ends)) + 1
        pairs = side[found].astype(np.int64)  # an n-gram and a document that has it, as one number
        pairs *= n_documents
        pairs += np.cumsum(ends, dtype=np.int32)[found]
        pairs.sort()
        new = np.concatenate([[True], pairs[1:] != pairs[:-1], [True]])[-len(pairs) - 1 :]
        having += np.bincount(pairs[new[:-1]] // n_documents, minlength=len(having))
        having_once += np.bincount(pairs[new[:-1] & new[1:]] // n_documents, minlength=len(having))
    common, common_once = having >= NEARLY_ALL * of, having_once >= NEARLY_ALL * of
    if not common_once.any():
        return None
    headings, footers = list[list[Stretch | None]](), list[list[Stretch | None]]()
    for side, spans in zip(ids, documents, strict=True):
        begins, goes_on = (
            np.where(side != absent, which[np.maximum(side, 0)], False) for which in (common_once, common)
        )
        heads = _first_stretches(begins, goes_on, spans, length)
        headings.append(heads)
        n = len(side)
        begins, goes_on = (
            np.concatenate([which[: n - length + 1][::-1], np.zeros(min(n, length - 1), np.bool_)])
            for which in (begins, goes_on)
        )  # as read from the end
        tails = _first_stretches(begins, goes_on, [(n - stop, n - start) for start, stop in spans], length)
        own = [(n - tail[1], n - tail[0]) if tail is not None else None for tail in tails]
        footers.append(
            [foot if foot and (not head or foot[0] >= head[1]) else None for head, foot in zip(heads, own, strict=True)]
        )
    parts = [np.zeros(len(side), np.bool_) for side in ids]
    for part, heads, feet in zip(parts, headings, footers, strict=True):
        for stretch in (*heads, *feet):
            if stretch is not None:
                part[slice(*stretch)] = True
    heading, footer = (_described(stretches, ids, of) for stretches in (headings, footers))
    if (heading is None and footer is None) or any(part.mean() > MOST_OF_A_SIDE for part in parts if len(part)):
        return None
    return SharedTexts(heading, footer, *parts)


def _documents(is_end: BoolArray) -> list[Stretch]:
    """The places of the documents of a side, without their ends; of those that have a token."""
    borders = np.concatenate([[0], np.flatnonzero(is_end) + 1, [len(is_end)]]).tolist()
    spans = ((start, stop - bool(is_end[stop - 1])) for start, stop in pairwise(borders) if stop - start > 1)
    return list(spans)


def _first_stretches(
    begins: BoolArray, goes_on: BoolArray, documents: list[Stretch], length: int
) -> list[Stretch | None]:
    """Of each document, the tokens that its first n-grams in common cover, if these begin early enough.

    begins: whether an n-gram of this length that a stretch can begin with stands at each place, (n,); goes_on: one that
    it can go on with, (n,).
    """
    found = list[Stretch | None]()
    for start, stop in documents:
        first = start + int(np.argmax(begins[start : min(stop, start + length)]))
        if not begins[first]:
            found.append(None)
            continue
        rest = goes_on[first:stop]
        past = len(rest) if rest.all() else int(np.argmin(rest))
        found.append((first, min(stop, first + past - 1 + length)))
    return found


def _described(stretches: list[list[Stretch | None]], ids: tuple[IntArray, IntArray], of: int) -> SharedText | None:
    """stretches: of the documents of training, and of those of validation."""
    train, val = ([one for one in side if one is not None] for side in stretches)
    if not train and not val:
        return None
    # If no document of validation begins with it (or ends, with a footer), one has it elsewhere.
    val_start = val[0][0] if val else int(np.argmax(ids[1] == ids[0][train[0][0]]))
    return SharedText(len(train) + len(val), of, max(stop - start for start, stop in (*train, *val)), val_start)


def distinct(values: IntArray) -> IntArray:
    """The distinct values, ascending, by sorting: `np.unique` takes a hash table of many times their size."""
    ordered = np.sort(values)
    return ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])] if len(ordered) else ordered
