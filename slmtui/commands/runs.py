"""slmtui runs: list the runs and what became of them."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from shutil import get_terminal_size

import click

from slmtui import words
from slmtui.commands.options import Job, checkpoints_option, json_option
from slmtui.output import ExitStatus, put, say, visible
from slmtui.project import how_to_train
from slmtui.runs.log_reader import LogError
from slmtui.runs.run import State, runs_and_faults
from slmtui.runs.summary import RunSummary, bits_above, summarise
from slmtui.runs.tags import ARCHIVED, BASELINE, read_tags

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
WORDS = {"run", "state", "gate", "tags"}  # columns of words, the others are numbers
NARROW = (  # given up in this order
    "counting", "parameters", "tokens", "net b/byte", "at step", "time", "mixed", "static", "static b/byte", "adaptive",
    "mixed b/byte", "adaptive b/byte", "decides", "test b/byte", "tags", "vs baseline", "verdict",
)  # fmt: skip
MIXED = ("net b/byte", "mixed", "mixed b/byte")  # further columns, where a run predicts with a mixture
ADAPTIVE = (
    "net b/byte",
    "static",
    "static b/byte",
    "adaptive",
    "adaptive b/byte",
    "decides",
)  # instead, where one learns on


@click.command(cls=Job, help=__doc__)
@click.option("--all", "with_archived", is_flag=True, help="also those that are archived")
@json_option("one JSON line for each run")
@checkpoints_option
def command(with_archived: bool, as_json: bool, checkpoints: Path) -> ExitStatus:
    runs, faults = runs_and_faults(checkpoints)
    for run, fault in faults.items():  # the others are to be seen all the same
        say(f"{run.folder}: {fault}")
    tags = read_tags(checkpoints)
    for fault in tags.faults:
        say(fault)
    found = []
    for run in runs:
        try:
            found.append(summarise(run))
        except LogError as error:
            say(str(error))
    hidden = 0 if with_archived else sum(summary.name in tags.archived for summary, _ in found)
    if hidden:
        say(f"{words.plural(hidden, 'run')} left out (archived); slmtui runs --all has them")
    baseline = next((summary for summary, _ in found if BASELINE in tags.of(summary.name)), None)
    found = [(s, state) for s, state in found if with_archived or s.name not in tags.archived]
    above = {s.name: bits_above(s, baseline) if baseline is not None else None for s, _ in found}
    if as_json:
        for summary, state in found:
            first = {"name": summary.name, "phase": summary.phase, "state": state}
            told = {
                "tags": tags.of(summary.name),
                "note": tags.note(summary.name),
                "archived": summary.name in tags.archived,
                "above_baseline": above[summary.name],
            }
            put(json.dumps(first | dataclasses.asdict(summary) | told))
        return ExitStatus.DONE
    if not found:
        if runs or faults:
            return ExitStatus.DONE  # it was said what is with each
        say(f"no runs in {checkpoints} yet; train one with: {', then '.join(how_to_train(checkpoints))}")
        return ExitStatus.DONE
    adaptive = any(summary.best_adaptive_loss is not None for summary, _ in found)
    mixed = any(summary.best_mixed_loss is not None for summary, _ in found)
    further = ADAPTIVE if adaptive else MIXED if mixed else ()
    header = (*HEADER, *further, *(("counting",) if further else ()))
    rows = [header, *(cells(summary, state, n_mixed=len(further)) for summary, state in found)]
    if baseline is not None:
        beside = (words.number(above[s.name], "+.2f").replace("−", "-") for s, _ in found)
        rows = [(*row, cell) for row, cell in zip(rows, ("vs baseline", *beside), strict=True)]
    if any(summary.test_judged_bits_per_byte is not None for summary, _ in found):
        tested = (words.number(s.test_judged_bits_per_byte, ".2f").replace("−", "-") for s, _ in found)
        rows = [(*row, cell) for row, cell in zip(rows, ("test b/byte", *tested), strict=True)]
    if any(summary.gate for summary, _ in found):
        gates = ("gate", *(summary.gate or "–" for summary, _ in found))
        rows = [(*row, word) for row, word in zip(rows, gates, strict=True)]
    named = {s.name: (*tags.of(s.name), *([ARCHIVED] if s.name in tags.archived else [])) for s, _ in found}
    if any(named.values()):
        words_of = ("tags", *(visible(", ".join(names)) for names in named.values()))
        rows = [(*row, word) for row, word in zip(rows, words_of, strict=True)]
    width = get_terminal_size().columns if sys.stdout.isatty() else None
    shown, left_out = fitting(rows, width)
    for line in aligned(shown):
        put(line)
    if left_out:
        say(f"the terminal is too narrow for: {', '.join(left_out)}; --json has them")
    return ExitStatus.DONE


Row = tuple[str, ...]


def fitting(rows: list[Row], width: int | None) -> tuple[list[Row], list[str]]:
    """The columns that fit into a terminal of `width` columns, and the names of those that do not; None: all fit."""
    columns = dict(zip(rows[0], zip(*rows, strict=True), strict=True))
    left_out = []
    for name in NARROW:
        if width is None or len(aligned(list(zip(*columns.values(), strict=True)))[0]) <= width:
            break
        if columns.pop(name, None) is not None:
            left_out.append(name)
    return list(zip(*columns.values(), strict=True)), left_out


def aligned(rows: list[Row]) -> list[str]:
    """A table as lines, its header first: words at the left, numbers at the right."""
    left = [name in WORDS for name in rows[0]]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if is_word else cell.rjust(width)
            for cell, width, is_word in zip(row, widths, left, strict=True)
        ).rstrip()
        for row in rows
    ]


def cells(run: RunSummary, state: State, *, n_mixed: int) -> tuple[str, ...]:
    """n_mixed: so many of the columns of mixtures."""

    def number(value: float | None, form: str) -> str:
        return words.number(value, form).replace("−", "-")  # a minus that scripts can read

    plain = (
        run.name, state, f"{run.step:,}/{run.max_iters:,}", f"{run.parameters:,}", f"{run.train_tokens:,}",
        number(run.best_val_loss, ".4f"), number(run.best_step, ","), number(run.gap, "+.2f"), run.verdict or "–",
        number(run.judged_bits_per_byte, ".2f"), words.duration(run.seconds),
    )  # fmt: skip
    if not n_mixed:
        return plain
    mixed = (
        number(run.bits_per_byte, ".2f"), number(run.best_mixed_loss, ".4f"), number(run.mixed_bits_per_byte, ".2f"),
        number(run.best_adaptive_loss, ".4f"), number(run.adaptive_bits_per_byte, ".2f"), run.judged or "–",
    )  # fmt: skip
    return (*plain, *mixed[:n_mixed], number(run.counting, ".4f"))
