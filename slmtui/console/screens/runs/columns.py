"""The columns of the Runs table: what stands in a cell, which columns fit, and how the rows are sorted."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len

from slmtui.console.filtering.expression import Field, Value
from slmtui.console.screens.runs.words import STATE_COLOURS
from slmtui.output import visible
from slmtui.runs.index import RunListing
from slmtui.runs.tags import ARCHIVED, BASELINE
from slmtui.training.gap import WORDS, above_baseline
from slmtui.words import NOTHING, clock, number

MARK, UNMARKED = "●", " "
GUTTER = 2  # columns that DataTable puts around a cell
SHORTEST_NAME = 16
LONGEST_TAGS = 24
ALWAYS = 10
NEWEST = "newest"  # an order that no column has
TURNED = "-"  # before the key of a column: from its other end
UP, DOWN = " ↑", " ↓"  # in the header of the column that the rows are sorted by

GATE_COLOURS = {"passed": "$excellent", "failed": "$catastrophic"}

Cell = tuple[str, str]  # text and style, a theme variable or nothing


@dataclass(frozen=True)
class RunColumn:
    """value: what rows are sorted and filtered by, under the column's key."""

    key: str
    label: str
    value: Callable[[RunListing], Value]
    cell: Callable[[RunListing], Cell]
    right: bool = True
    keep: int = ALWAYS  # the column with the lowest goes first when they do not all fit
    mixed: bool = False  # only where a run has a mixture
    adaptive: bool = False  # only where one learns on
    rare: bool = False  # only where a run has something in it


def _number(
    key: str, label: str, value: Callable[[RunListing], float | None], form: str, keep: int = ALWAYS, *,
    mixed: bool = False, adaptive: bool = False,
) -> RunColumn:  # fmt: skip
    return RunColumn(
        key, label, value, lambda r: (number(value(r), form), ""), keep=keep, mixed=mixed, adaptive=adaptive
    )


COLUMNS = (
    RunColumn("run", "run", lambda r: r.name, lambda r: (visible(r.name), ""), right=False),
    RunColumn(
        "phase", "phase", lambda r: f"{r.summary.phase}, {r.title}",
        lambda r: (visible(r.title or r.summary.phase), "$quiet"), right=False, keep=0,
    ),
    RunColumn(
        "tag", "tags", lambda r: ", ".join(_tags(r)), lambda r: (visible(", ".join(_tags(r))), "$accent"), right=False,
        keep=8, rare=True,
    ),
    RunColumn("state", "state", lambda r: r.state, lambda r: (r.state, STATE_COLOURS[r.state]), right=False),
    RunColumn(
        "parameters", "parameters", lambda r: r.summary.parameters or None,
        lambda r: (_count(r.summary.parameters), ""), keep=3,
    ),
    RunColumn(
        "tokens", "tokens", lambda r: r.summary.train_tokens or None, lambda r: (_count(r.summary.train_tokens), ""),
        keep=2,
    ),
    _number("val", "best val", lambda r: r.summary.best_val_loss, ".4f", 7),
    _number("mixed", "mixed val", lambda r: r.summary.best_mixed_loss, ".4f", 4, mixed=True),
    _number("adaptive", "adaptive", lambda r: r.summary.best_adaptive_loss, ".4f", 4, adaptive=True),
    _number("step", "at step", lambda r: r.summary.best_step, ",", 5),
    _number("gap", "gap", lambda r: r.summary.gap, "+.2f", 8),
    RunColumn("verdict", "verdict", lambda r: r.summary.verdict, lambda r: _verdict(r), right=False, keep=9),
    # of who decides: what runs are compared by, whatever each of them chose
    _number("bpb", "b/byte", lambda r: r.summary.judged_bits_per_byte, ".2f"),
    RunColumn(
        "baseline", "vs baseline", lambda r: r.above_baseline, lambda r: _above_baseline(r), keep=9, rare=True,
    ),
    RunColumn("decides", "decides", lambda r: _decides(r), lambda r: (_decides(r), ""), right=False, mixed=True),
    RunColumn(
        "test", "test b/b", lambda r: r.summary.test_judged_bits_per_byte, lambda r: (_test(r), ""), keep=8, rare=True
    ),
    RunColumn(
        "gate", "gate", lambda r: r.summary.gate,
        lambda r: (r.summary.gate or "", GATE_COLOURS.get(r.summary.gate or "", "")), right=False, keep=9, rare=True,
    ),
    _number("network-bpb", "net b/byte", lambda r: r.summary.bits_per_byte, ".2f", 3, mixed=True),
    _number("mixed-bpb", "mixed b/byte", lambda r: r.summary.mixed_bits_per_byte, ".2f", 3, mixed=True),
    _number("adaptive-bpb", "adapt. b/byte", lambda r: r.summary.adaptive_bits_per_byte, ".2f", 3, adaptive=True),
    RunColumn("counting", "vs counts", lambda r: _margin(r), lambda r: _against(r), keep=6),
    RunColumn(
        "samples", "samples", lambda r: r.quality or None, lambda r: (visible(r.quality) or NOTHING, ""), right=False,
        keep=1,
    ),
    RunColumn("time", "time", lambda r: r.summary.seconds, lambda r: (clock(r.summary.seconds), ""), keep=5),
)  # fmt: skip

FIELDS: dict[str, Field[RunListing]] = {column.key: Field(column.value, column.right) for column in COLUMNS}
FIELDS["note"] = Field(lambda r: r.note)
FIELDS["study"] = Field(lambda r: r.summary.study)

