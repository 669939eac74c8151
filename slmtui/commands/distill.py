"""slmtui distill STUDY/CELL: train one network from the predictions of a cell's networks, as a run of its own.

It learns the text and, beside each token, what they would have said of it. Its phase is theirs; --set changes it.

slmtui distill recipes/02
slmtui distill recipes/02 --set model.n_embd=32     a narrower network
slmtui distill quick-003                            from the network of one run
slmtui distill recipes/02 --nproc 2                 in two processes together
"""

from __future__ import annotations

import os
from pathlib import Path

import click

from slmtui.commands.options import (
    Job,
    checkpoints_option,
    json_option,
    models_of,
    nproc_option,
    run_or_cell_argument,
    set_option,
)
from slmtui.output import ExitStatus, say
from slmtui.runs.cells import find_cell
from slmtui.runs.run import find_run
from slmtui.words import listed


@click.command(cls=Job, help=__doc__)
@run_or_cell_argument
@json_option("the events, one JSON line each")
@set_option
@nproc_option
@checkpoints_option
def command(run: str, as_json: bool, overrides: tuple[str, ...], nproc: int, checkpoints: Path) -> ExitStatus:
    cell = find_cell(checkpoints, run)
    if cell is not None:
        models_of(cell)
        teachers, name, source = list(cell.runs), cell.name, cell.name
    else:
        teachers = [find_run(checkpoints, run)]
        name, source = teachers[0].name, teachers[0].source(checkpoints)
    from slmtui.commands.headless import train_phases  # torch
    from slmtui.runs.continuing import distilled
    from slmtui.settings import load_settings
    from slmtui.training.ranks import ranks_of

    settings = load_settings()
    phase = distilled(teachers, name, source, overrides)
    if nproc > 1:
        from slmtui.commands.together import train_together

        options = [f"--checkpoints={checkpoints}", *(["--json"] if as_json else [])]
        return train_together(nproc, ["distill", *options, *(f"--set={one}" for one in overrides), "--", source])
    if ranks_of(os.environ).is_first:
        say(f"{phase.phase.name}: learns from {listed([teacher.name for teacher in teachers])}")
    return train_phases([phase], checkpoints, as_json=as_json, settings=settings)
