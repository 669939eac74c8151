"""slmtui export RUN --to FORMAT -o DIR: a run's model for Hugging Face or llama.cpp, or its curves for other tools.

slmtui export latest --to hf -o my-model            for transformers, with a model card
slmtui export latest --to gguf -o my-model          for llama.cpp and Ollama
slmtui export latest --to tensorboard -o curves     also while the run lasts
slmtui export latest --to csv -o tables             steps.csv and evaluations.csv
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

import click

from slmtui.commands.options import PATH, Job, checkpoints_option, run_argument, saved_model
from slmtui.errors import UserError
from slmtui.output import ExitStatus, put, said_if_slow, say
from slmtui.runs.run import find_run

Format = Literal["hf", "gguf", "tensorboard", "csv"]


@click.command(cls=Job, help=__doc__)
@run_argument
@click.option("--to", "to", type=click.Choice(get_args(Format)), required=True, help="what to write")
@click.option("-o", "--output", type=PATH, required=True, metavar="DIR", help="a new folder, or an earlier export")
@click.option("--f16", is_flag=True, help="GGUF in half precision, half as large")
@click.option("--anyway", is_flag=True, help="leave behind what the format has no place for")
@click.option("--last", is_flag=True, help="the newest checkpoint instead of the best")
@checkpoints_option
def command(run: str, to: Format, output: Path, f16: bool, anyway: bool, last: bool, checkpoints: Path) -> ExitStatus:
    if f16 and to != "gguf":
        raise UserError("--f16 is for --to gguf")
    if (anyway or last) and to in ("tensorboard", "csv"):
        raise UserError(f"{'--anyway' if anyway else '--last'} is for models; curves need no checkpoint")
    found = find_run(checkpoints, run)
    from slmtui.exchange.export import export_curves, plan_export, write_export  # torch, which --help does not need

    if to == "tensorboard" or to == "csv":
        exported = export_curves(found, to, output)
    else:
        saved_model(found, last=last)  # says what is missing
        with said_if_slow(f"{found.name}: loading the model"):
            plan = plan_export(found, to, output, last=last, f16=f16)
        for line in plan.lines:
            say(line)
        if plan.lines and not anyway:
            raise UserError("nothing was written; --anyway writes the network alone")
        exported = write_export(plan)
        say(exported.words)
    for file in exported.files:
        put(str(exported.folder / file))
    return ExitStatus.DONE
