"""A line as characters, drawn by plotext; and the sets of characters that a terminal can show.

plotext keeps its figure in the module, so it is wiped before each line and held by a lock. Each line is drawn alone, on
a canvas without axes: together, a later line would rub out the cells of an earlier one, and all would be drawn again
whenever one of them changes.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import plotext
from numpy.typing import NDArray

from slmtui.console.charts.series import clipped
from slmtui.console.text.glyphs import Glyphs

Cells = NDArray[np.uint32]  # characters by their number, shape (rows, columns)
Points = tuple[tuple[float, ...], tuple[float, ...]]

BRAILLE = 0x2800
SPACE = 0x20
DOTS: dict[Glyphs, tuple[int, int]] = {"braille": (2, 4), "block": (1, 2), "ascii": (1, 1)}  # in a cell, across, down
_DOT_BITS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], dtype=np.uint32)  # of a braille cell
_PLOTEXT = threading.Lock()


@dataclass(frozen=True)
class GlyphSet:
    """Which characters draw what. All of "block" are in the fonts of the Linux console; "ascii" needs none at all."""

    thin: str  # a line in the legend
    bold: str
    mark: str
    level: str  # a horizontal line
    band: str
    cursor: str
    vertical: str
    tick_left: str
    corner: str
    horizontal: str
    tick_below: str
    minus: str


GLYPHS: dict[Glyphs, GlyphSet] = {
    "braille": GlyphSet("─", "━", "◆", "┈", "┈", "│", "│", "┤", "└", "─", "┬", "−"),
    "block": GlyphSet("•", "▄", "♦", "─", "·", "│", "│", "┤", "└", "─", "┬", "-"),
    "ascii": GlyphSet(".", "#", "@", "-", ".", "|", "|", "+", "+", "-", "+", "-"),
}


@lru_cache(maxsize=32)
def draw_line(
    points: Points, x: tuple[float, float], y: tuple[float, float], columns: int, rows: int, glyphs: Glyphs, bold: bool
) -> Cells:
    """A line through the points on a canvas with these limits; NaN is a gap. A bold line is two dots thick."""
    xs, ys = clipped(*points, *y)  # plotext walks every dot of a line, also far outside
    if glyphs == "braille":
        cells = _cells(_plot(xs, ys, x, y, columns, rows, "braille"), rows, columns)
        return _thicken(cells) if bold else cells
    mark = GLYPHS[glyphs].bold if bold else GLYPHS[glyphs].thin
    if glyphs == "ascii" or not bold:
        return _cells(_plot(xs, ys, x, y, columns, rows, mark), rows, columns)
    halves = _cells(_plot(xs, ys, x, y, columns, 2 * rows, mark), 2 * rows, columns) != SPACE
    upper, lower = halves[0::2], halves[1::2]
    blocks = np.array([ord(c) for c in " ▀▄█"], dtype=np.uint32)
    drawn: Cells = blocks[upper + 2 * lower]
    return drawn


def _plot(
    xs: list[float],
    ys: list[float],
    x: tuple[float, float],
    y: tuple[float, float],
    columns: int,
    rows: int,
    marker: str,
) -> str:
    with _PLOTEXT:
        plotext.clear_figure()
        plotext.limit_size(False, False)  # or it would never draw more than the terminal that it finds
        plotext.plot_size(columns, rows)
        plotext.theme("clear")
        plotext.frame(False)
        plotext.xfrequency(0)
        plotext.yfrequency(0)
        plotext.xlim(*x)
        plotext.ylim(*y)
        plotext.plot(xs, ys, marker=marker)
        return str(plotext.uncolorize(plotext.build()))


def _cells(text: str, rows: int, columns: int) -> Cells:
    lines = [line.ljust(columns)[:columns] for line in text.split("\n")[:rows]]
    return np.frombuffer("".join(lines).encode("utf-32-le"), dtype=np.uint32).reshape(rows, columns)


def _thicken(cells: Cells) -> Cells:
    """Draw braille again with a pen of two dots by two."""
    rows, columns = cells.shape
    masks = np.where(cells == SPACE, 0, cells - BRAILLE)
    dots = (masks[:, None, :, None] & _DOT_BITS[:, None, :] != 0).reshape(4 * rows, 2 * columns)
    dots[:-1] |= dots[1:].copy()
    dots[:, 1:] |= dots[:, :-1].copy()
    masks = (dots.reshape(rows, 4, columns, 2) * _DOT_BITS[:, None, :]).sum(axis=(1, 3), dtype=np.uint32)
    return np.where(masks == 0, SPACE, BRAILLE + masks).astype(np.uint32)


def over(below: Cells, above: Cells) -> Cells:
    """Both drawings in one: braille dots add up, any other character covers what is below it."""
    both = (below & ~np.uint32(0xFF) == BRAILLE) & (above & ~np.uint32(0xFF) == BRAILLE)
    return np.where(both, below | above, np.where(above == SPACE, below, above))
