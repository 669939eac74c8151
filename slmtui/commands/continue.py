"""slmtui continue RUN --steps N | --until-val X: train a finished run on, as a run of its own.

It starts from the run's best model, with a new optimizer, and names the run as its parent.

slmtui continue latest --steps 500             500 more steps
slmtui continue quick-003 --until-val 2.9      until val is that low, for as many steps as before at most
slmtui continue latest --steps 500 --nproc 2   in two processes together
"""

from __future__ import annotations

import os
from pathlib import Path

import click

from slmtui.commands.options import Job, checkpoints_option, json_option, nproc_option, run_argument, whole
from slmtui.output import ExitStatus, say
from slmtui.runs.run import find_run
from slmtui.words import plural


def _loss(text: str) -> float:
    from slmtui.config.values import check_value  # pydantic, which --help does not need

    try:
        loss = float(text)
        check_value("early_stopping", "target", loss)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a loss, a number of at least 0.") from None
    return loss


@click.command(cls=Job, help=__doc__)
@run_argument
@click.option("--steps", type=whole(1, 10**9), metavar="N", help="so many steps; at most, with --until-val")
@click.option("--until-val", type=_loss, metavar="X", help="end when the validation loss that decides is X or lower")
@nproc_option
@json_option("the events, one JSON line each")
@checkpoints_option
def command(
    run: str, steps: int | None, until_val: float | None, nproc: int, as_json: bool, checkpoints: Path
) -> ExitStatus:
    if steps is None and until_val is None:
        raise click.UsageError("how far? Give --steps N, or --until-val X, or both.")
    from slmtui.commands.headless import train_phases  # torch
    from slmtui.parents import with_parent
    from slmtui.runs.continuing import continued, rate_in_words
    from slmtui.settings import load_settings
    from slmtui.training.ranks import ranks_of

    settings = load_settings()
    parent = find_run(checkpoints, run)
    phase = continued(parent, checkpoints, steps, until_val)
    with_parent(phase, checkpoints)  # a damaged one is refused before anything is said
    if nproc > 1:
        from slmtui.commands.together import train_together

        options = [f"--checkpoints={checkpoints}", *(["--json"] if as_json else [])]
        options += [] if steps is None else [f"--steps={steps}"]
        options += [] if until_val is None else [f"--until-val={until_val!r}"]
        return train_together(nproc, ["continue", *options, "--", parent.source(checkpoints)])
    if ranks_of(os.environ).is_first:
        steps_more = plural(phase.training.max_iters, "step")
        say(f"{parent.name}: going on for {steps_more} in a run of its own; {rate_in_words(phase)}")
    return train_phases([phase], checkpoints, as_json=as_json, settings=settings)
