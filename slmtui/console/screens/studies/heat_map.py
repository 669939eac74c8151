"""The grid as a heat map: a shade, the mean and a mark in each cell, and a cursor that goes from cell to cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.events import Click
from textual.message import Message
from textual.widget import Widget

from slmtui.console.charts.palette import Palette, Role, chart_palette
from slmtui.console.screens.studies.grid import SHADES, Grid, level
from slmtui.console.screens.studies.words import cell_mark, cell_number
from slmtui.console.text.columns import cut, fit

if TYPE_CHECKING:
    from slmtui.studies.results import CellResult

ROLES: tuple[Role, ...] = ("excellent", "good", "moderate", "severe", "catastrophic")
LEAST, MOST = 9, 16  # columns of a cell, without what frames it
MOST_LABEL = 26


class HeatMap(Widget, can_focus=True):
    BINDING_GROUP_TITLE = "Grid"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "trial", tooltip="show a trial of this cell on Train: the one that runs, or the best"),
        Binding("left,h", "move(0,-1)", "next cell", show=False, tooltip="another cell"),
        Binding("right,l", "move(0,1)", "next cell", show=False),
        Binding("up,k", "move(-1,0)", "next cell", show=False),
        Binding("down,j", "move(1,0)", "next cell", show=False),
    ]
    DEFAULT_CSS = "HeatMap { height: 1fr; min-height: 2; }"

    class Moved(Message):
        """The cursor stands on another cell."""

    class Chosen(Message):
        """A trial of the cell is to be opened."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._grid: Grid | None = None
        self._cells: tuple[CellResult, ...] = ()
        self._row = self._column = self._top = self._left = 0

    @property
    def current(self) -> int | None:
        """The place of the cell under the cursor in the study's list."""
        return self._grid.cells[self._row][self._column] if self._grid is not None else None

    def show(self, grid: Grid, cells: tuple[CellResult, ...], *, at: int | None = None) -> None:
        """at: where the cursor is to go; None leaves it where it is."""
        if grid != self._grid or at is not None:
            self._row, self._column = grid.place(at or 0)
        if grid is not self._grid or cells != self._cells or at is not None:
            self._grid, self._cells = grid, cells
            self.refresh()

    def action_move(self, rows: int, columns: int) -> None:
        if self._grid is not None:
            self._go(self._row + rows, self._column + columns)

    def action_open(self) -> None:
        self.post_message(self.Chosen())

    def _go(self, row: int, column: int) -> None:
        assert self._grid is not None
        row = min(max(0, row), len(self._grid.rows) - 1)
        column = min(max(0, column), len(self._grid.columns) - 1)
        if (row, column) != (self._row, self._column):
            self._row, self._column = row, column
            self.refresh()
            self.post_message(self.Moved())

    def on_click(self, event: Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None or self._grid is None or offset.y < 1:
            return
        label, width, _ = self._widths(self._grid)
        if offset.x >= label:
            self._go(self._top + offset.y - 1, self._left + (offset.x - label) // width)

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def _widths(self, grid: Grid) -> tuple[int, int, int]:
        """Columns of the labels at the left, of a cell with its frame, and how many cells fit beside each other."""
        longest = max(map(cell_len, (grid.row_title, *grid.rows)))
        label = min(longest, MOST_LABEL, max(0, self.size.width - LEAST - 4)) + (1 if longest else 0)
        width = min(MOST, max(LEAST, *map(cell_len, grid.columns))) + 2
        if label + width * len(grid.columns) > self.size.width:
            width = LEAST + 2
        return label, width, max(1, (self.size.width - label) // width)

    def render(self) -> Text:
        grid = self._grid
        if grid is None:
            return Text("")
        label, width, fitting = self._widths(grid)
        rows = max(1, self.size.height - 1)
        self._left = _window(self._column, self._left, fitting, len(grid.columns))
        self._top = _window(self._row, self._top, rows, len(grid.rows))
        columns = range(self._left, min(self._left + fitting, len(grid.columns)))
        palette = chart_palette(self.app.theme_variables)
        quiet = Style(color=Color.parse(palette["label"]).rich_color)
        means = [cell.estimate.mean for cell in self._cells if cell.estimate is not None]
        more_left, more_right = self._left > 0, columns.stop < len(grid.columns)
        head = "".join(f" {fit(cut(grid.columns[column], width - 2), width - 1)}" for column in columns)
        text = Text(no_wrap=True, end="")
        text.append(fit(grid.row_title, label), quiet)
        text.append(("‹" + head[1:] if more_left else head) + ("›" if more_right else ""), quiet)
        for row in range(self._top, min(self._top + rows, len(grid.rows))):
            text.append("\n")
            text.append(fit(grid.rows[row], label), quiet)
            for column in columns:
                here = (row, column) == (self._row, self._column)
                text.append_text(self._cell(grid.cells[row][column], width, means, palette, here=here))
        return text

    def _cell(self, place: int | None, width: int, means: list[float], palette: Palette, *, here: bool) -> Text:
        if place is None:
            return Text(" " * width)
        cell = self._cells[place]
        shade, role = " ", None
        if cell.estimate is not None:
            at = level(cell.estimate.mean, means)
            shade, role = SHADES[at], ROLES[at]
        words = fit(f"{shade} {cell_number(cell)}{cell_mark(cell)}", width - 2)
        style = Style(color=Color.parse(palette[role]).rich_color) if role is not None else Style()
        frame = Style(bold=True)
        if here:
            style += Style(bold=True, reverse=self.has_focus)
        left, right = ("▌", "▐") if here else (" ", " ")
        return Text.assemble((left, frame), (words, style), (right, frame))


def _window(cursor: int, first: int, room: int, n: int) -> int:
    """The first of `room` places that are seen, so that the cursor is among them."""
    first = min(first, max(0, n - room))
    return min(max(first, cursor - room + 1), cursor)
