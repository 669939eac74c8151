"""How much of the validation text also occurs in the training text, and whether it is large enough to mean anything.

A model that has seen the exam beforehand shows a small gap, and has learned nothing.

Repeats are found exactly, without hashing: two positions have the same id if and only if the n-grams that begin there
are equal, and the id of a longer n-gram is made from the ids of two shorter, overlapping ones (the doubling step of
Karp, Miller & Rosenberg 1972, "Rapid identification of repeated patterns in strings, trees and arrays").
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slmtui.config.limits import SHORTEST_COPY
from slmtui.data.heading import SharedText, distinct, find_shared

IntArray = NDArray[np.integer[Any]]  # ids in 32 bits: there are less than half as many positions; keys in 64
BoolArray = NDArray[np.bool_]

BLOCK = 1 << 18  # positions processed at a time, so that hardly any memory is needed beyond the ids
ABSENT = -1  # the id of an n-gram that the other side lacks, or that runs past the end


@dataclass(frozen=True)
class Leakage:
    """What the validation side shares with the training side. Positions are tokens from the start of a side."""

    val_tokens: int
    shortest: int  # only repeats of at least this many tokens count
    repeated_tokens: int  # validation tokens that are part of such a repeat
    repeated_share: float
    longest: int  # tokens of the longest repeat, however short; 0 if the sides share no token
    longest_train: int  # where it first begins; 0 if there is none
    longest_val: int
    unseen_tokens: int  # validation tokens whose id never occurs in training
    unseen_distinct: int  # how many different ids
    heading: SharedText | None = None  # that nearly all documents share; it is left out of all of the above
    footer: SharedText | None = None  # the same at their end


def leakage(train: ArrayLike, val: ArrayLike, shortest: int = SHORTEST_COPY, end: int | None = None) -> Leakage:
    """Compares two sides, (n,) and (m,) integer tokens. No repeat goes across an `end`, and none is counted.

    Where documents end, a heading and a footer that nearly all of them share are left out (heading.py).

    Raises ValueError for an empty side, or if `shortest` < 1.
    """
    train_tokens, val_tokens = np.asarray(train, dtype=np.int32), np.asarray(val, dtype=np.int32)
    if shortest < 1 or min(len(train_tokens), len(val_tokens)) < 1:
        raise ValueError(
            f"leakage needs a token on each side and repeats of at least one, not {len(train_tokens)} and "
            f"{len(val_tokens)} tokens and repeats of {shortest}"
        )
    if end is None:
        return _compared(train_tokens, val_tokens, shortest)
    ends = (train_tokens == end, val_tokens == end)
    train_tokens, val_tokens = (
        np.where(is_end, np.int32(ABSENT), side) for is_end, side in zip(ends, (train_tokens, val_tokens), strict=True)
    )
    found = _compared(train_tokens, val_tokens, shortest)
    if not found.repeated_tokens:
        return found
    common = single_tokens(train_tokens, val_tokens)
    while common.length < shortest:
        common = common.longer(min(common.length, shortest - common.length))
    if (shared := find_shared((common.train, common.val), ends, shortest, ABSENT)) is None:
        return found
    train_tokens[shared.train], val_tokens[shared.val] = ABSENT, ABSENT  # both are ours: np.where made them
    del common
    found = _compared(train_tokens, val_tokens, shortest)
    return replace(found, heading=shared.heading, footer=shared.footer)


def _compared(train_tokens: IntArray, val_tokens: IntArray, shortest: int) -> Leakage:
    common = single_tokens(train_tokens, val_tokens)
    is_text = val_tokens != ABSENT
    unseen = val_tokens[(common.val == ABSENT) & is_text]
    n_text = max(1, int(np.count_nonzero(is_text)))
    longest, repeated = common, 0
    while common.found and common.length < shortest:
        longest, common = common, common.longer(min(common.length, shortest - common.length))
    if common.found:
        longest, repeated = common, int(np.sum(covered(common.val != ABSENT, shortest)))
    if longest.found:
        longest = longest.longest()
    train_start, val_start = longest.first()
    return Leakage(
        val_tokens=n_text,
        shortest=shortest,
        repeated_tokens=repeated,
        repeated_share=repeated / n_text,
        longest=longest.length if longest.found else 0,
        longest_train=train_start,
        longest_val=val_start,
        unseen_tokens=len(unseen),
        unseen_distinct=len(np.unique(unseen)),
    )


@dataclass(frozen=True)
class SharedNgrams:
    """The n-grams of one length that both sides have: at each position, the id of the one that begins there."""

    length: int
    train: IntArray  # (n,): ABSENT, or an id below m
    val: IntArray  # (m,)

    @property
    def found(self) -> bool:
        return bool(np.any(self.val != ABSENT))

    def longer(self, by: int) -> SharedNgrams:
        """The same for n-grams that are longer by 1 to `length` tokens: each is two of this length, `by` apart."""
        return _numbered(self.length + by, self._keys(self.train, by), self._keys(self.val, by))

    def _keys(self, ids: IntArray, by: int) -> IntArray:
        keys = np.full(len(ids), ABSENT, np.int64)
        for start in range(0, len(ids) - by, BLOCK):
            stop = min(start + BLOCK, len(ids) - by)
            first, second = ids[start:stop], ids[start + by : stop + by]
            both = (first != ABSENT) & (second != ABSENT)
            keys[start:stop][both] = first[both].astype(np.int64) * len(self.val) + second[both]
        return keys

    def longest(self) -> SharedNgrams:
        """The greatest length that still has an n-gram in common, by doubling, then by bisection."""
        common, following = self, self.longer(self.length)
        while following.found:
            common, following = following, following.longer(following.length)
        too_long = following.length
        while too_long - common.length > 1:
            middle = common.longer((too_long - common.length) // 2)
            if middle.found:
                common = middle
            else:
                too_long = middle.length
        return common

    def first(self) -> tuple[int, int]:
        """The first position in val with a common n-gram, and the first in train with the same one: (train, val)."""
        if not self.found:
            return 0, 0
        val = int(np.argmax(self.val != ABSENT))
        return int(np.argmax(self.train == self.val[val])), val


def single_tokens(train: IntArray, val: IntArray) -> SharedNgrams:
    return _numbered(1, train, val)


def _numbered(length: int, train_keys: IntArray, val_keys: IntArray) -> SharedNgrams:
    """Gives equal keys (ABSENT, or ≥ 0) equal ids on both sides, and ABSENT to keys that one side lacks."""
    kinds = distinct(val_keys)
    train, val, in_both = (np.full(len(keys), ABSENT, np.int32) for keys in (train_keys, val_keys, kinds))
    for start in range(0, len(train_keys), BLOCK):
        keys = train_keys[start : start + BLOCK]
        possible = np.flatnonzero(keys != ABSENT)
        place = np.minimum(np.searchsorted(kinds, keys[possible]), len(kinds) - 1)
        same = kinds[place] == keys[possible]
        train[start + possible[same]] = place[same]
        in_both[place[same]] = place[same]
    for start in range(0, len(val_keys), BLOCK):
        keys = val_keys[start : start + BLOCK]
        possible = np.flatnonzero(keys != ABSENT)
        val[start + possible] = in_both[np.searchsorted(kinds, keys[possible])]
    return SharedNgrams(length, train, val)


def covered(starts: BoolArray, length: int) -> BoolArray:
    """Which positions are within `length` of one of `starts`: both (n,)."""
    edges = np.zeros(len(starts) + length, dtype=np.int32)
    edges[: len(starts)] += starts
    edges[length:] -= starts
    inside: BoolArray = np.cumsum(edges)[: len(starts)] > 0
    return inside
