"""Thinning out, averaging and smoothing: nothing that matters is lost."""

from __future__ import annotations

import itertools
import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmtui.console.charts.series import averages, decimate, nearest, smooth

YS = st.lists(st.floats(-1e6, 1e6) | st.just(math.nan) | st.just(math.inf), max_size=400)


@given(YS, st.integers(2, 50))
def test_lowest_and_highest_are_never_lost(ys: list[float], columns: int) -> None:
    xs = np.arange(len(ys), dtype=float)
    out_x, out_y = decimate(xs, ys, columns)
    assert len(out_x) <= 3 * columns
    assert bool((np.diff(out_x) >= 0).all())
    finite = [y for y in ys if math.isfinite(y)]
    drawn = out_y[np.isfinite(out_y)]
    assert drawn.size == 0 if not finite else (drawn.min(), drawn.max()) == (min(finite), max(finite))
    assert set(drawn.tolist()) <= set(finite)
    assert not np.isinf(out_y).any()


@given(st.lists(st.floats(-1e6, 1e6), min_size=101, max_size=400), st.integers(2, 50))
def test_each_column_keeps_its_own(ys: list[float], columns: int) -> None:
    xs = np.arange(len(ys), dtype=float)
    out_x, out_y = decimate(xs, ys, columns)
    edges = np.linspace(0, len(ys) - 1, columns + 1)
    edges[-1] += 1  # the last column has the last point
    for left, right in itertools.pairwise(edges):
        inside = [y for x, y in enumerate(ys) if left <= x < right]
        drawn = out_y[(out_x >= left) & (out_x < right)].tolist()
        if inside:
            assert {min(inside), max(inside)} <= set(drawn)


def test_a_gap_stays_a_gap() -> None:
    ys = np.sin(np.arange(10_000) / 100)
    ys[4000:6000] = np.nan
    xs, out = decimate(np.arange(10_000.0), ys, 50)
    inside = (xs > 4200) & (xs < 5800)
    assert inside.any()
    assert np.isnan(out[inside]).all()
    assert np.isfinite(out[xs < 3800]).all()


def test_only_the_window_is_kept() -> None:
    xs, _ = decimate(np.arange(100.0), np.arange(100.0), 50, (20.0, 30.0))
    assert xs.tolist() == list(range(20, 31))


def test_smoothing() -> None:
    np.testing.assert_allclose(smooth([3.0] * 5, 0.9), [3.0] * 5)  # the start is not pulled to zero
    np.testing.assert_allclose(smooth([1.0, 2.0, 4.0], 0.0), [1.0, 2.0, 4.0])
    # weights 0.25, 0.5, 1 on the three points seen, over their sum
    np.testing.assert_allclose(smooth([1.0, 2.0, 4.0], 0.5)[-1], (0.25 * 1 + 0.5 * 2 + 1 * 4) / 1.75)
    gap = smooth([1.0, math.nan, 1.0], 0.5)
    assert math.isnan(gap[1])
    assert gap[2] == 1.0
    with pytest.raises(ValueError, match="between 0 and 1"):
        smooth([1.0], 1.0)


def test_averages() -> None:
    xs, ys = averages(np.arange(8.0), [1.0, 3.0, 5.0, math.nan, math.nan, math.nan, 2.0, 4.0], 4, (0.0, 8.0))
    np.testing.assert_array_equal(xs, [0.5, 2.5, 4.5, 6.5])
    np.testing.assert_array_equal(ys, [2.0, 5.0, math.nan, 3.0])


def test_nearest() -> None:
    xs, ys = [0.0, 10.0, 20.0], [5.0, math.nan, 7.0]
    assert nearest(xs, ys, 9.0) == (0.0, 5.0)
    assert nearest(xs, ys, 11.0) == (20.0, 7.0)
    assert nearest(xs, ys, 99.0) == (20.0, 7.0)
    assert nearest([], [], 1.0) is None


def test_a_series_has_as_many_xs_as_ys() -> None:
    with pytest.raises(ValueError, match="as many xs as ys"):
        decimate([1.0, 2.0], [1.0], 10)


def test_a_million_points_take_a_moment() -> None:
    xs, ys = np.arange(1e6), np.random.default_rng(0).normal(size=1_000_000)
    seconds = []
    for _ in range(3):
        start = time.process_time()
        decimate(xs, ys, 120)
        seconds.append(time.process_time() - start)
    assert min(seconds) < 0.03
