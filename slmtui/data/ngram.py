"""A Kneser–Ney n-gram model: what counting alone achieves, and so the least that a trained network has to beat.

The definition is Kneser & Ney 1995 ("Improved backing-off for m-gram language modeling") in the
interpolated form of Chen & Goodman 1999 ("An empirical study of smoothing techniques for language
modeling"). With h a context of k − 1 tokens, h' the same without its oldest token, and c_k the counts of
level k:

    p_k(w | h) = max(c_k(hw) − D_k, 0) / c_k(h·)  +  D_k · types_k(h) / c_k(h·) · p_{k−1}(w | h')
    p_0(w)     = 1 / n_vocab
    D_k        = n1 / (n1 + 2 n2)      (n1, n2: how many n-grams of level k have count 1 and 2)

c_k(h·) is the sum over all w, types_k(h) the number of different w after h. At the highest level c_k counts
occurrences; below it, the distinct tokens seen before the n-gram. The beginning of the text counts as one such token,
so that the first n-grams of a corpus are not lost. For a context never seen, p_k = p_{k−1}.

The n-grams of a level are one ascending array of integer keys, `context id · n_vocab + token`, where a context's id is
its index among the keys of the level below: a trie, stored level by level. Nothing loops over tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slmtui.errors import UserError

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

HIGHEST_ORDER = 7
UNKNOWN = -1  # the id of an n-gram that training never saw
FALLBACK_DISCOUNT = 0.75  # where the formula does not apply (no n-gram occurs once, or none twice)


@dataclass(frozen=True)
class OrderTable:
    """The n-grams of one length, with their probabilities and the weight left to the level below."""

    keys: IntArray  # (n_grams,), ascending
    counts: IntArray  # (n_grams,), all positive
    probability: FloatArray  # (n_grams,): discounted, given the context
    backoff: FloatArray  # (n_contexts,): the weight of the level below; 1 where nothing follows

    @classmethod
    def smooth(cls, keys: IntArray, counts: IntArray, n_contexts: int, n_vocab: int) -> OrderTable:
        contexts = keys // n_vocab
        totals = np.bincount(contexts, weights=counts, minlength=n_contexts)
        types = np.bincount(contexts, minlength=n_contexts)
        taken = discount(counts)
        backoff = np.ones(n_contexts)
        np.divide(taken * types, totals, out=backoff, where=types > 0)
        return cls(keys, counts, (counts - taken) / totals[contexts], backoff)

    def interpolate(self, contexts: IntArray, ids: IntArray, lower: FloatArray) -> FloatArray:
        """p_k of n-grams, (n,), from their p_{k−1}, the ids of their contexts and their own ids (or UNKNOWN)."""
        seen = np.where(ids >= 0, self.probability[ids], 0.0)
        return seen + np.where(contexts >= 0, self.backoff[contexts], 1.0) * lower


def discount(counts: IntArray) -> float:
    """What is subtracted from each count of a level, strictly between 0 and 1: D_k above (Ney, Essen & Kneser 1994)."""
    once, twice = int(np.sum(counts == 1)), int(np.sum(counts == 2))
    return once / (once + 2 * twice) if once and twice else FALLBACK_DISCOUNT


@dataclass(frozen=True)
class LevelCounts:
    """The n-grams of a text of one length, and how often each occurs; then the other count of those one shorter."""

    keys: IntArray  # (n_grams,), as described above
    occurrences: IntArray  # (n_grams,)
    continuations: IntArray  # (n_contexts,): distinct tokens before each n-gram of the level below; of level 1, (0,)


def count_ngrams(tokens: ArrayLike, n_vocab: int, order: int) -> Iterator[LevelCounts]:
    """Counts the n-grams of lengths 1 to `order`, or to the length of the text if that is less. tokens: (n,) integers.

    Level by level, so that whoever needs only two of them at a time has no more in memory.
    Raises ValueError for an empty text, or an id outside the vocabulary.
    """
    text = checked_tokens(tokens, n_vocab)
    if len(text) == 0 or order < 1:
        raise ValueError(f"n-grams need at least one token and order 1, not {len(text)} tokens and order {order}")
    ids = np.zeros(len(text) + 1, np.int64)  # of the n-gram of the level below that begins at each place
    n_below, in_front = 0, np.zeros(0, np.int64)
    for length in range(1, min(order, len(text)) + 1):
        level = ids[:-1] * n_vocab + text[length - 1 :]
        sorting = np.argsort(level, kind="stable")  # by hand, since np.unique takes twice the memory
        level = level[sorting]
        firsts = np.flatnonzero(np.concatenate([[True], level[1:] != level[:-1]]))
        level, occurrences = level[firsts], np.diff(firsts, append=len(level))
        if n_below:  # each distinct n-gram is one more token before the (n−1)-gram that it ends with
            in_front = np.bincount(ids[1:][sorting[firsts]], minlength=n_below)
            in_front[ids[0]] += 1  # the beginning of the text
        ids, n_below = np.empty(len(sorting), np.int64), len(level)
        ids[sorting] = np.repeat(np.arange(n_below), occurrences)
        del sorting, firsts
        yield LevelCounts(level, occurrences, in_front)


@dataclass(frozen=True)
class KneserNey:
    """A fitted model. `levels[k - 1]` has the n-grams of length k."""

    n_vocab: int
    levels: tuple[OrderTable, ...]

    @property
    def order(self) -> int:
        return len(self.levels)

    @classmethod
    def fit(cls, tokens: ArrayLike, n_vocab: int, order: int) -> KneserNey:
        """Fits on one text, (n,) integers below `n_vocab`. A text shorter than `order` gets a lower order."""
        levels = list(count_ngrams(tokens, n_vocab, order))
        counts = [above.continuations for above in levels[1:]]
        return cls._build(n_vocab, [level.keys for level in levels], [*counts, levels[-1].occurrences])

    @classmethod
    def _build(cls, n_vocab: int, keys: Sequence[IntArray], counts: Sequence[IntArray]) -> KneserNey:
        n_contexts = [1, *map(len, keys[:-1])]
        levels = (OrderTable.smooth(k, c, n, n_vocab) for k, c, n in zip(keys, counts, n_contexts, strict=True))
        return cls(n_vocab, tuple(levels))

    def losses(self, tokens: ArrayLike) -> FloatArray:
        """−ln p of each token in nats, (n,), given those before it; the first has an empty context."""
        text = checked_tokens(tokens, self.n_vocab)
        p = np.full(len(text), 1 / self.n_vocab)
        for level, (contexts, ids) in zip(self.levels, walk(self._keys, self.n_vocab, text), strict=True):
            p = level.interpolate(contexts, ids, p)
        losses: FloatArray = -np.log(p)
        return losses

    def distribution(self, context: ArrayLike) -> FloatArray:
        """The probabilities of the next token, (n_vocab,), after the end of `context`, (n,) tokens, any n."""
        only: FloatArray = self.distributions([context])[0]
        return only

    def distributions(self, contexts: Sequence[ArrayLike]) -> FloatArray:
        """The same for several contexts of any lengths: (len(contexts), n_vocab), each row summing to one."""
        rows, reach = len(contexts), self.order - 1
        recent = np.full((rows, reach), UNKNOWN)  # the last tokens of each, aligned at the right
        for row, context in enumerate(contexts):
            tail = checked_tokens(context, self.n_vocab)
            tail = tail[max(0, len(tail) - reach) :]
            recent[row, reach - len(tail) :] = tail
        p = np.full((rows, self.n_vocab), 1 / self.n_vocab)
        for length, level in enumerate(self.levels):
            ids = np.zeros(rows, dtype=np.int64)
            for keys, column in zip(self._keys, range(reach - length, reach), strict=False):
                ids = find(keys, ids, recent[:, column], self.n_vocab)
            p *= np.where(ids >= 0, level.backoff[ids], 1.0)[:, None]
            start, stop = np.searchsorted(level.keys, [ids * self.n_vocab, (ids + 1) * self.n_vocab])
            sizes = np.where(ids >= 0, stop - start, 0)
            # Every n-gram that begins with one of these contexts: its row, and its index among the level's keys.
            row_of = np.repeat(np.arange(rows), sizes)
            place = np.arange(len(row_of)) + np.repeat(start - (np.cumsum(sizes) - sizes), sizes)
            p[row_of, level.keys[place] % self.n_vocab] += level.probability[place]
        return p

    def longest_context(self, context: ArrayLike) -> int:
        """How many of the last tokens of `context`, (n,), were met in a row in training, at most order − 1."""
        tail = checked_tokens(context, self.n_vocab)
        for length in range(min(len(tail), self.order - 1), 0, -1):
            ids = np.zeros(1, np.int64)
            for keys, token in zip(self._keys, tail[len(tail) - length :], strict=False):
                ids = find(keys, ids, np.array([token]), self.n_vocab)
            if ids[0] >= 0:
                return length
        return 0

    @property
    def _keys(self) -> tuple[IntArray, ...]:
        return tuple(level.keys for level in self.levels)

    def state(self) -> dict[str, NDArray[Any]]:
        """The model as plain arrays, for a checkpoint: 12 bytes per n-gram."""
        return {
            "n_vocab": np.array(self.n_vocab),
            "sizes": np.array([len(level.keys) for level in self.levels]),
            "keys": np.concatenate([level.keys for level in self.levels]),
            "counts": np.concatenate([level.counts for level in self.levels]).astype(np.int32),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray[Any]]) -> KneserNey:
        """The model that returned this `state()`. Raises UserError for anything that cannot be one."""
        n_vocab, keys, counts = _read_state(state)
        return cls._build(n_vocab, keys, counts)


def checked_tokens(tokens: ArrayLike, n_vocab: int) -> IntArray:
    """`tokens` as a one-dimensional int64 array, itself if it is one.

    Raises ValueError if any is outside 0 … n_vocab − 1.
    """
    text = np.asarray(tokens)
    if text.ndim != 1 or (len(text) and not np.issubdtype(text.dtype, np.integer)):
        raise ValueError(f"tokens must be one row of integers, not {text.dtype} of shape {text.shape}")
    if len(text) and (text.min() < 0 or text.max() >= n_vocab):
        raise ValueError(f"tokens run from {text.min()} to {text.max()}: outside a vocabulary of {n_vocab:,}")
    return text.astype(np.int64, copy=False)


def find(keys: IntArray, contexts: IntArray, tokens: IntArray, n_vocab: int) -> IntArray:
    """The ids of the n-grams "context, token" among the keys of a level; UNKNOWN where there is none."""
    wanted = np.where((contexts >= 0) & (tokens >= 0), contexts * n_vocab + tokens, UNKNOWN)
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, place, UNKNOWN)


def walk(keys: Sequence[IntArray], n_vocab: int, text: IntArray) -> Iterator[tuple[IntArray, IntArray]]:
    """Level by level, for each token of a text: the ids of its context and of the n-gram that ends with it."""
    contexts = np.zeros_like(text)  # the empty context is known, even to the first token
    for level in keys:
        ids = find(level, contexts, text, n_vocab)
        yield contexts, ids
        contexts = contexts_above(ids)


def contexts_above(ids: IntArray) -> IntArray:
    """The ids of the contexts of each token at the next level, (n,), from those of the n-grams that end with it."""
    return np.concatenate([[UNKNOWN], ids[:-1]]) if len(ids) else ids


def _read_state(state: Mapping[str, NDArray[Any]]) -> tuple[int, list[IntArray], list[IntArray]]:
    def damaged(what: str) -> UserError:
        return UserError(f"the n-gram table is damaged: {what}. Train again, or use another checkpoint.")

    for name, ndim in {"n_vocab": 0, "sizes": 1, "keys": 1, "counts": 1}.items():
        if name not in state:
            raise damaged(f"{name!r} is missing")
        array = np.asarray(state[name])
        if array.ndim != ndim or not np.issubdtype(array.dtype, np.integer):
            raise damaged(f"{name!r} is {array.dtype} of shape {array.shape}, not {ndim}-dimensional integers")
    n_vocab, sizes = int(state["n_vocab"]), np.asarray(state["sizes"], dtype=np.int64)
    all_keys, all_counts = (np.asarray(state[name], dtype=np.int64) for name in ("keys", "counts"))
    if not 0 < n_vocab < 2**31 or not 1 <= len(sizes) <= HIGHEST_ORDER or not 1 <= sizes.min() <= sizes.max() < 2**48:
        raise damaged(f"a vocabulary of {n_vocab} and levels of {sizes.tolist()} n-grams are impossible")
    if not len(all_keys) == len(all_counts) == sizes.sum():
        raise damaged(f"{len(all_keys)} keys and {len(all_counts)} counts for {sizes.sum()} n-grams")
    if all_counts.min() < 1:
        raise damaged(f"a count is {all_counts.min()}")
    keys, counts = (np.split(array, np.cumsum(sizes)[:-1]) for array in (all_keys, all_counts))
    for length, (level, n_contexts) in enumerate(zip(keys, [1, *sizes[:-1].tolist()], strict=True), start=1):
        if level.min() < 0 or level[-1] >= n_contexts * n_vocab or np.any(level[1:] <= level[:-1]):
            raise damaged(f"the keys of its {length}-grams are not in order")
    return n_vocab, keys, counts
