"""The files of a corpus as a table, with the side of the split that each is on, and what is left out of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets import DataTable

from slmtui.console.filtering.expression import Field
from slmtui.console.filtering.line import FILTER_KEYS
from slmtui.console.screens.data.file_tokens import FileTokens
from slmtui.console.text.columns import cut_left
from slmtui.output import visible

if TYPE_CHECKING:
    from slmtui.data.dataset import DatasetFile
    from slmtui.data.folder import Skipped
    from slmtui.data.inspection import Counted

MOST_ROWS = 1_000
ROOMY = 60  # columns of a list that has room for long titles
Absence = Literal["", "empty", "copy", "beyond"]
SIDES = {"train": "train", "val": "val", "test": "test", "both": "both", "out": "out", "": "–"}


@dataclass(frozen=True)
class FileRow:
    name: str
    tokens: int  # GPT-2's, whatever the phase's vocabulary
    functions: int
    side: str  # a key of SIDES; "" for a file that is not in the dataset, "out" for what is not in the corpus
    file: DatasetFile | None
    left_out: Skipped | None = None
    absent: Absence = ""  # why a file of the corpus is not in the dataset
    documents: int = 0  # of it in the dataset


FIELDS: dict[str, Field[FileRow]] = {
    "file": Field(lambda row: row.name),
    "side": Field(lambda row: SIDES[row.side]),
    "why": Field(lambda row: row.left_out.reason if row.left_out is not None else row.absent),
    "tokens": Field(lambda row: row.tokens, is_number=True),
    "funcs": Field(lambda row: row.functions, is_number=True),
    "docs": Field(lambda row: row.documents, is_number=True),
}


def file_rows(counted: Counted, left_out: Sequence[Skipped] = ()) -> list[FileRow]:
    """All files in the order of the corpus, then what is left out.

    A file has no part in the dataset if it has no text, if all of it is copies, or if the dataset ends before it.
    """
    rows = []
    for file, part in zip(counted.inspection.file_tokens, counted.files, strict=True):
        own = part if file.tokens and file.side else None
        documents = len(FileTokens(counted.dataset, own).documents) if own is not None and counted.dataset else 0
        absent: Absence = ""
        if own is None and counted.dataset is not None:
            absent = "empty" if not file.tokens else "copy" if part is not None else "beyond"
        rows.append(FileRow(file.name, file.tokens, file.functions, file.side, own, None, absent, documents))
    return [*rows, *(FileRow(item.path, 0, 0, "out", None, item) for item in left_out)]


class FilesTable(DataTable[Text]):
    """At most MOST_ROWS files, and as much that is left out; the others are summed up in a row."""

    DEFAULT_CSS = """
    FilesTable { height: 1fr; overflow-x: hidden; }
    FilesTable > .datatable--even-row, FilesTable > .datatable--odd-row { background: $background; }
    """
    BINDING_GROUP_TITLE = "Files"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,l,right", "screen.read_text", "read its text", show=False),
        Binding(
            "space",
            "screen.take",
            "in or out",
            show=False,
            tooltip="take in what is left out, or leave a file out: edits data.exclude",
        ),
        Binding("down,j", "cursor_down", "next file", show=False),
        Binding("up,k", "cursor_up", "previous file", show=False),
        Binding("home,g", "scroll_top", "first file", show=False),
        Binding("end,G", "scroll_bottom", "last file", show=False),
        *FILTER_KEYS,
    ]

    def __init__(self) -> None:
        super().__init__(id="file-table", cursor_type="row", zebra_stripes=False, cell_padding=0)
        self.rows_shown: list[FileRow] = []
        self._lines: list[FileRow | None] = []  # None: a row that sums up others
        self._width = 0

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, lambda _: self._fill())

    def show(self, rows: list[FileRow]) -> None:
        """Show other rows; the cursor stays on the file that it is on, wherever that is now."""
        before = self.row_at_cursor()
        self.rows_shown = rows
        self._fill()
        if before is not None:
            places = (i for i, row in enumerate(self._lines) if row is not None and row.name == before.name)
            self.move_cursor(row=next(places, self.cursor_row), animate=False)

    def on_resize(self) -> None:
        if self.region.width - 2 != self._width:
            self._fill()

    def row_at_cursor(self) -> FileRow | None:
        """None on a row that sums up others."""
        return self._lines[self.cursor_row] if 0 <= self.cursor_row < len(self._lines) else None

    def go_to(self, file: DatasetFile) -> None:
        """Put the cursor on a file of the dataset, if it is among those that are shown."""
        for index, row in enumerate(self._lines):
            if row is not None and row.file is file:
                self.move_cursor(row=index, animate=False)

    def _fill(self) -> None:
        """The table at the present width; the names take what the numbers leave."""
        self._width = self.region.width - 2  # a scrollbar and a gap
        if self._width < 1:
            return
        row = self.cursor_row
        files = [one for one in self.rows_shown if one.left_out is None]
        left_out = [one for one in self.rows_shown if one.left_out is not None]
        more = FileRow(
            f"… and {len(files) - MOST_ROWS:,} more files", sum(one.tokens for one in files[MOST_ROWS:]),
            sum(one.functions for one in files[MOST_ROWS:]), "", None,
            documents=sum(one.documents for one in files[MOST_ROWS:]),
        )  # fmt: skip
        more_out = FileRow(f"… and {len(left_out) - MOST_ROWS:,} more", 0, 0, "out", None)
        shown: list[tuple[FileRow, FileRow | None]] = [(one, one) for one in files[:MOST_ROWS]]
        shown += [(more, None)] * (len(files) > MOST_ROWS) + [(one, one) for one in left_out[:MOST_ROWS]]
        shown += [(more_out, None)] * (len(left_out) > MOST_ROWS)
        self._lines = [line for _, line in shown]
        title_of_tokens = "GPT-2 tokens" if self._width >= ROOMY else "GPT-2"
        tokens = max([6, len(title_of_tokens), *(len(f"{one.tokens:,}") for one, _ in shown)])
        name = max(8, self._width - tokens - 16)
        self.clear(columns=True)
        several = any(one.documents > 1 + (one.side == "both") for one in files)
        counted = "docs" if several else "funcs"
        for title, width in (("file", name), (title_of_tokens, tokens + 1), (counted, 7), (" side", 7)):
            self.add_column(Text(title, justify="left" if title == "file" else "right"), width=width)
        colours = self.app.theme_variables
        self.add_rows(_cells(one, name, colours, documents=several) for one, _ in shown)
        self.move_cursor(row=max(0, min(row, self.row_count - 1)), animate=False)


def _cells(row: FileRow, width: int, colours: Mapping[str, str], *, documents: bool) -> list[Text]:
    name = cut_left(visible(row.name), width - 1)
    quiet = "" if row.side not in ("", "out") else colours["quiet"]
    side = {"train": colours["train"], "": quiet, "out": quiet}.get(row.side, colours["val"])
    counts = (
        ("", "") if row.side == "out" else (f"{row.tokens:,}", f"{row.documents if documents else row.functions:,}")
    )
    return [
        Text(name, style=quiet, no_wrap=True),
        *(Text(count, style=quiet, justify="right") for count in counts),
        Text(SIDES[row.side], style=side, justify="right"),
    ]
