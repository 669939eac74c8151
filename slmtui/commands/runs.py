"""slmtui runs: list the runs and what became of them."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence

from slmtui.commands.options import add_checkpoints_option
from slmtui.errors import UserError
from slmtui.output import ExitStatus, duration, put, say
from slmtui.runs.log import LogError
from slmtui.runs.run import all_runs
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


def main(arguments: Sequence[str]) -> ExitStatus:
    parser = argparse.ArgumentParser(prog="slmtui runs", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON line for each run")
    add_checkpoints_option(parser)
    options = parser.parse_args(arguments)
    if options.checkpoints.exists() and not options.checkpoints.is_dir():
        raise UserError(f"{options.checkpoints} is a file, and no folder of runs")
    summaries = []
    for run in all_runs(options.checkpoints):
        try:
            summaries.append(summarise(run))
        except LogError as error:  # the others are to be seen all the same
            say(str(error))
    if options.json:
        for summary in summaries:
            put(json.dumps(dataclasses.asdict(summary)))
        return ExitStatus.DONE
    if not summaries:
        say(f"no runs in {options.checkpoints} yet; train one with: slmtui --headless phases/quick.toml")
        return ExitStatus.DONE
    mixed = any(summary.best_mixed_loss is not None for summary in summaries)
    rows = [HEADER + MIXED if mixed else HEADER, *(cells(summary, mixed=mixed) for summary in summaries)]
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


def cells(run: RunSummary, *, mixed: bool) -> tuple[str, ...]:
    def number(value: float | None, form: str) -> str:
        return "–" if value is None else format(value, form)

    plain = (
        run.name, run.state, f"{run.step:,}/{run.max_iters:,}", f"{run.parameters:,}", f"{run.train_tokens:,}",
        number(run.best_val_loss, ".4f"), number(run.best_step, ","), number(run.gap, "+.2f"), run.verdict or "–",
        number(run.bits_per_byte, ".2f"), duration(run.seconds),
    )  # fmt: skip
    if not mixed:
        return plain
    return (
        *plain,
        number(run.best_mixed_loss, ".4f"),
        number(run.mixed_bits_per_byte, ".2f"),
        number(run.baseline, ".4f"),
    )
