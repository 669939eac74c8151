"""Axes stand still while the data move a little, and carry round numbers."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmtui.console.charts.axes import log_axis, signed_number, x_axis, y_axis

REAL = st.floats(-1e9, 1e9)


@given(REAL, REAL, st.integers(1, 60))
def test_limits_hold_the_data(a: float, b: float, rows: int) -> None:
    low, high = min(a, b), max(a, b)
    axis = y_axis(low, high, rows)
    slack = 1e-6 * (axis.high - axis.low)
    assert axis.low - slack <= low <= high <= axis.high + slack
    assert axis.low < axis.high
    assert len(axis.ticks) <= 12
    if high - low > 1e-6 * max(abs(low), abs(high), 1e-3) and rows >= 10:
        assert axis.high - axis.low <= 1.9 * (high - low)  # most of the room is for the data


@given(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6), st.integers(2, 60))
def test_log_limits_hold_the_data(a: float, b: float, rows: int) -> None:
    low, high = min(a, b), max(a, b)
    axis = log_axis(low, high, rows)
    assert axis.low - 1e-6 <= math.log10(low) <= math.log10(high) <= axis.high + 1e-6
    assert 2 <= len(axis.ticks) <= max(2, rows // 2)


def test_limits_move_in_steps() -> None:
    """A loss that falls from 10.73 by a hundredth at a time moves the axis a few times only."""
    limits = {(y_axis(0.4, 10.73 - i / 100, 20).low, y_axis(0.4, 10.73 - i / 100, 20).high) for i in range(500)}
    assert len(limits) <= 8


@pytest.mark.parametrize(
    ("low", "high", "rows", "labels"),
    [
        (0.44, 10.73, 16, ["0", "2", "4", "6", "8", "10"]),
        (2.52, 2.91, 16, ["2.5", "2.6", "2.7", "2.8", "2.9"]),
        (0.0, 2400.0, 12, ["0", "500", "1,000", "1,500", "2,000", "2,500"]),
        (-0.6, 0.3, 12, ["−0.6", "−0.4", "−0.2", "0.0", "0.2"]),
    ],
)
def test_labels_are_round(low: float, high: float, rows: int, labels: list[str]) -> None:
    assert [label for _, label in y_axis(low, high, rows).ticks] == labels


def test_log_labels() -> None:
    assert [label for _, label in log_axis(0.4, 10.7, 30).ticks] == ["0.2", "0.5", "1.0", "2.0", "5.0", "10.0", "20.0"]
    assert [label for _, label in log_axis(0.4, 10.7, 10).ticks] == ["1", "10"]


def test_x_limits_are_kept() -> None:
    axis = x_axis(0, 1000, 70)
    assert (axis.low, axis.high) == (0, 1000)
    assert [label for _, label in axis.ticks] == ["0", "200", "400", "600", "800", "1,000"]
    assert [label for _, label in x_axis(0, 3, 100).ticks] == ["0", "1", "2", "3"]  # no half steps


def test_clock() -> None:
    assert [label for _, label in x_axis(0, 75, 60, clock=True).ticks] == [
        "0:00",
        "0:15",
        "0:30",
        "0:45",
        "1:00",
        "1:15",
    ]
    assert x_axis(0, 40 * 86400, 60, clock=True).ticks[1][0] % 86400 == 0


def test_signs() -> None:
    assert [signed_number(v) for v in (0.5, -0.25, 0.0, -0.001)] == ["+0.50", "−0.25", "0.00", "0.00"]


@given(st.integers(2, 500))
def test_limits_lie_in_the_first_and_last_cell(cells: int) -> None:
    axis = y_axis(0, 10, 20)
    assert axis.place(axis.low, cells) == 0
    assert axis.place(axis.high, cells) == cells - 1
