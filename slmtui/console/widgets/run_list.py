"""The table of runs: only what has changed is drawn anew, and the cursor stays on its run whatever the order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.coordinate import Coordinate
from textual.widgets import DataTable

from slmtui.console.runs_table import MARK, UNMARKED, Cell, Layout, cut, fitting
from slmtui.console.runs_words import short_name
from slmtui.runs.catalogue import Listed


class RunList(DataTable[Text]):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select_cursor", "watch", tooltip="show this run on Train"),
        Binding("down,j", "cursor_down", "next run", show=False),
        Binding("up,k", "cursor_up", "previous run", show=False),
        Binding("home,g", "scroll_top", "first run", show=False),
        Binding("end,G", "scroll_bottom", "last run", show=False),
    ]

    DEFAULT_CSS = "RunList, RunList:focus { background-tint: $background 0%; }"

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id, cursor_type="row", cursor_foreground_priority="renderable")
        self._layout_now: Layout | None = None
        self._shown: dict[str, list[Text]] = {}  # in the order of the rows

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        return self.row_count > 0 if action == "select_cursor" else True

    @property
    def current(self) -> str | None:
        """The name of the run under the cursor."""
        names = list(self._shown)
        return names[self.cursor_row] if self.cursor_row < len(names) else None

    def show(self, runs: Sequence[Listed], marks: Mapping[str, str], width: int) -> None:
        """Show these runs in this order, in `width` columns; `marks` gives the colour of those that are marked."""
        layout = fitting(runs, width)
        rows = {run.name: self._row(run, marks.get(run.name), layout) for run in runs}
        if layout == self._layout_now and list(rows) == list(self._shown):
            for at, (name, cells) in enumerate(rows.items()):
                for column, (old, new) in enumerate(zip(self._shown[name], cells, strict=True)):
                    if old != new or old.spans != new.spans:
                        self.update_cell_at(Coordinate(at, column), new)
        else:
            self._rebuild(rows, layout)
        self._shown, self._layout_now = rows, layout

    def _rebuild(self, rows: dict[str, list[Text]], layout: Layout) -> None:
        current, row, top = self.current, self.cursor_row, self.scroll_y
        with self.prevent(DataTable.RowHighlighted):
            self.clear(columns=True)
            for column, width in zip(layout.columns, layout.widths, strict=True):
                label = f"{UNMARKED} {column.label}" if column.key == "run" else column.label
                self.add_column(Text(label, justify="right" if column.right else "left"), width=width, key=column.key)
            for name, cells in rows.items():
                self.add_row(*cells, key=name)
            names = list(rows)
            at = names.index(current) if current in rows else min(row, len(rows) - 1)
            self.move_cursor(row=max(0, at), animate=False)
        self.scroll_to(y=top, animate=False)

    def _row(self, run: Listed, mark: str | None, layout: Layout) -> list[Text]:
        cells = []
        for column, width in zip(layout.columns, layout.widths, strict=True):
            text, style = column.cell(run)
            if column.key == "run":
                cells.append(Text.assemble((MARK if mark else UNMARKED, mark or ""), " ", short_name(text, width - 2)))
                continue
            cells.append(self._text((cut(text, width), style), right=column.right))
        return cells

    def _text(self, cell: Cell, *, right: bool) -> Text:
        text, style = cell
        if style:
            style = self.app.theme_variables.get(style.removeprefix("$"), "")
        return Text(text, style=style, justify="right" if right else "left", no_wrap=True)
