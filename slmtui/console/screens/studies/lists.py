"""The list of studies, and that of trials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets import DataTable

from slmtui.console.screens.studies.looking import StudyListing
from slmtui.console.screens.studies.words import state_words, trial_words
from slmtui.console.text.columns import cut
from slmtui.output import visible

if TYPE_CHECKING:
    from slmtui.studies.results import TrialResult

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


class StudyList(Rows):
    BINDING_GROUP_TITLE = "List of studies"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select_cursor", "look", tooltip="go to what is shown of this study")
    ]

    def __init__(self, *, id: str) -> None:
        super().__init__("study", "done", "state", id=id)

    def show(self, studies: Sequence[StudyListing], starting: set[str], width: int) -> None:
        """starting: the names of files whose processes have no trial yet."""
        rows: dict[str, Row] = {}
        name = max(8, min(24, width // 3))
        for study in studies:
            key = str(study.path)
            if study.results is None:
                rows[key] = (cut(visible(study.name), name), "", visible(study.problem))
                continue
            done = f"{study.results.count('done')} of {len(study.results.trials)}"
            words = state_words(study.results, starting=key in starting)
            rows[key] = (cut(visible(study.name), name), done, words)
        self.show_rows(rows)


class TrialList(Rows):
    BINDING_GROUP_TITLE = "List of trials"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select_cursor", "trial", tooltip="show this trial on Train")
    ]

    def __init__(self, *, id: str) -> None:
        super().__init__("trial", "run", "bits per byte", "process", id=id)
        self.trials: dict[str, TrialResult] = {}

    def show(self, study: StudyListing, cell: int) -> None:
        """What is running, wherever that is, then the trials of the cell."""
        assert study.results is not None
        found = {place: trial for place, trial in enumerate(study.results.trials) if trial.status == "running"}
        of_cell = study.results.cells[cell].trials
        found |= {place: trial for place, trial in enumerate(study.results.trials) if trial in of_cell}
        self.trials = {f"{place}": trial for place, trial in found.items()}
        self.show_rows(
            {
                f"{place}": (
                    visible(trial.trial.label),
                    "–" if trial.run is None else trial.run.name,
                    trial_words(trial),
                    f"{pid}" if (pid := study.trainers.get(place)) is not None else "",
                )
                for place, trial in found.items()
            }
        )
