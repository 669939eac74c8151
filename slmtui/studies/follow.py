"""A study's results, kept up to date: at each look only what has changed is read again."""

from __future__ import annotations

from pathlib import Path

from slmtui.config.phase_file import PhaseError
from slmtui.config.study import Study
from slmtui.config.trial_key import trial_key
from slmtui.runs.index import file_stamp
from slmtui.runs.run import Run, all_runs
from slmtui.studies.results import CellResult, StudyResults, TrialResult, read_trial

Known = tuple[object, TrialResult]  # what the result was read from, and the result


class StudyFollower:
    """`look()` gives the results as they are now: the same object again while nothing has changed.

    One thread at a time looks; what it returned never changes.
    """

    def __init__(self, study: Study, checkpoints: Path) -> None:
        self.study, self.checkpoints = study, checkpoints
        self._keys = [trial.key for trial in study.trials]
        self._phases: dict[str, tuple[tuple[int, int], str]] = {}  # by run: its phase file's stamp, and its key
        self._known: dict[int, Known] = {}  # by the trial's place in the study
        self._results: StudyResults | None = None

    def look(self) -> StudyResults:
        """RunError if the folder cannot be listed."""
        runs, changed = self._runs(), self._results is None
        for place, trial in enumerate(self.study.trials):
            run = runs.get(self._keys[place])
            mark = None if run is None else (run.name, file_stamp(run.log_file), run.is_alive())
            if place not in self._known or self._known[place][0] != mark:
                self._known[place] = (mark, read_trial(trial, run))
                changed = True
        if changed or self._results is None:
            self._results = self._folded()
        return self._results

    def _folded(self) -> StudyResults:
        by_cell: dict[int, list[TrialResult]] = {}
        for place, trial in enumerate(self.study.trials):
            by_cell.setdefault(trial.cell.number, []).append(self._known[place][1])
        old = {cell.cell.number: cell for cell in self._results.cells} if self._results is not None else {}
        cells = []
        for cell in self.study.cells:
            trials, before = tuple(by_cell[cell.number]), old.get(cell.number)
            same = before is not None and all(a is b for a, b in zip(before.trials, trials, strict=True))
            cells.append(before if before is not None and same else CellResult(cell, trials))
        return StudyResults(self.study, tuple(cells))

    def _runs(self) -> dict[str, Run]:
        """The study's runs by the key of their trials; of several for one trial, the first."""
        found: dict[str, Run] = {}
        for run in all_runs(self.checkpoints):
            if not run.name.startswith(f"{self.study.name}."):
                continue
            now = file_stamp(run.phase_file)
            if self._phases.get(run.name, (None, ""))[0] != now:
                try:
                    self._phases[run.name] = (now, trial_key(run.phase()))
                except PhaseError:  # damaged: its trial is trained anew
                    self._phases[run.name] = (now, "")
            found.setdefault(self._phases[run.name][1], run)
        return found
