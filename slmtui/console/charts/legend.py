"""The names of a chart's lines, laid inside the canvas where there is least to cover."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slmtui.console.charts.cells import Drawing, laid_out
from slmtui.console.charts.palette import Role

_WIDEST = 0.7  # of the canvas, before names go into a second row
_MOST_COVERED = 0.25  # of the letters of the names may lie upon lines


@dataclass(frozen=True)
class Entry:
    symbol: str
    text: str
    role: Role

    def __len__(self) -> int:
        """In cells."""
        return len(laid_out(self.symbol)) + len(laid_out(self.text)) + bool(self.symbol)


def put_legend(drawing: Drawing, entries: list[Entry], ink: NDArray[np.bool_], *, always: bool = False) -> None:
    """In one row if they fit, else in columns, in a narrow chart across all of it; none where there is no room.

    Names that would cover much of the lines wherever they stood are left out, too, unless they are there `always`.
    ink: the cells of the canvas that lines go through.
    """
    layouts = [
        (rows, layout)
        for widest in (_WIDEST * drawing.columns, drawing.columns - 2)
        for rows in range(1, min(len(entries), drawing.canvas_rows // 2) + 1)
        if sum(layout := _widths(entries, rows)) + 2 * (len(layout) - 1) <= widest
    ]
    if not layouts:
        return
    places = [(*_place(ink, rows, sum(widths) + 2 * (len(widths) - 1)), widths) for rows, widths in layouts]
    covered, top, left, widths = min(places, key=lambda place: place[0])  # the first of those that cover the least
    if covered > _MOST_COVERED * sum(map(len, entries)) and not always:
        return
    per_row = len(widths)
    for index, entry in enumerate(entries):
        row, column = divmod(index, per_row)
        at = drawing.left + left + sum(widths[:column]) + 2 * column
        if per_row == 1:  # at the right, so that a short name covers less of what begins at the left
            at += widths[0] - len(entry)
        drawing.put(top + row, at - 1, " " * (len(entry) + 2 if per_row == 1 else widths[column] + 2), "")
        drawing.put(top + row, at, entry.symbol, entry.role)
        drawing.put(top + row, at + len(entry) - len(laid_out(entry.text)), entry.text, "label")


def _widths(entries: list[Entry], rows: int) -> list[int]:
    """Of the columns, in so many rows."""
    per_row = -(-len(entries) // rows)
    return [max(len(entry) for entry in entries[column::per_row]) for column in range(per_row)]


def _place(ink: NDArray[np.bool_], rows: int, width: int) -> tuple[int, int, int]:
    """Top right, unless another place covers less: how many cells it covers, and its row and column on the canvas."""
    bottom, right = ink.shape[0] - rows, ink.shape[1] - width - 1
    places = [(0, right), (0, right // 2), (bottom, right), (bottom, 1), (0, 1)]
    places += [(row, column) for row in range(1, bottom) for column in (right, right // 2, 1)]
    covered = [int(ink[top : top + rows, left : left + width].sum()) for top, left in places]
    return min(covered), *places[covered.index(min(covered))]
