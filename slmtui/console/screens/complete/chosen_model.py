"""What a prompt can be completed with: a checkpoint, or the seeds of a study's cell together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from slmtui.files import is_folder, is_there
from slmtui.inference.model_cache import FileState, file_state
from slmtui.runs.cells import Cell, ensembles
from slmtui.runs.run import Run, newest_runs

ChosenModel = Path | Cell
KINDS = ("best.pt", "last.pt")


def all_models(checkpoints: Path) -> list[ChosenModel]:
    """best.pt, last.pt and others of every run, the newest run first, and each cell above the first of its runs; then
    checkpoints that lie beside the runs."""
    cells = {run: cell for cell in ensembles(checkpoints) for run in cell.runs}
    found: dict[ChosenModel, None] = {}
    for run in newest_runs(checkpoints):
        if run in cells:
            found.setdefault(cells[run])
        found |= dict.fromkeys(_checkpoints_of(run))
    return [*found, *_checkpoints_in(checkpoints)]


def usual_checkpoint(checkpoints: Path, watched: Run | None) -> Path | None:
    """The best checkpoint of the watched run, else of the newest one that has any; None if there is none at all."""
    return next(filter(is_there, _candidates(checkpoints, watched)), None)


def _candidates(checkpoints: Path, watched: Run | None) -> Iterator[Path]:
    """Each folder is looked into when it comes to that: a project may have thousands of runs."""
    if watched is not None:
        yield from (watched.best_file, watched.last_file)
    for run in newest_runs(checkpoints):
        yield from _checkpoints_of(run)
    yield from _checkpoints_in(checkpoints)


def _checkpoints_of(run: Run) -> list[Path]:
    return sorted(_checkpoints_in(run.folder), key=_kind)


def _checkpoints_in(folder: Path) -> list[Path]:
    """By name; none where the folder may not be looked into."""
    return sorted(folder.glob("*.pt")) if is_folder(folder) else []


def _kind(path: Path) -> tuple[int, str]:
    return KINDS.index(path.name) if path.name in KINDS else len(KINDS), path.name


def files_of(model: ChosenModel) -> tuple[Path, ...]:
    """The checkpoints that it is read from."""
    return (model,) if isinstance(model, Path) else model.files


def model_state(model: ChosenModel) -> tuple[FileState, ...] | None:
    """What changes when one of its files does; None if one is not there."""
    states = [file_state(path) for path in files_of(model)]
    there = tuple(state for state in states if state is not None)
    return there if len(there) == len(states) else None