RUN, PHASE, TAGS = 0, 1, 2  # places in it
MIXED = next(at for at, column in enumerate(COLUMNS) if column.mixed)
ADAPTIVE = next(at for at, column in enumerate(COLUMNS) if column.adaptive)


def _tags(run: RunListing) -> tuple[str, ...]:
    return (*run.tags, *([ARCHIVED] if run.archived else []))


def listed_runs(runs: Iterable[RunListing], typed: str) -> list[RunListing]:
    """Those that a list is made of: archived ones where the filter that is typed says so, else the others."""
    wanted = ARCHIVED in typed.casefold()
    return [run for run in runs if run.archived == wanted]


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


def _above_baseline(run: RunListing) -> Cell:
    if BASELINE in run.tags:
        return number(run.above_baseline, ".2f"), "$quiet"
    return number(run.above_baseline, "+.2f"), "$excellent" if (run.above_baseline or 0.0) < 0.0 else ""


def _verdict(run: RunListing) -> Cell:
    """The gap's class; where counting does better than the network, without its colour."""
    word, loss = run.summary.verdict, run.summary.best_val_loss
    if word is None:
        return NOTHING, ""
    if loss is not None and above_baseline(loss, run.baseline):
        return visible(word), "$quiet"
    return visible(word), f"${word}" if word in WORDS else ""


def sort_runs(runs: Sequence[RunListing], order: str) -> list[RunListing]:
    """By the key of a column, or NEWEST; with TURNED before it from the other end.

    Runs without what is sorted by come last either way, ties by name.
    """
    key, turned = order.removeprefix(TURNED), order.startswith(TURNED)
    by_name = sorted(runs, key=lambda run: run.name)
    if key == NEWEST:
        return sorted(by_name, key=lambda run: run.began if turned else -run.began)
    value = FIELDS[key].value

    def is_there(run: RunListing) -> bool:
        have = value(run)
        return bool(have) if isinstance(have, str) else have is not None and not math.isnan(have)

    by_value: Callable[[RunListing], Any] = value  # all of a kind
    there = sorted(filter(is_there, by_name), key=by_value, reverse=turned)
    return there + [run for run in by_name if not is_there(run)]


def next_order(order: str, shown: Sequence[str]) -> str:
    """The next of the columns that are shown to sort by, from the left; after the last one NEWEST."""
    keys = [*shown, NEWEST]
    key = order.removeprefix(TURNED)
    return keys[(keys.index(key) + 1) % len(keys)] if key in keys else keys[0]


def turned_order(order: str) -> str:
    return order.removeprefix(TURNED) if order.startswith(TURNED) else TURNED + order


def order_words(order: str) -> str:
    """`by b/byte ↑`, `newest first`"""
    key, turned = order.removeprefix(TURNED), order.startswith(TURNED)
    if key == NEWEST:
        return "oldest first" if turned else "newest first"
    label = next(column.label for column in COLUMNS if column.key == key)
    return f"by {label}{DOWN if turned else UP}"


def is_order(order: str) -> bool:
    return order.removeprefix(TURNED) in (NEWEST, *(column.key for column in COLUMNS))


@dataclass(frozen=True)
class Layout:
    """The columns that fit, as places in COLUMNS, and the width and the label of each."""

    columns: tuple[int, ...]
    widths: tuple[int, ...]
    labels: tuple[str, ...]


def cells(run: RunListing) -> list[Cell]:
    """One for each of COLUMNS."""
    return [column.cell(run) for column in COLUMNS]


def fitting(rows: Sequence[Sequence[Cell]], width: int, order: str = "", unwanted: Collection[str] = ()) -> Layout:
    """Leave out columns, the least needed first, until the rest fit into `width`. Texts may be cut.

    rows: what `cells` gives for each run. order: what they are sorted by, which the label of that column tells.
    unwanted: keys of columns that a person does without.
    """
    arrow = DOWN if order.startswith(TURNED) else UP
    labels = [c.label + arrow * (c.key == order.removeprefix(TURNED)) for c in COLUMNS]
    full = [max([cell_len(label), *(cell_len(row[at][0]) for row in rows)]) for at, label in enumerate(labels)]
    full[RUN] = min(full[RUN], max(SHORTEST_NAME, width // 4)) + len(MARK) + 1
    full[TAGS] = min(full[TAGS], LONGEST_TAGS)
    mixes = any(row[MIXED][0] != NOTHING for row in rows)
    learns_on = any(row[ADAPTIVE][0] != NOTHING for row in rows)
    columns = [
        at
        for at, column in enumerate(COLUMNS)
        if column.key not in unwanted
        and (mixes or not column.mixed)
        and (learns_on or not column.adaptive)
        and (not column.rare or any(row[at][0] not in ("", NOTHING) for row in rows))
    ]
    while True:
        widths = {at: full[at] for at in columns}
        over = sum(widths.values()) + GUTTER * len(columns) - width
        if PHASE in widths and (room := widths[PHASE] - max(8, widths[PHASE] // 2)) > 0 and over > 0:
            widths[PHASE] -= min(over, room)
            over -= min(over, room)
        least = min(columns, key=lambda at: COLUMNS[at].keep)
        if over <= 0 or COLUMNS[least].keep == ALWAYS:
            return Layout(tuple(columns), tuple(widths.values()), tuple(labels[at] for at in columns))
        columns.remove(least)
