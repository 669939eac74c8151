"""A list of rows of text, for screens that show what is found out in a worker."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets import DataTable

Row = tuple[str, ...]


class Rows(DataTable[Text]):
    """Rows of text, each with a key; what has not changed is not drawn anew, and the cursor stays on its row."""

    BINDING_GROUP_TITLE = "List"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "cursor_down", "next row", show=False),
        Binding("up,k", "cursor_up", "previous row", show=False),
        Binding("home,g", "scroll_top", "first row", show=False),
        Binding("end,G", "scroll_bottom", "last row", show=False),
    ]
    DEFAULT_CSS = "Rows, Rows:focus { background-tint: $background 0%; height: 1fr; overflow-x: hidden; }"

    def __init__(self, *labels: str, id: str) -> None:
        super().__init__(id=id, cursor_type="row", cursor_foreground_priority="renderable")
        self.labels, self._shown = labels, dict[str, Row]()

    @property
    def current(self) -> str | None:
        """The key of the row under the cursor."""
        keys = list(self._shown)
        return keys[self.cursor_row] if 0 <= self.cursor_row < len(keys) else None

    def show_rows(self, rows: dict[str, Row]) -> None:
        if rows == self._shown:
            return
        current, row, top = self.current, self.cursor_row, self.scroll_y
        self._shown = rows
        with self.prevent(DataTable.RowHighlighted):
            self.clear(columns=True)
            # Widths that Textual measures come late: a line that is drawn before that stays cut off.
            for column, label in enumerate(self.labels):
                self.add_column(label, width=max(map(cell_len, [label, *(row[column] for row in rows.values())])))
            for key, cells in rows.items():
                self.add_row(*(Text(cell, no_wrap=True) for cell in cells), key=key)
            at = list(rows).index(current) if current is not None and current in rows else min(row, len(rows) - 1)
            self.scroll_to(y=top, animate=False)
            self.move_cursor(row=max(0, at), animate=False)
