"""The columns of the Runs table: what stands in a cell, which columns fit, and how the rows are sorted."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from slmtui.console.screens.runs.words import STATE_COLOURS
from slmtui.output import visible
from slmtui.runs.index import RunListing
from slmtui.training.gap import WORDS, above_baseline
from slmtui.words import NOTHING, clock, number

MARK, UNMARKED = "●", " "
GUTTER = 2  # columns that DataTable puts around a cell
SHORTEST_NAME = 16
LONGEST_TAGS = 24
ALWAYS = 10
SORTS = {"name": "by name", "time": "newest first", "bits": "by bits/byte, best first"}

GATE_COLOURS = {"passed": "$excellent", "failed": "$catastrophic"}

Cell = tuple[str, str]  # text and style, a theme variable or nothing


@dataclass(frozen=True)
class RunColumn:
    key: str
    label: str
    cell: Callable[[RunListing], Cell]
    right: bool = True
    keep: int = ALWAYS  # the column with the lowest goes first when they do not all fit
    mixed: bool = False  # only where a run has a mixture
    adaptive: bool = False  # only where one learns on
    rare: bool = False  # only where a run has something in it


COLUMNS = (
    RunColumn("run", "run", lambda r: (visible(r.name), ""), right=False),
    RunColumn("phase", "phase", lambda r: (visible(r.title or r.summary.phase), "$quiet"), right=False, keep=0),
    RunColumn("tags", "tags", lambda r: (visible(", ".join(r.tags)), "$accent"), right=False, keep=8, rare=True),
    RunColumn("state", "state", lambda r: (r.state, STATE_COLOURS[r.state]), right=False),
    RunColumn("parameters", "parameters", lambda r: (_count(r.summary.parameters), ""), keep=3),
    RunColumn("tokens", "tokens", lambda r: (_count(r.summary.train_tokens), ""), keep=2),
    RunColumn("val", "best val", lambda r: (number(r.summary.best_val_loss, ".4f"), ""), keep=7),
    RunColumn("mixed", "mixed val", lambda r: (number(r.summary.best_mixed_loss, ".4f"), ""), keep=4, mixed=True),
    RunColumn(
        "adaptive", "adaptive", lambda r: (number(r.summary.best_adaptive_loss, ".4f"), ""), keep=4, adaptive=True
    ),
    RunColumn("step", "at step", lambda r: (number(r.summary.best_step, ","), ""), keep=5),
    RunColumn("gap", "gap", lambda r: (number(r.summary.gap, "+.2f"), ""), keep=8),
    RunColumn("verdict", "verdict", lambda r: _verdict(r), right=False, keep=9),
    # of who decides: what runs are compared by, whatever each of them chose
    RunColumn("bits", "b/byte", lambda r: (number(r.summary.judged_bits_per_byte, ".2f"), "")),
    RunColumn("decides", "decides", lambda r: (_decides(r), ""), right=False, mixed=True),
    RunColumn("test", "test b/b", lambda r: (_test(r), ""), keep=8, rare=True),
    RunColumn(
        "gate",
        "gate",
        lambda r: (r.summary.gate or "", GATE_COLOURS.get(r.summary.gate or "", "")),
        right=False,
        keep=9,
        rare=True,
    ),
    RunColumn("network-bits", "net b/byte", lambda r: (number(r.summary.bits_per_byte, ".2f"), ""), keep=3, mixed=True),
    RunColumn(
        "mixed-bits", "mixed b/byte", lambda r: (number(r.summary.mixed_bits_per_byte, ".2f"), ""), keep=3, mixed=True
    ),
    RunColumn(
        "adaptive-bits",
        "adapt. b/byte",
        lambda r: (number(r.summary.adaptive_bits_per_byte, ".2f"), ""),
        keep=3,
        adaptive=True,
    ),
    RunColumn("counting", "vs counts", lambda r: _against(r), keep=6),
    RunColumn("samples", "samples", lambda r: (visible(r.quality) or NOTHING, ""), right=False, keep=1),
    RunColumn("time", "time", lambda r: (clock(r.summary.seconds), ""), keep=5),
)

RUN, PHASE, TAGS = 0, 1, 2  # places in it
MIXED = next(at for at, column in enumerate(COLUMNS) if column.mixed)
ADAPTIVE = next(at for at, column in enumerate(COLUMNS) if column.adaptive)


def _decides(run: RunListing) -> str:
    """network, mixed, static or adaptive: whose number the run is judged by."""
    judged = run.summary.judged
    if judged is None:
        return NOTHING
    return "mixed" if judged == "static" and run.summary.best_adaptive_loss is None else judged


def _test(run: RunListing) -> str:
    bits = run.summary.test_judged_bits_per_byte
    return "" if bits is None else number(bits, ".2f")


def _count(n: int) -> str:
    return f"{n:,}" if n else NOTHING


def _margin(run: RunListing) -> float | None:
    """How far the best loss lies above what counting reaches, in nats per token: below it is what one trains for.

    The loss of what the checkpoint predicts with, beside counting of the same way, static or adaptive.
    """
    loss, judged = run.summary.judged_loss, run.summary.judged
    bar = run.baseline.bar(judged or "") if run.baseline is not None else None
    return None if bar is None or loss is None else loss - bar.loss


def _against(run: RunListing) -> Cell:
    margin = _margin(run)
    if margin is None:
        return NOTHING, ""
    return number(margin, "+.2f"), "$excellent" if margin < 0.0 else ""


def _verdict(run: RunListing) -> Cell:
    """The gap's class; where counting does better than the network, without its colour."""
    word, loss = run.summary.verdict, run.summary.best_val_loss
    if word is None:
        return NOTHING, ""
    if loss is not None and above_baseline(loss, run.baseline):
        return visible(word), "$quiet"
    return visible(word), f"${word}" if word in WORDS else ""


