"""Means of trials with intervals, differences of the same seeds and the same text, and how many seeds would decide.

A cell's trials differ in their seeds, and all are judged on the same validation text, cut into blocks. So its mean loss
is uncertain for two reasons: other seeds, and other text. With L[s, k] the loss of seed s on block k, in nats, and the
bytes b[k] of each block, the mean is

    m = Σ_s Σ_k L[s, k] / (S · Σ_k b[k] · ln 2)    bits per byte

and its variance is the sum of two parts: that of the seeds' means, s²_seed / S, and that of a ratio estimate over the
blocks of the mean over seeds, s²_text / K (Cochran 1977, "Sampling Techniques", 6.3). Each alone would give the
interval of Student's t, with S − 1 and K − 1 degrees of freedom; together they give the root of the sum of both
half-widths' squares. That holds what it says (docs/log.md); a bootstrap of three seeds is far too narrow, and one t
with the degrees of freedom of Satterthwaite claims differences that are none in 7 of 100.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slmtui.runs.text_interval import LEVEL, student_factor, text_variance

MOST_SEEDS = 100  # beyond that a difference is not worth deciding

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A mean with its interval, in bits per byte. None where there is too little to say one."""

    mean: float
    seeds: int
    spread: float | None  # the standard deviation over seeds
    low: float | None
    high: float | None
    seed_variance: float = 0.0  # of the mean, by seeds
    text_variance: float = 0.0  # of the mean, by text

    @property
    def known(self) -> bool:
        return self.low is not None


@dataclass(frozen=True)
class Comparison:
    """How much better one cell is than another, on the same seeds and text: positive where the first is better."""

    difference: Estimate
    seeds_needed: int | None  # in all, to decide; None: it is decided, or more seeds would not decide it

    @property
    def better(self) -> bool | None:
        """Whether the first is better; None: not shown."""
        low, high = self.difference.low, self.difference.high
        if low is None or high is None or low <= 0 <= high:
            return None
        return low > 0


def estimate(losses: ArrayLike, n_bytes: ArrayLike, level: float = LEVEL) -> Estimate:
    """The mean of the losses of S seeds on K blocks, (S, K) in nats, of (K,) bytes."""
    nats, sizes = np.asarray(losses, np.float64), np.asarray(n_bytes, np.float64)
    bits = nats / math.log(2)
    seeds, blocks = bits.shape
    total = sizes.sum()
    of_seed = bits.sum(axis=1) / total
    mean = float(of_seed.mean())
    if seeds < 2 or blocks < 2:
        return Estimate(mean, seeds, None, None, None)
    by_seed = float(of_seed.var(ddof=1)) / seeds
    by_text = text_variance(bits.mean(axis=0), sizes)
    half = _half_width(by_seed, seeds, by_text, blocks, level)
    return Estimate(mean, seeds, float(of_seed.std(ddof=1)), mean - half, mean + half, by_seed, by_text)


def compare(first: ArrayLike, second: ArrayLike, n_bytes: ArrayLike, level: float = LEVEL) -> Comparison:
    """How much lower the first cell's losses are than the second's, (S, K) each, of the same seeds and blocks."""
    gained = np.asarray(second, np.float64) - np.asarray(first, np.float64)
    difference = estimate(gained, n_bytes, level)
    return Comparison(difference, _seeds_needed(difference, gained.shape[1], level))


def flattery(
    test: ArrayLike, test_bytes: ArrayLike, val: ArrayLike, val_bytes: ArrayLike, level: float = LEVEL
) -> Estimate:
    """By how much lower the validation losses of S seeds are than their test losses, (S, K) and (S, M) in nats.

    Each seed is compared with itself; the two texts are uncertain each for itself.
    """
    of_test, of_val = (np.asarray(nats, np.float64) / math.log(2) for nats in (test, val))
    sizes = [np.asarray(n_bytes, np.float64) for n_bytes in (test_bytes, val_bytes)]
    of_seed = of_test.sum(axis=1) / sizes[0].sum() - of_val.sum(axis=1) / sizes[1].sum()
    mean, seeds = float(of_seed.mean()), len(of_seed)
    if seeds < 2 or min(map(len, sizes)) < 2:
        return Estimate(mean, seeds, None, None, None)
    by_seed = float(of_seed.var(ddof=1)) / seeds
    by_text = [text_variance(bits.mean(axis=0), n) for bits, n in zip((of_test, of_val), sizes, strict=True)]
    of_text = [student_factor(len(n), level) * math.sqrt(v) for n, v in zip(sizes, by_text, strict=True)]
    half = math.hypot(student_factor(seeds, level) * math.sqrt(by_seed), *of_text)
    return Estimate(mean, seeds, float(of_seed.std(ddof=1)), mean - half, mean + half, by_seed, sum(by_text))


def _half_width(by_seed: float, seeds: int, by_text: float, blocks: int, level: float) -> float:
    """Of the sum of two uncertain variances: Student's half-widths of both, added as squares."""
    return math.hypot(
        student_factor(seeds, level) * math.sqrt(by_seed), student_factor(blocks, level) * math.sqrt(by_text)
    )


def _seeds_needed(difference: Estimate, blocks: int, level: float) -> int | None:
    """With how many seeds a difference of this size, and seeds that vary as these do, would be shown."""
    low, high = difference.low, difference.high
    if low is None or high is None or not low <= 0 <= high:
        return None
    of_one = difference.seed_variance * difference.seeds
    for seeds in range(difference.seeds + 1, MOST_SEEDS + 1):
        if _half_width(of_one / seeds, seeds, difference.text_variance, blocks, level) < abs(difference.mean):
            return seeds
    return None


def level_for(comparisons: int, level: float = LEVEL) -> float:
    """The level of each of several comparisons, so that all of them are right at once at `level` (Bonferroni)."""
    return 1 - (1 - level) / max(1, comparisons)


def as_matrix(rows: Sequence[Sequence[float]]) -> FloatArray:
    return np.array(rows, np.float64)
