"""A study's results from the logs of its runs: at each look only what has changed is read again."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

from slmtui.config.phase_file import PhaseError
from slmtui.config.study import Study, Trial
from slmtui.config.trial_key import phase_name, trial_key
from slmtui.runs.cells import cell_number
from slmtui.runs.index import file_stamp
from slmtui.runs.log_reader import LogError, LogReader
from slmtui.runs.run import Run, State, all_runs
from slmtui.runs.summary import SummaryFold
from slmtui.studies.results import CellResult, Status, StudyResults, TrialResult
from slmtui.training import events

_STATUS: dict[State, Status] = {
    "running": "running", "paused": "running", "stalled": "running", "done": "done", "stopped": "stopped",
    "failed": "failed", "crashed": "stopped",
}  # fmt: skip

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
        runs, changed = self.runs(), self._results is None
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

    def runs(self) -> dict[str, Run]:
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


def read_results(study: Study, checkpoints: Path) -> StudyResults:
    """The results as they are now. RunError if the folder cannot be listed."""
    return StudyFollower(study, checkpoints).look()


def numbered(study: Study, checkpoints: Path) -> Study:
    """The study with each cell's number as it is in the names of its runs, so that STUDY/CELL goes on to mean it when
    others come before it in the file. A cell without runs keeps its place in the file, or gets the next free number.

    RunError if the folder cannot be listed.
    """
    numbers = {
        key: number for key, run in StudyFollower(study, checkpoints).runs().items() if (number := cell_number(run))
    }
    taken, used, given = set(numbers.values()), set[int](), dict[int, int]()
    for trial in study.trials:
        number = numbers.get(trial.key)
        if number is not None and trial.cell.number not in given and number not in used:
            given[trial.cell.number] = number
            used.add(number)
    new = [cell.number for cell in study.cells if cell.number not in given]
    given |= {number: number for number in new if number not in taken}
    taken |= set(given.values())
    free = (number for number in itertools.count(1) if number not in taken)
    given |= {number: next(free) for number in new if number not in given}
    if all(number == kept for number, kept in given.items()):
        return study
    cells = {cell.number: replace(cell, number=given[cell.number]) for cell in study.cells}
    trials = []
    for trial in study.trials:
        cell, head = cells[trial.cell.number], trial.phase.phase
        head = head.model_copy(update={"name": phase_name(study.name, cell.number)})
        trials.append(replace(trial, cell=cell, phase=trial.phase.model_copy(update={"phase": head})))
    return replace(study, cells=tuple(cells.values()), trials=tuple(trials))


def read_trial(trial: Trial, run: Run | None) -> TrialResult:
    if run is None:
        return TrialResult(trial)
    fold, labels, evaluations = SummaryFold(run.name), dict[str, int](), list[tuple[int, float]]()
    test: events.FinalTest | None = None
    last_gap: float | None = None
    try:
        for chunk in LogReader(run.log_file).read():
            for event in chunk.skim():
                fold.add(event)
                match event:
                    case events.FinalTest():
                        test = event
                    case events.Evaluation():
                        evaluations.append((event.step, event.judged_bits_per_byte))
                        last_gap = event.gap
                    case events.SampleRates() if event.step == fold.summary.best_step:
                        labels = event.labels
                    case events.Resumed() | events.Step():
                        test = None
    except LogError:
        return TrialResult(trial, run, "failed")
    state = run.state(fold.last, paused=fold.summary.paused)
    summary, status = fold.so_far(), _STATUS[state]
    if summary.reason == "failed":  # of a full disk, or the like, which is put right before the study goes on
        status = "stopped"
    return TrialResult(trial, run, status, summary, fold.blocks, labels, tuple(evaluations), test, last_gap)
