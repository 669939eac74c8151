"""What a prompt can be completed with: a checkpoint, or the seeds of a study's cell together."""

from __future__ import annotations

from pathlib import Path

from slmtui.files import is_there
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
    return [*found, *sorted(checkpoints.glob("*.pt"))]


def usual_checkpoint(checkpoints: Path, watched: Run | None) -> Path | None:
    """The best checkpoint of the watched run, else of the newest one that has any; None if there is none at all."""
    of_watched = [watched.best_file, watched.last_file] if watched is not None else []
    of_runs = (path for run in newest_runs(checkpoints) for path in _checkpoints_of(run))
    beside = sorted(checkpoints.glob("*.pt"))
    return next((path for paths in (of_watched, of_runs, beside) for path in paths if is_there(path)), None)


def _checkpoints_of(run: Run) -> list[Path]:
    return sorted(run.folder.glob("*.pt"), key=_kind)


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
