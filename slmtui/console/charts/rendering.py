"""A chart as rows of text in which each piece has a role, not yet a colour. Pure: no screen, no Textual.

10┤⢣⡀                       ─ train  ━ val  ◆ best  ┈ 7-gram 0.44
  │ ⠑⢄
 5┤   ⠑⠢⢄⣀
  │       ⠉⠉⠒⠒⠤⠤⣀⣀⡀
 0┤┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈◆┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈
  └┬──────────────┬──────────────┬──────────────┬──────────────┬
   0             250            500            750   1,000 steps
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from slmtui.console.charts.axes import MINUS, Axis, exact_axis, fine_log_axis, log_axis, signed_number, x_axis, y_axis
from slmtui.console.charts.cells import CellRow, Drawing
from slmtui.console.charts.legend import Entry, put_legend
from slmtui.console.charts.raster import DOTS, GLYPHS, SPACE, GlyphSet, Points, draw_line, over
from slmtui.console.charts.series import crossing, decimate
from slmtui.console.charts.spec import ChartSpec, Range, Series, read_values, x_text, y_text
from slmtui.console.text.glyphs import Glyphs

LEAST_WIDTH, LEAST_HEIGHT = 20, 3  # of a chart that can be read
MARGIN = 4  # columns that the numbers beside the axis take at least, so that the canvas rarely moves


@dataclass(frozen=True)
class RenderedChart:
    """A chart as it was drawn."""

    rows: list[CellRow]
    left: int = 0  # columns left of the canvas
    x: Axis | None = None  # None where nothing was drawn
    y: Axis | None = None
    columns: int = 0  # of the canvas
    canvas_rows: int = 0
    log_x: bool = False
    log_y: bool = False

    def x_at(self, column: int) -> float | None:
        """The x in the middle of a column; None beside the canvas."""
        at = column - self.left
        if self.x is None or not 0 <= at < self.columns:
            return None
        drawn = self.x.low + (self.x.high - self.x.low) * at / max(1, self.columns - 1)
        return 10.0**drawn if self.log_x else drawn

    def part(self, columns: Range, rows: Range) -> tuple[Range, Range]:
        """The x and the y between two columns and between two rows, as far as they are on the canvas."""
        assert self.x is not None
        assert self.y is not None
        ranges = []
        for axis, cells, places, log in (
            (self.x, self.columns, (columns[0] - self.left, columns[1] - self.left), self.log_x),
            (self.y, self.canvas_rows, (self.canvas_rows - 1 - rows[1], self.canvas_rows - 1 - rows[0]), self.log_y),
        ):
            shares = (min(max(place / max(1, cells - 1), 0.0), 1.0) for place in places)
            low, high = (axis.low + (axis.high - axis.low) * share for share in shares)
            ranges.append((10.0**low, 10.0**high) if log else (low, high))
        return ranges[0], ranges[1]

    def limits(self) -> tuple[Range, Range]:
        """The whole x and the whole y of the canvas."""
        return self.part((self.left, self.left + self.columns - 1), (0, self.canvas_rows - 1))


def draw_chart(
    spec: ChartSpec,
    width: int,
    height: int,
    glyphs: Glyphs = "braille",
    *,
    colour: bool = True,
    cursor: float | None = None,
) -> RenderedChart:
    """`height` rows of exactly `width` columns, blank where there is no room, and what finds an x on them again.

    Without colour all roles are "". cursor: an x to read the values at.
    """
    drawing = Drawing(width, height)
    if width < LEAST_WIDTH or height < LEAST_HEIGHT:
        return RenderedChart(drawing.rows(colour=colour))
    if not spec.series and spec.instead:
        words = textwrap.wrap(spec.instead, width - 2)[:height]
        for row, part in enumerate(words, start=(height - len(words)) // 2):
            drawing.put(row, (width - len(part)) // 2, part, "label")
        return RenderedChart(drawing.rows(colour=colour))
    glyph, (dots_x, dots_y) = GLYPHS[glyphs], DOTS[glyphs]
    drawing.canvas_rows = rows = height - 2 if spec.x_ticks and height >= LEAST_HEIGHT + 2 else height
    points = [_seen(series, spec, width) for series in spec.series]
    y = _y_axis(spec, points, rows)
    margin = max([MARGIN, *(len(label) for _, label in y.ticks)])
    drawing.left = margin + 1
    drawing.columns = columns = width - drawing.left
    x = _x_axis(spec, columns)

    def row_of(value: float) -> int:
        return rows - 1 - y.place(value, rows * dots_y) // dots_y

    def column_of(value: float) -> int:
        """Of a value as it is drawn."""
        return drawing.left + x.place(value, columns * dots_x) // dots_x

    def x_of(value: float) -> float:
        return math.log10(value) if spec.log_x else value

    for row in range(rows):
        drawing.put(row, margin, glyph.vertical, "axis")
    for value, label in reversed(y.ticks):  # of two that share a row the first stays
        drawing.put(row_of(value), 0, label.replace(MINUS, glyph.minus).rjust(margin), "label")
        drawing.put(row_of(value), margin, glyph.tick_left, "axis")
    if rows < height:
        _put_x_axis(drawing, spec, [(column_of(value), label) for value, label in x.ticks], glyph)
    for value in {limit for band in spec.bands for limit in (band.low, band.high) if y.low < limit < y.high}:
        drawing.put(row_of(value), drawing.left, glyph.band * columns, "axis")
    for level in spec.levels:
        value = _scaled(level.value, spec)
        if y.low <= value <= y.high:
            drawing.put(row_of(value), drawing.left, glyph.level * columns, level.role)
    lines = np.full((rows, columns), SPACE, dtype=np.uint32)
    for series, (xs, ys) in zip(spec.series, points, strict=True):
        if xs:
            line = draw_line((xs, ys), (x.low, x.high), (y.low, y.high), columns, rows, glyphs, series.bold)
            drawing.put_line(line, series.role)
            lines = over(lines, line)
    ink = lines != SPACE
    for mark in spec.marks:
        value, at = _scaled(mark.y, spec), x_of(mark.x)
        if x.low <= at <= x.high and y.low <= value <= y.high:
            drawing.put(row_of(value), column_of(at), glyph.mark, mark.role)
            ink[row_of(value), column_of(at) - drawing.left] = True
    _put_band_words(drawing, spec, y, row_of, ink)
    if cursor is not None and x.low <= x_of(cursor) <= x.high:
        _put_cursor(drawing, column_of(x_of(cursor)), glyph, ink)
        put_legend(drawing, _values(spec, glyph, cursor), ink, always=True)
    else:
        put_legend(drawing, _names(spec, glyph), ink)
    return RenderedChart(drawing.rows(colour=colour), drawing.left, x, y, columns, rows, spec.log_x, spec.log_y)


def _scaled(value: float, spec: ChartSpec) -> float:
    """A y as it is drawn."""
    if not spec.log_y:
        return value
    return math.log10(value) if value > 0.0 else math.nan


def _seen(series: Series, spec: ChartSpec, width: int) -> Points:
    """The points in view, as they are drawn, and those where the line comes into it and leaves it."""
    places, limits = series.xs, spec.x_limits
    if spec.log_x:
        places, limits = np.log10(series.xs), (math.log10(limits[0]), math.log10(limits[1]))
    xs, ys = decimate(places, series.ys, width, limits)
    if spec.log_y:
        ys = np.log10(np.where(ys > 0.0, ys, np.nan))
    start, end = (crossing(places, series.ys, at, lambda y: _scaled(y, spec)) for at in limits)
    if not math.isnan(start):
        xs, ys = np.insert(xs, 0, limits[0]), np.insert(ys, 0, start)
    if not math.isnan(end):
        xs, ys = np.append(xs, limits[1]), np.append(ys, end)
    # math.nan is one object, and equal to itself inside a tuple: so a line with gaps is found among those drawn before.
    return tuple(xs.tolist()), tuple(math.nan if math.isnan(y) else y for y in ys.tolist())


def _x_axis(spec: ChartSpec, columns: int) -> Axis:
    if not spec.log_x:
        return x_axis(*spec.x_limits, columns, clock=spec.clock)
    low, high = spec.x_limits
    axis = log_axis(low, high, columns // 6)
    low, high = math.log10(low), math.log10(high)
    return Axis(low, high, tuple((value, label) for value, label in axis.ticks if low <= value <= high))


def _y_axis(spec: ChartSpec, points: Sequence[Points], rows: int) -> Axis:
    if spec.y_range is not None:
        return exact_axis(*spec.y_range, rows, signed=spec.signed, log=spec.log_y)
    values = [y for _, ys in points for y in ys]
    if not spec.zoomed:
        values += [_scaled(value, spec) for value in (*(level.value for level in spec.levels), *(spec.y_limits or ()))]
    values = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
    if spec.log_y:
        return fine_log_axis(10 ** min(values), 10 ** max(values), rows)
    axis = y_axis(min(values), max(values), rows, signed=spec.signed)
    borders = {0.0, *(limit for band in spec.bands for limit in (band.low, band.high))} if spec.bands else set()
    seen = sorted((limit for limit in borders if axis.low <= limit <= axis.high), key=abs)
    if len(seen) < 2:
        return axis
    return replace(axis, ticks=tuple((value, signed_number(value, 1)) for value in seen))


def _put_x_axis(drawing: Drawing, spec: ChartSpec, ticks: list[tuple[int, str]], glyph: GlyphSet) -> None:
    """The line below the canvas, the unit in it, and the numbers below; the last number has the first claim to room."""
    row = drawing.canvas_rows
    drawing.put(row, drawing.left - 1, glyph.corner + glyph.horizontal * drawing.columns, "axis")
    for column, label in reversed(ticks):
        drawing.put(row, column, glyph.tick_below, "axis")
        start = min(max(drawing.left, column - len(label) // 2), drawing.width - len(label))
        if drawing.is_free(row + 1, start, len(label) + 2):
            drawing.put(row + 1, start, label, "label")
    unit = f" {spec.x_label}{', zoomed' if spec.zoomed else ''} "
    drawing.put(row, drawing.width - len(unit) - 2, unit, "label")


def _put_band_words(
    drawing: Drawing, spec: ChartSpec, y: Axis, row_of: Callable[[float], int], ink: NDArray[np.bool_]
) -> None:
    """Each band's word in the middle of what is seen of it, at the right edge, or at the left if a line is there."""
    for band in spec.bands:
        top, bottom = row_of(min(band.high, y.high)), row_of(max(band.low, y.low))
        inside = range(top + (band.high < y.high), bottom + 1 - (band.low > y.low))
        if band.low >= y.high or band.high <= y.low or not inside:
            continue
        row = inside[len(inside) // 2]
        length = len(band.word) + 1
        for start in (drawing.columns - length, 1):
            if start > 0 and not ink[row, start - 1 : start + length].any():
                drawing.put(row, drawing.left + start, band.word, band.role)
                break


def _put_cursor(drawing: Drawing, column: int, glyph: GlyphSet, ink: NDArray[np.bool_]) -> None:
    for row in range(drawing.canvas_rows):
        if not ink[row, column - drawing.left]:
            drawing.put(row, column, glyph.cursor, "cursor")


def _names(spec: ChartSpec, glyph: GlyphSet) -> list[Entry]:
    """The legend: none where there is only one thing to tell."""
    entries = [Entry(_symbol(series, glyph), series.name, series.role) for series in spec.series if series.name]
    entries += [Entry(glyph.mark, mark.name, mark.role) for mark in spec.marks if mark.name]
    entries += [Entry(glyph.level, level.name, level.role) for level in spec.levels]
    return entries if len(entries) > 1 else []


def _values(spec: ChartSpec, glyph: GlyphSet, cursor: float) -> list[Entry]:
    """The legend while the cursor reads."""
    symbols = {series.name: _symbol(series, glyph) for series in spec.series}
    entries = [Entry("", x_text(spec, cursor), "cursor")]
    for reading in read_values(spec, cursor):
        value = y_text(spec, reading.y).replace(MINUS, glyph.minus)
        entries.append(Entry(symbols[reading.name], f"{reading.name} {value}", reading.role))
    return entries


def _symbol(series: Series, glyph: GlyphSet) -> str:
    return glyph.bold if series.bold else glyph.thin
