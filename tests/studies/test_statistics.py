"""Intervals hold what they say, differences are found where there are some, and not claimed where there are none."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from slmtui.studies.statistics import compare, estimate, flattery, level_for

LN2 = math.log(2)
FloatArray = NDArray[np.float64]


def trials(
    rng: np.random.Generator, seeds: int, blocks: int, by_seed: float, by_block: float, rest: float
) -> tuple[FloatArray, FloatArray]:
    """Losses of a recipe whose true mean is 2 bits per byte, (S, K) in nats, and the blocks' bytes, (K,)."""
    sizes = rng.integers(90, 111, blocks).astype(float)
    bits = (
        2 + rng.normal(0, by_seed, (seeds, 1)) + rng.normal(0, by_block, blocks) + rng.normal(0, rest, (seeds, blocks))
    )
    return bits * sizes * LN2, sizes


# (seeds, blocks, by seed, by block, the rest): seeds alone, text alone, and both.
SHAPES = [(3, 40, 0.2, 0.01, 0.01), (3, 40, 0.1, 0.1, 0.1), (3, 40, 0.02, 0.5, 0.1), (8, 20, 0.05, 0.3, 0.1)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_an_interval_covers_the_truth_as_often_as_it_says(shape: tuple[int, int, float, float, float]) -> None:
    rng = np.random.default_rng(1)
    found = [estimate(*trials(rng, *shape)) for _ in range(1000)]
    covered = sum(one.low <= 2 <= one.high for one in found if one.low is not None and one.high is not None)
    assert 0.935 <= covered / 1000 <= 0.985


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_difference_is_not_claimed_where_there_is_none(shape: tuple[int, int, float, float, float]) -> None:
    rng = np.random.default_rng(2)
    seeds, blocks, by_seed, _, rest = shape
    claimed = 0
    for _ in range(1000):
        losses, sizes = trials(rng, *shape)
        changes = rng.normal(0, by_seed, (seeds, 1)) + rng.normal(0, 0.1, blocks) + rng.normal(0, rest, (seeds, blocks))
        claimed += compare(losses, losses + changes * sizes * LN2, sizes).better is not None
    assert claimed <= 60, "5 of 100, and the luck of 1000 draws"


def test_a_planted_difference_is_found_though_the_text_varies_more() -> None:
    """Both recipes see the same text: what it is like does not matter to their difference."""
    rng = np.random.default_rng(3)
    losses, sizes = trials(rng, 3, 40, 0.01, 0.5, 0.02)
    other = losses + (0.05 + rng.normal(0, 0.01, losses.shape)) * sizes * LN2
    comparison = compare(losses, other, sizes)
    assert comparison.better is True
    low, high = comparison.difference.low, comparison.difference.high
    assert low is not None
    assert high is not None
    assert 0 < low < 0.05 < high < 0.09
    assert compare(other, losses, sizes).better is False
    spread = estimate(losses, sizes)
    assert spread.high is not None
    assert spread.low is not None
    assert spread.high - spread.low > 0.2, "of the mean itself the text leaves little known"


def test_the_mean_is_that_of_all_bytes_and_one_seed_has_no_interval() -> None:
    one = estimate([[10 * LN2, 60 * LN2]], [10, 20])
    assert one.mean == pytest.approx(70 / 30)
    assert not one.known
    alike = estimate([[10 * LN2, 20 * LN2]] * 3, [10, 20])
    assert [alike.low, alike.high] == pytest.approx([1, 1])


def test_how_many_seeds_would_decide_it() -> None:
    """A difference of 0.05 with seeds that vary by 0.05: three do not show it, about seven do."""
    sizes = np.full(40, 100.0)
    seeds = np.array([-0.05, 0.0, 0.05])[:, None]
    comparison = compare(np.zeros((3, 40)), (0.05 + seeds) * sizes * LN2 * np.ones((3, 40)), sizes)
    assert comparison.better is None
    assert comparison.seeds_needed is not None
    assert 6 <= comparison.seeds_needed <= 8
    rng = np.random.default_rng(4)
    by_text = np.tile(0.01 + rng.normal(0, 0.3, 40), (3, 1)) * sizes * LN2
    comparison = compare(np.zeros((3, 40)), by_text, sizes)
    assert comparison.better is None
    assert comparison.seeds_needed is None, "all seeds agree: it is the text that does not decide it"


def test_several_comparisons_are_right_together() -> None:
    assert level_for(1) == pytest.approx(0.95)
    assert level_for(10) == pytest.approx(0.995)


def test_how_far_validation_flattered_covers_the_truth() -> None:
    """Seeds do as well on one text as on the other; the texts differ by chance alone, or by 0.3 bits per byte."""
    rng = np.random.default_rng(3)
    covered, found = 0, 0
    for _ in range(400):
        seeds = rng.normal(0, 0.05, (3, 1))
        sides = []
        for extra in (0.3, 0.0):
            sizes = rng.integers(90, 111, 40).astype(float)
            bits = 2 + extra + seeds + rng.normal(0, 0.2, 40) + rng.normal(0, 0.05, (3, 40))
            sides += [bits * sizes * LN2, sizes]
        one = flattery(*sides)
        assert one.low is not None
        assert one.high is not None
        covered += one.low <= 0.3 <= one.high
        found += one.low > 0
    assert 0.93 <= covered / 400 <= 1
    assert found / 400 > 0.95
