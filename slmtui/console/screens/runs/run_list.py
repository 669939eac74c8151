"""The table of runs: only what has changed is drawn anew, and the cursor stays on its run whatever the order."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.coordinate import Coordinate
from textual.widgets import DataTable

from slmtui.console.filtering.line import FILTER_KEYS
from slmtui.console.screens.runs.columns import COLUMNS, MARK, RUN, UNMARKED, Cell, Layout, cells, fitting
from slmtui.console.text.columns import cut, short_name
from slmtui.runs.index import RunListing


class RunList(DataTable[Text]):
    BINDING_GROUP_TITLE = "List of runs"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select_cursor", "watch", tooltip="show this run on Train"),
        Binding("down,j", "cursor_down", "next run", show=False),
        Binding("up,k", "cursor_up", "previous run", show=False),
        Binding("home,g", "scroll_top", "first run", show=False),
        Binding("end,G", "scroll_bottom", "last run", show=False),
        *FILTER_KEYS,
    ]

    DEFAULT_CSS = "RunList, RunList:focus { background-tint: $background 0%; }"

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id, cursor_type="row", cursor_foreground_priority="renderable")
        self._layout_now: Layout | None = None
        self._shown: dict[str, list[Cell]] = {}  # in the order of the rows
        self._colours: Mapping[str, str] = {}
        self._cells: dict[str, tuple[RunListing, list[Cell]]] = {}

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        return self.row_count > 0 if action == "select_cursor" else True

    @property
    def current(self) -> str | None:
        """The name of the run under the cursor."""
        names = self.names
        return names[self.cursor_row] if 0 <= self.cursor_row < len(names) else None

    @property
    def names(self) -> list[str]:
        """Of the runs that are shown, in their order."""
        return list(self._shown)

    @property
    def columns_shown(self) -> list[str]:
        """Their keys, from the left."""
        return [COLUMNS[at].key for at in self._layout_now.columns] if self._layout_now is not None else []

    def go_to(self, name: str) -> None:
        self.move_cursor(row=self.names.index(name), animate=False)

    def show(
        self, runs: Sequence[RunListing], marks: Mapping[str, str], width: int, order: str, unwanted: Collection[str]
    ) -> None:
        """Show these runs in this order, in `width` columns; `marks` gives the colour of those that are marked.

        order: the one that they are in, as sort_runs names it. unwanted: keys of columns that a person does without.
        """
        self._cells = {run.name: self._cells_of(run) for run in runs}
        self._colours = self.app.theme_variables
        layout = fitting([found for _, found in self._cells.values()], width, order, unwanted)
        rows = {name: self._row(found, marks.get(name), layout) for name, (_, found) in self._cells.items()}
        if layout == self._layout_now and list(rows) == list(self._shown):
            for at, (name, row) in enumerate(rows.items()):
                for column, (old, new) in enumerate(zip(self._shown[name], row, strict=True)):
                    if old != new:
                        self.update_cell_at(Coordinate(at, column), self._text(new, layout.columns[column]))
        else:
            self._rebuild(rows, layout)
        self._shown, self._layout_now = rows, layout

    def _cells_of(self, run: RunListing) -> tuple[RunListing, list[Cell]]:
        """Made anew only if the run is not what it was."""
        known = self._cells.get(run.name)
        return known if known is not None and known[0] is run else (run, cells(run))

    def _rebuild(self, rows: dict[str, list[Cell]], layout: Layout) -> None:
        current, row, top = self.current, self.cursor_row, self.scroll_y
        with self.prevent(DataTable.RowHighlighted):
            self.clear(columns=True)
            for at, width, label in zip(layout.columns, layout.widths, layout.labels, strict=True):
                column = COLUMNS[at]
                label = f"{UNMARKED} {label}" if at == RUN else label
                self.add_column(Text(label, justify="right" if column.right else "left"), width=width, key=column.key)
            for name, row_ in rows.items():
                self.add_row(*(self._text(cell, at) for at, cell in zip(layout.columns, row_, strict=True)), key=name)
            names = list(rows)
            at = names.index(current) if current is not None and current in rows else min(row, len(rows) - 1)
            self.scroll_to(y=top, animate=False)
            self.move_cursor(row=max(0, at), animate=False)

    def _row(self, found: list[Cell], mark: str | None, layout: Layout) -> list[Cell]:
        """The cells that are shown, cut to their widths, with the colours of the theme; the name with its mark."""
        row = []
        for at, width in zip(layout.columns, layout.widths, strict=True):
            text, style = found[at]
            if at == RUN:
                row.append((f"{MARK if mark else UNMARKED} {short_name(text, width - 2)}", mark or ""))
            else:
                row.append((cut(text, width), self._colours.get(style.removeprefix("$"), "")))
        return row

    def _text(self, cell: Cell, at: int) -> Text:
        text, style = cell
        if at == RUN:
            return Text.assemble((text[:1], style), text[1:])
        return Text(text, style=style, justify="right" if COLUMNS[at].right else "left", no_wrap=True)
