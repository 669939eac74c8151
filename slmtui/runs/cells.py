"""The runs of a study's cell, by the name STUDY/CELL: recipes/02 has the runs recipes.02-001, recipes.02-002 and so on.

They differ in their seeds alone, so their networks can predict together (runs/ensemble.py).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slmtui.config.errors import PhaseError
from slmtui.config.phase import Phase
from slmtui.files import is_there
from slmtui.runs.log_reader import LogError, last_event
from slmtui.runs.run import Run, RunError, all_runs, modified
from slmtui.training import events

_NAME = re.compile(r"(?P<study>[A-Za-z0-9][A-Za-z0-9._-]*)/(?P<cell>[0-9]{1,6})")
_RUN = re.compile(r"(?P<study>.+)\.(?P<cell>[0-9]{2,6})-[0-9]+")


@dataclass(frozen=True)
class Cell:
    """The runs of a cell that came to their end, one for each seed, and how many did not."""

    name: str
    runs: tuple[Run, ...]
    unfinished: int = 0

    def __str__(self) -> str:
        return self.name

    @property
    def files(self) -> tuple[Path, ...]:
        """Their best models."""
        return tuple(run.best_file for run in self.runs)


def cell_name(study: str, number: int) -> str:
    return f"{study}/{number:02}"


def cell_number(run: Run) -> int | None:
    """The number of the cell in a run's name; None for a run that is no trial's, or was renamed."""
    match = _RUN.fullmatch(run.name)
    return None if match is None else int(match["cell"])


def find_cell(checkpoints: Path, name: str) -> Cell | None:
    """The cell that a name means; None if it is the name of something else.

    Where the study's file was changed, runs of before may have the same name and other settings: those that count are
    the ones with the settings of the newest. RunError for a cell without runs, or none of which came to its end.
    """
    if (match := _NAME.fullmatch(name)) is None:
        return None
    of_study = [(run, found) for run in all_runs(checkpoints) if (found := _RUN.fullmatch(run.name)) is not None]
    of_study = [(run, found) for run, found in of_study if found["study"] == match["study"]]
    if not of_study:
        return None
    number = int(match["cell"])
    own = [run for run, found in of_study if int(found["cell"]) == number]
    phases = dict[Run, Phase]()
    for run in own:
        try:
            phases[run] = run.phase()
        except PhaseError:
            continue  # damaged
    phases = {run: phase for run, phase in phases.items() if phase.phase.study == match["study"]}
    if not phases:
        there = sorted({cell_name(match["study"], int(found["cell"])) for _, found in of_study})
        raise RunError(f"{name}: no such cell in {checkpoints} (there: {', '.join(there)})")
    newest = _but_for_its_seed(phases[max(phases, key=lambda run: modified(run.phase_file))])
    alike = {run: phase.training.seed for run, phase in phases.items() if _but_for_its_seed(phase) == newest}
    done = dict[int, Run]()
    for run, seed in alike.items():
        if _is_done(run):
            done.setdefault(seed, run)
    if not done:
        raise RunError(f"{name}: none of its runs came to its end ({', '.join(run.name for run in alike)})")
    return Cell(cell_name(match["study"], number), tuple(done.values()), len(set(alike.values()) - done.keys()))


def ensembles(checkpoints: Path) -> list[Cell]:
    """The cells of which several runs came to their end, by name."""
    found = []
    for name in cell_names(checkpoints):
        try:
            cell = find_cell(checkpoints, name)
        except RunError:
            continue  # none of its runs came to its end
        if cell is not None and len(cell.runs) > 1:
            found.append(cell)
    return found


def cell_names(checkpoints: Path) -> list[str]:
    """STUDY/CELL of all cells that have a run; RunError if the folder cannot be listed."""
    found = set[str]()
    for run in all_runs(checkpoints):
        match = _RUN.fullmatch(run.name)
        if match is None or (name := cell_name(match["study"], int(match["cell"]))) in found:
            continue
        try:
            if run.phase().phase.study == match["study"]:
                found.add(name)
        except PhaseError:
            continue  # damaged
    return sorted(found)


def _but_for_its_seed(phase: Phase) -> str:
    values: dict[str, Any] = phase.values()
    del values["phase"], values["training"]["seed"]
    return json.dumps(values, sort_keys=True)


def _is_done(run: Run) -> bool:
    try:
        last = last_event(run.log_file)
    except (LogError, OSError):
        return False
    return isinstance(last, events.RunFinished) and last.as_meant and is_there(run.best_file)
