"""What a run may be started from: another run's model, or a checkpoint's file.

quick-003        the best model of a run
quick-003@400    its model of step 400, where that is what best.pt or last.pt holds
kept/old.pt      a checkpoint, wherever it is
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from slmtui.files import is_there
from slmtui.runs.cells import find_cell
from slmtui.runs.checkpoint import load_checkpoint, read_note
from slmtui.runs.ensemble import load_models
from slmtui.runs.run import Run, RunError, find_run, run_at
from slmtui.training.parent import Parent
from slmtui.training.teacher import Teacher

_AT_STEP = re.compile(r"(?P<run>.+)@(?P<step>[0-9]{1,18})")


def parent_from_run(init_from: str, checkpoints: Path) -> Parent:
    """The model that `init_from` names; UserError if it is not there, or is no such model."""
    path, run = find_checkpoint(init_from, checkpoints)
    saved = load_checkpoint(path, with_mixture=False)
    name = path.name if run is None else f"{run.name}@{saved.step}"
    source = init_from if run is None else _source(run, saved.step, checkpoints)
    return Parent(name, source, saved.phase.model, saved.phase.tokenizer, saved.tokenizer, saved.model.tensors())


def _source(run: Run, step: int, checkpoints: Path) -> str:
    """What finds a run's model again."""
    return f"{run.source(checkpoints)}@{step}"


def teacher_from_runs(names: Sequence[str], checkpoints: Path) -> Teacher:
    """The models that `distill_from` names, a cell of a study for all of its seeds; UserError as above."""
    paths, sources = list[Path](), list[str]()
    for name in names:
        cell = find_cell(checkpoints, name)
        each = [find_checkpoint(name, checkpoints)] if cell is None else [(run.best_file, run) for run in cell.runs]
        for path, run in each:
            paths.append(path)
            sources.append(name if run is None else _source(run, read_note(path).step, checkpoints))
    saved = load_models(paths)
    saved.model.mixture = None
    saved.model.requires_grad_(False)
    return Teacher(tuple(sources), saved.model, saved.tokenizer)


def find_checkpoint(init_from: str, checkpoints: Path) -> tuple[Path, Run | None]:
    """The file that `init_from` names, and the run that it is of; RunError if there is none."""
    path = Path(init_from)
    if path.suffix == ".pt":
        return path, run_at(path.parent) if len(path.parts) > 1 else None
    at = None if is_there(path) else _AT_STEP.fullmatch(init_from)
    run = find_run(checkpoints, at["run"] if at else init_from)
    files = [file for file in (run.best_file, run.last_file) if is_there(file)]
    if not files:
        raise RunError(f"{run.name} has no checkpoint yet: one is saved at its first evaluation")
    if at is None:
        return files[0], run
    kept = {read_note(file).step: file for file in reversed(files)}
    if int(at["step"]) not in kept:
        there = " and ".join(f"{step:,} ({file.name})" for step, file in sorted(kept.items()))
        raise RunError(f"{run.name} keeps no checkpoint of step {int(at['step']):,}, only of step {there}")
    return kept[int(at["step"])], run
