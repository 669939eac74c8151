"""slmtui runs: list the runs and what became of them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import click

from slmtui import words
from slmtui.commands.options import Job, checkpoints_option, json_option
from slmtui.output import ExitStatus, put, say
from slmtui.project import DEFAULT_PHASE, shown_command
from slmtui.runs.log_reader import LogError
from slmtui.runs.run import State, runs_and_faults
from slmtui.runs.summary import RunSummary, summarise

HEADER = (
    "run",
    "state",
    "step",
    "parameters",
    "tokens",
    "best val",
    "at step",
    "gap",
    "verdict",
    "b/byte",
    "time",
)
MIXED = ("mixed", "mixed b/byte", "n-gram")  # further columns, where a run predicts with a mixture


@click.command(cls=Job, help=__doc__)
@json_option("one JSON line for each run")
@checkpoints_option
def command(as_json: bool, checkpoints: Path) -> ExitStatus:
    runs, faults = runs_and_faults(checkpoints)
    for run, fault in faults.items():  # the others are to be seen all the same
        say(f"{run.folder}: {fault}")
    found = []
    for run in runs:
        try:
            found.append(summarise(run))
        except LogError as error:
            say(str(error))
    if as_json:
        for summary, state in found:
            first = {"name": summary.name, "phase": summary.phase, "state": state}
            put(json.dumps(first | dataclasses.asdict(summary)))
        return ExitStatus.DONE
    if not found:
        if runs or faults:
            return ExitStatus.DONE  # it was said what is wrong with each
        train = shown_command("--headless", str(DEFAULT_PHASE), checkpoints=checkpoints)
        say(f"no runs in {checkpoints} yet; train one with: {train}")
        return ExitStatus.DONE
    mixed = any(summary.best_mixed_loss is not None for summary, _ in found)
    rows = [HEADER + MIXED if mixed else HEADER, *(cells(summary, state, mixed=mixed) for summary, state in found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        left, right = row[:2], row[2:]
        put(
            "  ".join(
                [cell.ljust(w) for cell, w in zip(left, widths, strict=False)]
                + [cell.rjust(w) for cell, w in zip(right, widths[2:], strict=True)]
            ).rstrip()
        )
    return ExitStatus.DONE


def cells(run: RunSummary, state: State, *, mixed: bool) -> tuple[str, ...]:
    def number(value: float | None, form: str) -> str:
        return words.number(value, form).replace("−", "-")  # a minus that scripts can read

    plain = (
        run.name, state, f"{run.step:,}/{run.max_iters:,}", f"{run.parameters:,}", f"{run.train_tokens:,}",
        number(run.best_val_loss, ".4f"), number(run.best_step, ","), number(run.gap, "+.2f"), run.verdict or "–",
        number(run.bits_per_byte, ".2f"), words.duration(run.seconds),
    )  # fmt: skip
    if not mixed:
        return plain
    return (
        *plain,
        number(run.best_mixed_loss, ".4f"),
        number(run.mixed_bits_per_byte, ".2f"),
        number(run.baseline, ".4f"),
    )
