"""What is seen of a chart as a file: a drawing (SVG), a picture (PNG), or its numbers (CSV). Needs matplotlib."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from slmtui import words
from slmtui.console.charts.palette import RUN_ROLES
from slmtui.console.charts.series import Numbers, decimate
from slmtui.console.charts.spec import ChartSpec, Series
from slmtui.insight.report import figures

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = (".svg", ".png", ".csv")
SIZE = (6.4, 3.6)  # inches
MOST_COLUMNS = 1000  # of a drawing: beyond that, points of a line cannot be told apart
COLOURS: dict[str, str] = {
    "train": figures.TRAIN, "train-raw": figures.TRAIN, "val": figures.VAL, "mixed": figures.MIXED,
    "adaptive": figures.ADAPTIVE, "best": figures.BEST, "baseline": figures.BASELINE,
    **dict(zip(RUN_ROLES, figures.RUNS, strict=False)),
}  # fmt: skip


def file_stem(spec: ChartSpec) -> str:
    """`balance-001-gradient-norm`: whose chart it is, and what it shows."""
    what = re.split(r"[(·,=:]", spec.title)[0].strip()
    return re.sub(r"[^\w.-]+", "-", "-".join(filter(None, (spec.about, what or "chart"))))


def exported(spec: ChartSpec, suffix: str) -> bytes:
    """The chart, or the part of it that `spec` is of, in one of FORMATS."""
    if suffix == ".csv":
        return _table(spec).encode()
    if suffix == ".png":
        return figures.png(lambda figure: _draw(figure, spec), SIZE)
    description = f"{spec.title}, {spec.about}" if spec.about else spec.title
    return figures.standalone(figures.svg(lambda figure: _draw(figure, spec), SIZE, description)).encode()


def _draw(figure: Figure, spec: ChartSpec) -> None:
    axes = figure.subplots()
    if spec.log_x:
        axes.set_xscale("log")
    if spec.log_y:
        axes.set_yscale("log")
    for series in spec.series:
        xs, ys = _with_neighbours(series, spec)
        axes.plot(
            *decimate(xs, ys, MOST_COLUMNS), color=COLOURS.get(series.role, figures.INK), marker="o" * (xs.size == 1),
            linewidth=2.2 if series.bold else 1.2, alpha=0.3 if series.role == "train-raw" else 1.0,
            label=figures.legend_name(series.name) if series.name else None,
        )  # fmt: skip
    for level, dashes in zip(spec.levels, ((4, 3), (1, 2)) * len(spec.levels), strict=False):
        colour, label = COLOURS.get(level.role, figures.INK), figures.legend_name(level.name)
        axes.axhline(level.value, color=colour, linestyle=(0, dashes), linewidth=1.2, label=label)
    for mark in spec.marks:
        name = figures.legend_name(mark.name) if mark.name else None
        axes.plot([mark.x], [mark.y], "D", color=COLOURS.get(mark.role, figures.INK), label=name)
    axes.set_xlim(*spec.x_limits)
    if spec.y_range is not None:
        axes.set_ylim(*spec.y_range)
    low, high = axes.get_ylim()
    for band in spec.bands:
        for limit in (band.low, band.high):
            if low < limit < high:
                axes.axhline(limit, color=figures.FAINT, linewidth=0.5, alpha=0.35)
        top = min(band.high, high)
        if max(band.low, low) < top:
            axes.annotate(band.word, (1.0, top), xycoords=("axes fraction", "data"), ha="right", va="top", fontsize=8)
    axes.set_xlabel(spec.x_label)
    axes.set_ylabel(spec.title)
    if not spec.log_x:
        axes.xaxis.set_major_formatter(lambda x, _: words.clock(max(x, 0.0)) if spec.clock else f"{x:,g}")
    figures.legend(axes)


def _with_neighbours(series: Series, spec: ChartSpec) -> tuple[Numbers, Numbers]:
    """The points in view, and one on either side, so that the line goes on to the edges."""
    start = max(0, int(np.searchsorted(series.xs, spec.x_limits[0], "left")) - 1)
    end = int(np.searchsorted(series.xs, spec.x_limits[1], "right")) + 1
    return series.xs[start:end], np.asarray(series.ys[start:end], dtype=np.float64)


def _table(spec: ChartSpec) -> str:
    """All points in view, also where a drawing has fewer: a row for each, with the line that it is of."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(["line", spec.x_label, spec.title])
    table.writerows(row for row in _rows(spec) if spec.y_range is None or _between(row[2], *spec.y_range))
    return out.getvalue()


def _rows(spec: ChartSpec) -> Iterator[tuple[str, Any, float]]:
    for series in spec.series:
        inside = (series.xs >= spec.x_limits[0]) & (series.xs <= spec.x_limits[1]) & np.isfinite(series.ys)
        name = series.name or ("before smoothing" if series.role == "train-raw" else "range")
        for x, y in zip(series.xs[inside].tolist(), series.ys[inside].tolist(), strict=True):
            yield name, _short(x), y
    for mark in spec.marks:
        if _between(mark.x, *spec.x_limits):
            yield mark.name or "measured", _short(mark.x), mark.y
    for level in spec.levels:
        yield level.name, "", level.value


def _short(x: float) -> float:
    """A step without a decimal point."""
    return int(x) if float(x).is_integer() else x


def _between(value: float, low: float, high: float) -> bool:
    slack = 1e-9 * max(abs(low), abs(high))  # of ranges that were powers of ten
    return math.isfinite(value) and low - slack <= value <= high + slack
