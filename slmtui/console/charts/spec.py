"""What a chart shows, said in numbers and names; how it is drawn is another matter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from slmtui.console.charts.axes import signed_number
from slmtui.console.charts.palette import Role
from slmtui.console.charts.series import Numbers, nearest
from slmtui.words import clock

Range = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Series:
    """A line. xs are in ascending order; a y that is not finite is a gap."""

    name: str  # "" leaves it out of the legend, and the cursor does not read it
    xs: Numbers
    ys: Numbers
    role: Role
    bold: bool = False


@dataclass(frozen=True)
class ReferenceLine:
    """A horizontal line over the whole chart."""

    name: str
    value: float
    role: Role = "baseline"


@dataclass(frozen=True)
class Mark:
    name: str  # "" leaves it out of the legend
    x: float
    y: float
    role: Role = "best"


@dataclass(frozen=True)
class Band:
    """A range of y with a word for it: a faint line at its border, the word inside."""

    word: str
    low: float
    high: float
    role: Role = "axis"


@dataclass(frozen=True, eq=False)
class ChartSpec:
    title: str  # what y is, with its unit, for whoever frames the chart
    series: Sequence[Series]
    x_limits: Range  # to the planned end, so that the picture stands still
    x_label: str = "steps"
    y_limits: Range | None = None  # at least these are in the picture
    y_range: Range | None = None  # exactly these, as a person chose them
    zoomed: bool = False  # x_limits are a part that a person chose: y goes by the lines in it alone
    levels: Sequence[ReferenceLine] = ()
    marks: Sequence[Mark] = ()
    bands: Sequence[Band] = ()
    log_y: bool = False
    log_x: bool = False
    signed: bool = False  # y is a difference: +0.5, −0.5
    clock: bool = False  # x is in seconds
    x_ticks: bool = True  # False leaves out the axis below, for a chart of few rows
    instead: str = ""  # the words where there is no series
    about: str = ""  # whose it is, for the name of a file


@dataclass(frozen=True)
class Reading:
    """What a series says at the cursor: its nearest point."""

    name: str
    role: Role
    x: float
    y: float


def read_values(spec: ChartSpec, at: float) -> list[Reading]:
    """The nearest point of each named series that has any, in the units of the data."""
    found = ((one, nearest(one.xs, one.ys, at)) for one in spec.series if one.name)
    return [Reading(one.name, one.role, *point) for one, point in found if point is not None]


def x_text(spec: ChartSpec, x: float) -> str:
    """An x as the chart writes it, with its unit."""
    return clock(x) if spec.clock else f"{x:,.0f} {spec.x_label}"


def y_text(spec: ChartSpec, y: float) -> str:
    """A y as the cursor reads it, with three digits that count."""
    if spec.signed:
        return signed_number(y)
    size = abs(y)
    if size >= 100.0:
        return f"{y:,.0f}"
    if size >= 0.1 or y == 0.0:
        return f"{y:.3f}"
    return f"{y:.4f}" if size >= 0.01 else f"{y:.2e}"
