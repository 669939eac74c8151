"""The dialog that lists all checkpoints and cells, for one or several to be chosen."""

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
from textual.widgets import DataTable
from textual.worker import get_current_worker

from slmtui.console.dialogs.dialog import Dialog
from slmtui.console.screens.complete.chosen_model import ChosenModel
from slmtui.errors import UserError
from slmtui.output import visible
from slmtui.runs.run import run_at
from slmtui.words import plural

MOST = 4  # side by side


@dataclass(frozen=True)
class CheckpointRow:
    model: ChosenModel
    step: str
    val_loss: str
    training: bool


class CheckpointDialog(Dialog[list[ChosenModel] | None]):
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

    def __init__(self, models: Sequence[ChosenModel], current: ChosenModel) -> None:
        super().__init__()
        self.models, self.at_first = list(models), current
        self.marked: list[ChosenModel] = []

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
        for model in self.models:
            table.add_row(self._mark(model), *map(_cell, _names(model)), "", "", "", key=str(model))
        if self.at_first in self.models:
            table.move_cursor(row=self.models.index(self.at_first))
        table.focus()
        self._read()

    def action_mark(self) -> None:
        model = self._current()
        if model in self.marked:
            self.marked.remove(model)
        elif len(self.marked) < MOST:
            self.marked.append(model)
        else:
            self.notify(f"{MOST} fit side by side at most; unmark one first", severity="warning")
        self.query_one(DataTable).update_cell(str(model), "mark", self._mark(model))
        self.query_one(DataTable).action_cursor_down()

    def action_choose(self) -> None:
        self.dismiss([model for model in self.models if model in self.marked] or [self._current()])

    def action_cancel(self) -> None:
        self.dismiss(None)

    def action_down(self) -> None:
        self.query_one(DataTable).action_cursor_down()

    def action_up(self) -> None:
        self.query_one(DataTable).action_cursor_up()

    def action_top(self) -> None:
        self.query_one(DataTable).move_cursor(row=0)

    def action_bottom(self) -> None:
        self.query_one(DataTable).move_cursor(row=len(self.models) - 1)

    @on(Read)
    def _fill(self, event: Read) -> None:
        table = self.query_one(DataTable)
        for row in event.rows:
            key = str(row.model)
            table.update_cell(key, "step", Text(row.step, justify="right"))
            table.update_cell(key, "val loss", Text(row.val_loss, justify="right"), update_width=True)
            table.update_cell(key, "training", _cell("in training" if row.training else ""), update_width=True)

    def _current(self) -> ChosenModel:
        return self.models[self.query_one(DataTable).cursor_row]

    def _mark(self, model: ChosenModel) -> Text:
        return Text("●" if model in self.marked else "·")

    @work(thread=True, exclusive=True)
    def _read(self) -> None:
        """Read what each checkpoint says of itself; some at a time, because a list can be long."""
        worker = get_current_worker()
        rows: list[CheckpointRow] = []
        for number, model in enumerate(self.models, start=1):
            if worker.is_cancelled:
                return
            rows.append(_row(model))
            if len(rows) == 10 or number == len(self.models):
                self.post_message(self.Read(rows))
                rows = []


def _names(model: ChosenModel) -> tuple[str, str]:
    """What stands in the columns of the run and of the checkpoint."""
    if isinstance(model, Path):
        return (model.parent.name if run_at(model.parent) is not None else ""), model.name
    return model.name, plural(len(model.runs), "seed")


def _row(model: ChosenModel) -> CheckpointRow:
    from slmtui.runs.checkpoint import read_note

    if not isinstance(model, Path):  # the rows of its runs have their losses
        return CheckpointRow(model, "", "", training=False)
    training = (run := run_at(model.parent)) is not None and run.is_alive()
    try:
        note = read_note(model)
    except UserError:
        return CheckpointRow(model, "–", "unreadable", training)
    losses = " · ".join(f"{name} {loss:.4f}".strip() for name, loss in note.named)
    return CheckpointRow(model, f"{note.step:,}", losses, training)


def _cell(text: str) -> Text:
    return Text(visible(text))
