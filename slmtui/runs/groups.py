"""Runs taken together, by phase or by study: a mean, its spread, and what the spread is of.

A mean is over the runs that came to their end, of what their checkpoints predict with, on one validation text: that of
the newest of them. How many others there are is said. The runs of a study's cell differ in their seeds alone, those of
a phase may differ in more; which it is, is told from their settings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Literal

from slmtui.runs.index import RunListing
from slmtui.words import listed, number, plural

By = Literal["phase", "study"]
FORM = ".3f"  # of bits per byte, as in tables of studies
MOST_NAMED = 6  # seeds that are listed one by one


@dataclass(frozen=True)
class RunGroup:
    """Runs of one phase, or of one study. counted: those that the mean is over, the best first; of a study they are of
    its best cell, whose phase is `cell`."""

    name: str
    title: str
    runs: tuple[RunListing, ...]
    counted: tuple[RunListing, ...]
    cell: str = ""
    cells: int = 0  # of a study

    @property
    def mean(self) -> float | None:
        """Bits per byte; None without a run to count."""
        return fmean(map(_bits, self.counted)) if self.counted else None

    @property
    def spread(self) -> float | None:
        """The standard deviation, in bits per byte; None for fewer than two runs."""
        return stdev(map(_bits, self.counted)) if len(self.counted) > 1 else None

    @property
    def best(self) -> RunListing | None:
        return self.counted[0] if self.counted else None

    @property
    def seeds(self) -> tuple[int, ...]:
        """Of those that are counted."""
        return tuple(sorted({run.summary.seed for run in self.counted if run.summary.seed is not None}))

    @property
    def of_what(self) -> str:
        """What the spread is of: `seeds 1, 2 and 3`, `other settings, too`, or "" where there is none."""
        if self.spread is None:
            return ""
        if len({run.summary.settings for run in self.counted}) > 1:
            return "other settings, too"
        seeds = self.seeds
        if len(seeds) < 2:
            return f"one seed, {seeds[0]}" if seeds else "seeds unknown"
        if len(seeds) > MOST_NAMED:
            return f"{len(seeds)} seeds, {seeds[0]} to {seeds[-1]}"
        return f"seeds {listed([f'{seed}' for seed in seeds])}"


def group_runs(runs: Sequence[RunListing], by: By) -> list[RunGroup]:
    """The best mean first, those without one last, by name. By study: without the runs that belong to none."""
    phases: dict[str, list[RunListing]] = {}
    for run in runs:
        phases.setdefault(run.summary.phase or run.name.rpartition("-")[0], []).append(run)
    groups = [_of_phase(name, members) for name, members in phases.items()]
    if by == "study":
        studies: dict[str, list[RunGroup]] = {}
        for group in groups:
            if study := group.runs[0].summary.study:
                studies.setdefault(study, []).append(group)
        groups = [_of_study(name, cells) for name, cells in studies.items()]
    return sorted(groups, key=_order)


def _of_phase(name: str, runs: Sequence[RunListing]) -> RunGroup:
    done = [run for run in runs if run.state == "done" and run.summary.judged_bits_per_byte is not None]
    newest = max(done, key=lambda run: run.began, default=None)
    alike = [run for run in done if newest is not None and run.summary.val_text == newest.summary.val_text]
    counted = sorted(alike, key=lambda run: (_bits(run), run.name))
    return RunGroup(name, max(runs, key=lambda run: run.began).title, tuple(runs), tuple(counted))


def _of_study(name: str, cells: Sequence[RunGroup]) -> RunGroup:
    best = min(cells, key=_order)
    runs = tuple(run for cell in cells for run in cell.runs)
    title = f"best of {plural(len(cells), 'cell')}: {best.title.partition(' · seed ')[0]}"
    return RunGroup(name, title, runs, best.counted, best.name, len(cells))


def _order(group: RunGroup) -> tuple[bool, float, str]:
    mean = group.mean
    return mean is None, mean or 0.0, group.name


def _bits(run: RunListing) -> float:
    bits = run.summary.judged_bits_per_byte
    assert bits is not None
    return bits


def group_words(group: RunGroup) -> str:
    """`quick: 1.523 ± 0.004 bits per byte over 5 runs (seeds 1 and 2), the best quick-003 with 1.519.`"""
    if group.best is None:
        return f"{group.name}: none of {plural(len(group.runs), 'run')} has come to its end with an evaluation."
    n, spread = len(group.counted), group.spread
    mean = number(group.mean, FORM) + ("" if spread is None else f" ± {number(spread, FORM)}")
    of = f" ({group.of_what})" if spread is not None else ""
    where = f" of {group.cell}, the best of {plural(group.cells, 'cell')}" if group.cells else ""
    words = f"{group.name}: {mean} bits per byte over {plural(n, 'run')}{of}{where}"
    words += f", the best {group.best.name} with {number(_bits(group.best), FORM)}."
    others = sum(run.summary.phase in (group.cell, group.best.summary.phase) for run in group.runs) - n
    if others:
        words += f" Not counted: {plural(others, 'run')} without an end, or on other validation text."
    return words + (" ± is the standard deviation." if spread is not None else "")
