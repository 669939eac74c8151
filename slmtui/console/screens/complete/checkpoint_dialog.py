"""The dialog that lists all checkpoints, for one or several to be chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import DataTable
from textual.worker import get_current_worker

from slmtui.errors import UserError
from slmtui.files import is_there
from slmtui.output import visible
from slmtui.runs.run import Run, newest_runs, run_at

MOST = 4  # side by side
KINDS = ("best.pt", "last.pt")


def all_checkpoints(checkpoints: Path) -> list[Path]:
    """best.pt, last.pt and others of every run, the newest run first; then those that lie beside the runs."""
    found = [path for run in newest_runs(checkpoints) for path in sorted(run.folder.glob("*.pt"), key=_kind)]
    return found + sorted(checkpoints.glob("*.pt"))


def usual_checkpoint(checkpoints: Path, watched: Run | None) -> Path | None:
    """The best checkpoint of the watched run, else of the newest one that has any; None if there is none at all."""
    of_watched = [watched.best_file, watched.last_file] if watched is not None else []
    return next((path for path in [*of_watched, *all_checkpoints(checkpoints)] if is_there(path)), None)


def _kind(path: Path) -> tuple[int, str]:
    return KINDS.index(path.name) if path.name in KINDS else len(KINDS), path.name


@dataclass(frozen=True)
class CheckpointRow:
    path: Path
    step: str
    val_loss: str
    training: bool


class CheckpointDialog(ModalScreen[list[Path] | None]):
    """Its result: what was marked, in the order of the list, or else what the cursor is on; None when cancelled."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "mark", "mark"),
        Binding("enter", "choose", "choose", priority=True),
        Binding("j", "down", "down", show=False),
        Binding("k", "up", "up", show=False),
        Binding("g", "top", "first", show=False),
        Binding("G", "bottom", "last", show=False),
        Binding("escape", "cancel", "cancel"),
        Binding("question_mark", "app.help", "help", show=False),
    ]
    DEFAULT_CSS = """
    CheckpointDialog DataTable { height: auto; max-height: 100%; background: $surface; }
    CheckpointDialog DataTable > .datatable--header { background: $surface; }
    CheckpointDialog .dialog { padding: 0 1; }
    """

    class Read(Message):
        """What the worker has read of some of the checkpoints."""

        def __init__(self, rows: Sequence[CheckpointRow]) -> None:
            super().__init__()
            self.rows = rows

    def __init__(self, paths: Sequence[Path], current: Path) -> None:
        super().__init__()
        self.paths, self.at_first = list(paths), current
        self.marked: list[Path] = []

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -tall") as box:
            box.border_title = "checkpoints"
            box.border_subtitle = f"enter chooses one · space marks up to {MOST} for side by side · esc cancels"
            yield DataTable(cursor_type="row", zebra_stripes=False)

    def on_mount(self) -> None:
        table = self.query_one(DataTable)
        table.add_column("", key="mark", width=1)
        table.add_column("run", key="run")
        table.add_column("checkpoint", key="kind")
        table.add_column(Text("step", justify="right"), key="step", width=9)
        table.add_column(Text("val loss", justify="right"), key="val loss")
        table.add_column("", key="training")
        for path in self.paths:
            run = path.parent.name if run_at(path.parent) is not None else ""
            table.add_row(self._mark(path), _cell(run), _cell(path.name), "", "", "", key=str(path))
        if self.at_first in self.paths:
            table.move_cursor(row=self.paths.index(self.at_first))
        table.focus()
        self._read()

    def action_mark(self) -> None:
        path = self._current()
        if path in self.marked:
            self.marked.remove(path)
        elif len(self.marked) < MOST:
            self.marked.append(path)
        else:
            self.notify(f"{MOST} fit side by side at most; unmark one first", severity="warning")
        self.query_one(DataTable).update_cell(str(path), "mark", self._mark(path))
        self.query_one(DataTable).action_cursor_down()

    def action_choose(self) -> None:
        self.dismiss([path for path in self.paths if path in self.marked] or [self._current()])

    def action_cancel(self) -> None:
        self.dismiss(None)

    def action_down(self) -> None:
        self.query_one(DataTable).action_cursor_down()

    def action_up(self) -> None:
        self.query_one(DataTable).action_cursor_up()

    def action_top(self) -> None:
        self.query_one(DataTable).move_cursor(row=0)

    def action_bottom(self) -> None:
        self.query_one(DataTable).move_cursor(row=len(self.paths) - 1)

    @on(Read)
    def _fill(self, event: Read) -> None:
        table = self.query_one(DataTable)
        for row in event.rows:
            key = str(row.path)
            table.update_cell(key, "step", Text(row.step, justify="right"))
            table.update_cell(key, "val loss", Text(row.val_loss, justify="right"), update_width=True)
            table.update_cell(key, "training", _cell("in training" if row.training else ""), update_width=True)

    def _current(self) -> Path:
        return self.paths[self.query_one(DataTable).cursor_row]

    def _mark(self, path: Path) -> Text:
        return Text("●" if path in self.marked else "·")

    @work(thread=True, exclusive=True)
    def _read(self) -> None:
        """Read what each checkpoint says of itself; some at a time, because a list can be long."""
        from slmtui.runs.checkpoint import read_note

        worker = get_current_worker()
        rows: list[CheckpointRow] = []
        for number, path in enumerate(self.paths, start=1):
            if worker.is_cancelled:
                return
            training = (run := run_at(path.parent)) is not None and run.is_alive()
            try:
                note = read_note(path)
                losses = " · ".join(f"{name} {loss:.4f}".strip() for name, loss in note.named)
                rows.append(CheckpointRow(path, f"{note.step:,}", losses, training))
            except UserError:
                rows.append(CheckpointRow(path, "–", "unreadable", training))
            if len(rows) == 10 or number == len(self.paths):
                self.post_message(self.Read(rows))
                rows = []


def _cell(text: str) -> Text:
    return Text(visible(text))