def sort_runs(runs: Sequence[RunListing], key: str) -> list[RunListing]:
    """By one of SORTS; runs without what is sorted by come last, ties by name."""
    by_name = sorted(runs, key=lambda run: run.name)
    if key == "time":
        return sorted(by_name, key=lambda run: -run.began)
    if key == "bits":
        return sorted(by_name, key=lambda run: _or_last(run.summary.judged_bits_per_byte))
    return by_name


def _or_last(value: float | None) -> float:
    return math.inf if value is None or math.isnan(value) else value


@dataclass(frozen=True)
class Layout:
    """The columns that fit, as places in COLUMNS, and the width of each."""

    columns: tuple[int, ...]
    widths: tuple[int, ...]


def cells(run: RunListing) -> list[Cell]:
    """One for each of COLUMNS."""
    return [column.cell(run) for column in COLUMNS]


def fitting(rows: Sequence[Sequence[Cell]], width: int) -> Layout:
    """Leave out columns, the least needed first, until the rest fit into `width`. Texts may be cut.

    rows: what `cells` gives for each run.
    """
    full = [max([cell_len(c.label), *(cell_len(row[at][0]) for row in rows)]) for at, c in enumerate(COLUMNS)]
    full[RUN] = min(full[RUN], max(SHORTEST_NAME, width // 4)) + len(MARK) + 1
    full[TAGS] = min(full[TAGS], LONGEST_TAGS)
    mixes = any(row[MIXED][0] != NOTHING for row in rows)
    learns_on = any(row[ADAPTIVE][0] != NOTHING for row in rows)
    columns = [
        at
        for at, column in enumerate(COLUMNS)
        if (mixes or not column.mixed)
        and (learns_on or not column.adaptive)
        and (not column.rare or any(row[at][0] for row in rows))
    ]
    while True:
        widths = {at: full[at] for at in columns}
        over = sum(widths.values()) + GUTTER * len(columns) - width
        if PHASE in widths and (room := widths[PHASE] - max(8, widths[PHASE] // 2)) > 0 and over > 0:
            widths[PHASE] -= min(over, room)
            over -= min(over, room)
        least = min(columns, key=lambda at: COLUMNS[at].keep)
        if over <= 0 or COLUMNS[least].keep == ALWAYS:
            return Layout(tuple(columns), tuple(widths.values()))
        columns.remove(least)
