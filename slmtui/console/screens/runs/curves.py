"""The validation losses of several runs on one chart, in a unit in which they may be compared."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from slmtui.config.deciding import Decides
from slmtui.console.charts.palette import Role
from slmtui.console.charts.spec import ChartSpec, Mark, ReferenceLine, Series
from slmtui.console.screens.runs.words import NATS, short_name, unit_of
from slmtui.runs.index import RunListing

LEGEND_NAME = 20  # columns that a name may take in the legend


def overlay(runs: Sequence[RunListing], roles: Mapping[str, Role], current: str) -> ChartSpec:
    """One curve for each run, the network's own, in its role; the run `current` is bold, with those of its mixture, its
    best evaluation marked and what counting reaches drawn."""
    unit = unit_of(runs)
    series, marks, levels = [], [], []
    for run in runs:
        losses = [point.val_loss if unit == NATS else point.bits_per_byte for point in run.points]
        steps = [point.step for point in run.points]
        xs, ys = np.array(steps, dtype=np.float64), np.array(losses, dtype=np.float64)
        mine = run.name == current
        series.append(Series(short_name(run.name, LEGEND_NAME), xs, ys, roles[run.name], bold=mine))
        if not mine:
            continue
        curves = {
            "static": [point.mixed_loss if unit == NATS else point.mixed_bits_per_byte for point in run.points],
            "adaptive": [point.adaptive_loss if unit == NATS else point.adaptive_bits_per_byte for point in run.points],
        }
        learns_on = run.summary.best_adaptive_loss is not None
        mixtures: tuple[tuple[Decides, Role, float | None], ...] = (
            ("static", "mixed", run.summary.best_mixed_loss),
            ("adaptive", "adaptive", run.summary.best_adaptive_loss),
        )
        for what, role, best in mixtures:
            if best is None:
                continue
            mixed = [math.nan if loss is None else loss for loss in curves[what]]
            losses = mixed if run.summary.judged == what else losses
            name = what if learns_on else "mixed"
            series.append(Series(name, xs, np.array(mixed, dtype=np.float64), role, bold=True))
        if run.summary.best_step in steps:
            at = steps.index(run.summary.best_step)
            if math.isfinite(losses[at]):
                marks.append(Mark(f"best {losses[at]:.2f}", steps[at], losses[at]))
        if run.baseline is not None:
            for bar in filter(None, (run.baseline.static, run.baseline.adaptive if learns_on else None)):
                level = bar.loss if unit == NATS else bar.bits_per_byte
                levels.append(ReferenceLine(f"{bar.short} {level:.2f}", level))
    last = max(1, *(run.summary.max_iters if run.alive else run.summary.step for run in runs))
    return ChartSpec(title="", series=series, x_limits=(0.0, float(last)), marks=marks, levels=levels)
