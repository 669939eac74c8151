"""An index of the training text that finds where, and for how long, a sample copies it.

It is a suffix array (Manber & Myers 1993, "Suffix arrays: a new method for on-line string searches"), built
by prefix doubling; each round sorts only the suffixes that are still tied (Larsson & Sadakane 2007, "Faster
suffix sorting").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

IntArray = NDArray[np.int64]

END = -1  # follows the last token of a text and sorts before every token
WIDTH = 32  # tokens compared at once at each position


@dataclass(frozen=True)
class TextIndex:
    tokens: IntArray  # (n + 1,): the text and END
    suffixes: IntArray  # (n,): where the suffixes begin, in ascending order

    @classmethod
    def build(cls, tokens: ArrayLike) -> TextIndex:
        """Indexes a text of (n,) integer tokens, none negative. Raises ValueError for an empty text."""
        text = _tokens(tokens)
        if len(text) == 0:
            raise ValueError("an index needs at least one token")
        return cls(np.append(text, END), suffix_array(text))

    def match_lengths(self, sample: ArrayLike) -> tuple[IntArray, IntArray]:
        """For each token of a sample: the length of the longest run from there that occurs somewhere in the text.

        Returns lengths (m,) and the start of one such occurrence (m,); both 0 for a token that is not in the text.
        """
        query = np.append(_tokens(sample), END)
        lengths, places = np.zeros((2, len(query) - 1), dtype=np.int64)
        at = np.arange(len(lengths))
        after = self._insertion_points(query, at)
        # The longest match of a string is one of the two suffixes that it would be sorted between.
        for place in (after - 1, after):
            suffix = self.suffixes[np.clip(place, 0, len(self.suffixes) - 1)]
            shared, _ = self._compare(query, at, suffix)
            better = shared > lengths
            lengths[better], places[better] = shared[better], suffix[better]
        return lengths, places

    def _insertion_points(self, query: IntArray, at: IntArray) -> IntArray:
        """How many suffixes sort before query[at:], by bisection for all of `at` together: (len(at),)."""
        low, high = np.zeros(len(at), dtype=np.int64), np.full(len(at), len(self.suffixes))
        for _ in range(len(self.suffixes).bit_length()):
            middle = (low + high) // 2
            _, before = self._compare(query, at, self.suffixes[np.minimum(middle, len(self.suffixes) - 1)])
            before &= middle < high
            low, high = np.where(before, middle + 1, low), np.where(before, high, middle)
        return low

    def _compare(self, query: IntArray, at: IntArray, places: IntArray) -> tuple[IntArray, NDArray[np.bool_]]:
        """How many tokens query[at:] and text[places:] share, and whether the text's sorts first: (len(at),)."""
        shared = np.minimum(len(query) - 1 - at, len(self.tokens) - 1 - places)  # unless they differ earlier
        before = np.zeros(len(at), dtype=bool)
        equal = np.arange(len(at))  # the pairs that are equal so far
        for start in range(0, len(query), WIDTH):
            steps = np.arange(start, start + WIDTH)
            asked = query[np.minimum(at[equal, None] + steps, len(query) - 1)]
            found = self.tokens[np.minimum(places[equal, None] + steps, len(self.tokens) - 1)]
            differ = asked != found
            rows = np.flatnonzero(differ.any(axis=1))
            first = differ[rows].argmax(axis=1)
            shared[equal[rows]] = np.minimum(shared[equal[rows]], start + first)
            before[equal[rows]] = found[rows, first] < asked[rows, first]
            equal = np.delete(equal, rows)
            if len(equal) == 0:
                break
        return shared, before


def suffix_array(text: IntArray) -> IntArray:
    """The starts of all suffixes of a text, (n,), sorted; a suffix comes before those that begin with it."""
    n = len(text)
    suffixes = np.argsort(text, kind="stable")
    rank = np.empty(n + 1, dtype=np.int64)  # of each suffix: the index of the first one that it is tied with
    rank[n] = END
    slots = np.arange(n)  # the positions still to be sorted: those of tied suffixes
    new = np.append(True, np.diff(text[suffixes]) != 0)
    length = 1  # tokens that the order takes into account
    while True:
        rank[suffixes[slots]] = np.maximum.accumulate(np.where(new, slots, 0))
        alone = new & np.append(new[1:], True)
        slots = slots[~alone]
        if len(slots) == 0:
            return suffixes
        tied = suffixes[slots]
        key = rank[tied] * (n + 1) + rank[np.minimum(tied + length, n)] + 1
        order = np.argsort(key, kind="stable")
        suffixes[slots] = tied[order]
        new = np.append(True, np.diff(key[order]) != 0)
        length *= 2


def _tokens(tokens: ArrayLike) -> IntArray:
    text = np.asarray(tokens, dtype=np.int64)
    if text.ndim != 1 or np.any(text < 0):
        raise ValueError("tokens must be one row of integers, none of them negative")
    return text
