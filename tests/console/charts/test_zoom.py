"""What keys and a drag make of the range that is in view: pure numbers, on linear and logarithmic axes."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmtui.console.charts.rendering import draw_chart
from slmtui.console.charts.series import clipped, crossing
from slmtui.console.charts.spec import ChartSpec, ReferenceLine, Series
from slmtui.console.charts.zoom import LEAST, Zoom, brought_into, panned, zoomed

WHOLE = (0.0, 1000.0)


def test_zooming_halves_around_a_place_and_stays_inside() -> None:
    assert zoomed(WHOLE, WHOLE, 0.5, 600.0, log=False) == (350.0, 850.0)
    assert zoomed(WHOLE, WHOLE, 0.5, 100.0, log=False) == (0.0, 500.0)
    assert zoomed((350.0, 850.0), WHOLE, 2.0, 600.0, log=False) is None
    assert zoomed((10.0, 12.0), WHOLE, 0.5, 11.0, log=False, least=LEAST) == (10.0, 12.0)


def test_on_a_logarithmic_axis_it_halves_what_is_drawn() -> None:
    low, high = zoomed((1.0, 10_000.0), (1.0, 10_000.0), 0.5, 100.0, log=True) or (0, 0)
    assert (low, high) == pytest.approx((10.0, 1000.0))
    assert panned((low, high), (1.0, 10_000.0), 0.25, log=True) == pytest.approx((10**1.5, 10**3.5))


def test_panning_ends_at_the_ends_and_does_not_jump_from_outside() -> None:
    assert panned((0.0, 100.0), WHOLE, -0.5, log=False) == (0.0, 100.0)
    assert panned((880.0, 980.0), WHOLE, 0.5, log=False) == (900.0, 1000.0)
    assert panned((1400.0, 1500.0), WHOLE, -0.5, log=False) == (1350.0, 1450.0)


def test_the_cursor_takes_what_is_in_view_along_just_as_far_as_it_must() -> None:
    assert brought_into((100.0, 200.0), 150.0, log=False) == (100.0, 200.0)
    assert brought_into((100.0, 200.0), 230.0, log=False) == (130.0, 230.0)
    assert brought_into((100.0, 200.0), 40.0, log=False) == (40.0, 140.0)


@given(
    start=st.floats(0, 900), width=st.floats(2, 100), factor=st.sampled_from([0.5, 2.0]), around=st.floats(0, 1000),
    share=st.sampled_from([-0.5, 0.5]),
)  # fmt: skip
def test_no_key_leads_outside(start: float, width: float, factor: float, around: float, share: float) -> None:
    now = (start, start + width)
    nearer = zoomed(now, WHOLE, factor, around, log=False, least=LEAST)
    for low, high in (nearer or WHOLE, panned(now, WHOLE, share, log=False)):
        assert -1e-6 <= low < high <= 1000.0 + 1e-6


def line(**changes: object) -> ChartSpec:
    """From (0, 0) to (1000, 10) through two points at the ends alone, and a level far below."""
    series = [Series("val", np.array([0.0, 1000.0]), np.array([1.0, 11.0]), "val")]
    spec = ChartSpec("loss", series, WHOLE, levels=[ReferenceLine("7-gram", -30.0)])
    return replace(spec, **changes)  # type: ignore[arg-type]


def rows(spec: ChartSpec) -> list[str]:
    return ["".join(piece for piece, _ in row) for row in draw_chart(spec, 60, 14, "ascii").rows]


def test_a_line_between_two_points_outside_is_drawn_where_it_passes() -> None:
    whole, part = rows(line()), rows(Zoom(x=(400.0, 600.0)).of(line()))
    assert "steps, zoomed" in part[-2]
    assert "zoomed" not in whole[-2]
    assert part[-1].split() == ["400", "450", "500", "550", "600"]
    labels = [float(row.split("+")[0]) for row in part[:-2] if "+" in row]
    assert labels[0] == 7.0  # y goes by what is in view, and not by the level far below
    assert labels[-1] == 5.0
    assert sum("." in row.split("|")[-1].split("+")[-1] for row in part[:-2]) >= 10  # from corner to corner


@pytest.mark.parametrize("log_y", [False, True])
def test_a_chosen_range_of_y_is_drawn_exactly_and_the_line_keeps_its_slope(log_y: bool) -> None:
    drawn = draw_chart(Zoom(y=(4.0, 5.0)).of(line(log_y=log_y, levels=())), 60, 14, "ascii")
    assert drawn.y is not None
    assert (drawn.y.low, drawn.y.high) == pytest.approx((math.log10(4.0), math.log10(5.0)) if log_y else (4.0, 5.0))
    assert len(drawn.y.ticks) >= 2
    texts = ["".join(piece for piece, _ in row)[drawn.left :] for row in drawn.rows[:12]]
    places = [drawn.x_at(drawn.left + at) or 0.0 for text in texts for at, char in enumerate(text) if char == "."]
    assert (min(places), max(places)) == pytest.approx((578, 671) if log_y else (300, 400), abs=20)


def test_a_range_of_y_below_zero_is_left_where_the_axis_is_logarithmic() -> None:
    assert Zoom(y=(-1.0, 1.0)).of(line(log_y=True)).y_range is None
    assert Zoom(y=(-1.0, 1.0)).of(line()).y_range == (-1.0, 1.0)


def test_a_line_ends_where_it_leaves_and_begins_where_it_is_back() -> None:
    xs, ys = clipped([0.0, 1.0, 2.0, 3.0], [0.0, 4.0, 4.0, 0.0], 1.0, 3.0)
    seen = [(x, y) for x, y in zip(xs, ys, strict=True) if not math.isnan(y)]
    assert seen == [(0.25, 1.0), (0.75, 3.0), (2.25, 3.0), (2.75, 1.0)]
    between = ys[xs.index(0.75) + 1 : xs.index(2.25)]
    assert between
    assert all(map(math.isnan, between))
    assert clipped([1.0], [2.0], 1.0, 3.0) == ([1.0], [2.0])
    gap = clipped([0.0, 1.0, 2.0], [2.0, math.nan, 9.0], 1.0, 3.0)[1]
    assert [math.isnan(y) for y in gap] == [False, True, True]


def test_a_crossing_is_between_two_points_and_nowhere_else() -> None:
    xs, ys = np.array([0.0, 10.0, 20.0]), np.array([1.0, 2.0, np.nan])
    assert crossing(xs, ys, 5.0, float) == 1.5
    for at in (-1.0, 0.0, 10.0, 15.0, 20.0, 25.0):
        assert math.isnan(crossing(xs, ys, at, float))
