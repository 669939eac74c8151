"""The list of studies, and that of trials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from slmtui.console.rows import Row, Rows
from slmtui.console.screens.studies.looking import StudyListing
from slmtui.console.screens.studies.words import state_words, trial_words
from slmtui.console.text.columns import cut
from slmtui.output import visible

if TYPE_CHECKING:
    from slmtui.studies.results import TrialResult


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
