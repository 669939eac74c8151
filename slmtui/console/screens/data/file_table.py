"""The files of a corpus as a table, with the side of the split that each is on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets import DataTable

from slmtui.console.text.columns import cut_left
from slmtui.output import visible

if TYPE_CHECKING:
    from slmtui.data.dataset import DatasetFile
    from slmtui.data.inspection import Counted

MOST_ROWS = 1_000
SIDES = {"train": "train", "val": "val", "test": "test", "both": "both", "": "–"}


@dataclass(frozen=True)
class FileRow:
    name: str
    tokens: int  # GPT-2's, whatever the phase's vocabulary
    functions: int
    side: str  # a key of SIDES; "" for a file that is not in the dataset
    file: DatasetFile | None


def file_rows(counted: Counted) -> list[FileRow]:
    """All files in the order of the corpus; the dataset's are the first of those that have tokens."""
    waiting = list(counted.dataset.files) if counted.dataset is not None else []
    waiting.reverse()
    rows = []
    for file in counted.inspection.file_tokens:
        own = waiting.pop() if file.tokens and waiting else None
        rows.append(FileRow(file.name, file.tokens, file.functions, file.side, own))
    return rows


class FilesTable(DataTable[Text]):
    """At most MOST_ROWS files; the others are summed up in a last row."""

    DEFAULT_CSS = """
    FilesTable { height: 1fr; overflow-x: hidden; }
    FilesTable > .datatable--even-row, FilesTable > .datatable--odd-row { background: $background; }
    """
    BINDING_GROUP_TITLE = "Files"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,l,right", "screen.read_text", "read its text", show=False),
        Binding("down,j", "cursor_down", "next file", show=False),
        Binding("up,k", "cursor_up", "previous file", show=False),
        Binding("home,g", "scroll_top", "first file", show=False),
        Binding("end,G", "scroll_bottom", "last file", show=False),
    ]

    def __init__(self) -> None:
        super().__init__(id="file-table", cursor_type="row", zebra_stripes=False, cell_padding=0)
        self.rows_shown: list[FileRow] = []
        self._width = 0

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, lambda _: self._fill())

    def show(self, rows: list[FileRow]) -> None:
        self.rows_shown = rows
        self._fill()

    def on_resize(self) -> None:
        if self.region.width - 2 != self._width:
            self._fill()

    def row_at_cursor(self) -> FileRow | None:
        """None on the row that sums up the others."""
        shown = self.rows_shown[:MOST_ROWS]
        return shown[self.cursor_row] if 0 <= self.cursor_row < len(shown) else None

    def go_to(self, file: DatasetFile) -> None:
        """Put the cursor on a file of the dataset, if it is among those that are shown."""
        for index, row in enumerate(self.rows_shown[:MOST_ROWS]):
            if row.file is file:
                self.move_cursor(row=index, animate=False)

    def _fill(self) -> None:
        """The table at the present width; the names take what the numbers leave."""
        self._width = self.region.width - 2  # a scrollbar and a gap
        if self._width < 1:
            return
        row, shown, more = self.cursor_row, self.rows_shown[:MOST_ROWS], self.rows_shown[MOST_ROWS:]
        tokens = max([6, *(len(f"{one.tokens:,}") for one in shown), len(f"{sum(r.tokens for r in more):,}")])
        name = max(8, self._width - tokens - 16)
        self.clear(columns=True)
        for title, width in (("file", name), ("tokens", tokens + 1), ("funcs", 7), (" side", 7)):
            self.add_column(Text(title, justify="left" if title == "file" else "right"), width=width)
        colours = self.app.theme_variables
        self.add_rows(_cells(one, name, colours) for one in shown)
        if more:
            rest = FileRow(
                f"… and {len(more):,} more files", sum(one.tokens for one in more), sum(one.functions for one in more),
                "", None,
            )  # fmt: skip
            self.add_row(*_cells(rest, name, colours))
        self.move_cursor(row=min(row, self.row_count - 1), animate=False)


def _cells(row: FileRow, width: int, colours: Mapping[str, str]) -> list[Text]:
    name = cut_left(visible(row.name), width - 1)
    quiet = "" if row.side else colours["quiet"]
    side = {"train": colours["train"], "": quiet}.get(row.side, colours["val"])
    return [
        Text(name, style=quiet, no_wrap=True),
        Text(f"{row.tokens:,}", style=quiet, justify="right"),
        Text(f"{row.functions:,}", style=quiet, justify="right"),
        Text(SIDES[row.side], style=side, justify="right"),
    ]
