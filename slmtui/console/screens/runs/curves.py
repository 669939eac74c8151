"""The curves of several runs on one chart: validation losses in a unit in which they may be compared, or a metric."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from slmtui.config.deciding import Decides
from slmtui.console.charts.metrics import METRICS, Points, missing_words
from slmtui.console.charts.palette import Role
from slmtui.console.charts.spec import ChartSpec, Mark, ReferenceLine, Series
from slmtui.console.screens.runs.words import NATS, unit_of
from slmtui.console.text.columns import short_name
from slmtui.runs.index import RunListing

MOST_NAMES = 2  # of runs in the name of a file
LEGEND_NAME = 20  # columns that a name may take in the legend
OTHERS: dict[Decides, Role] = {"network": "train-raw", "static": "mixed", "adaptive": "adaptive"}


def overlay(runs: Sequence[RunListing], roles: Mapping[str, Role], current: str) -> ChartSpec:
    """One curve for each run, of who decides in it, in its role; the run `current` is bold, with the curves that do not
    decide, its best evaluation marked and what counting reaches drawn."""
    unit = unit_of(runs)
    mixed = any(run.summary.best_mixed_loss is not None for run in runs)
    series, marks, levels = [], [], []
    for run in runs:
        judged = run.summary.judged or "network"
        steps = [point.step for point in run.points]
        xs, losses = np.array(steps, dtype=np.float64), _losses(run, judged, unit)
        mine = run.name == current
        name = short_name(run.name, LEGEND_NAME) + (f" · {_named(judged, run)}" if mixed else "")
        series.append(Series(name, xs, losses, roles[run.name], bold=mine))
        if not mine:
            continue
        for who, role in OTHERS.items():
            if who != judged and _has(run, who):
                series.append(Series(_named(who, run), xs, _losses(run, who, unit), role))
        if run.summary.best_step in steps:
            at = steps.index(run.summary.best_step)
            if math.isfinite(losses[at]):
                marks.append(Mark(f"best {losses[at]:.2f}", steps[at], float(losses[at])))
        if run.baseline is not None:
            learns_on = run.summary.best_adaptive_loss is not None
            for bar in filter(None, (run.baseline.static, run.baseline.adaptive if learns_on else None)):
                level = bar.loss if unit == NATS else bar.bits_per_byte
                levels.append(ReferenceLine(f"{bar.short} {level:.2f}", level))
    title = f"validation loss · {unit}{', of who decides' if mixed else ''}"
    limits = _limits(runs)
    return ChartSpec(title=title, series=series, x_limits=limits, marks=marks, levels=levels, about=_names(runs))


def metric_overlay(
    metric: str,
    runs: Sequence[RunListing],
    points: Mapping[str, Points | None],
    roles: Mapping[str, Role],
    current: str,
) -> ChartSpec:
    """A metric of each run that has points of it, in its role; the run `current` is bold."""
    found = [(run.name, curve) for run in runs if (curve := points[run.name]) is not None]
    series = [Series(short_name(name, LEGEND_NAME), *curve, roles[name], bold=name == current) for name, curve in found]
    instead = missing_words(metric, [run.name for run in runs])
    title, limits = METRICS[metric].title, _limits(runs)
    return ChartSpec(title=title, series=series, x_limits=limits, instead=instead, about=_names(runs))


def _names(runs: Sequence[RunListing]) -> str:
    return "-".join(run.name for run in runs) if len(runs) <= MOST_NAMES else f"{len(runs)}-runs"


def _limits(runs: Sequence[RunListing]) -> tuple[float, float]:
    """From the first step to the last that any has, or is to have."""
    return 0.0, float(max([1, *(run.summary.max_iters if run.alive else run.summary.step for run in runs)]))


def _losses(run: RunListing, who: Decides, unit: str) -> NDArray[np.float64]:
    """At each evaluation, NaN where there is none, (n,)."""
    names = {
        "network": ("val_loss", "bits_per_byte"),
        "static": ("mixed_loss", "mixed_bits_per_byte"),
        "adaptive": ("adaptive_loss", "adaptive_bits_per_byte"),
    }
    values = [getattr(point, names[who][unit != NATS]) for point in run.points]
    return np.array([math.nan if value is None else value for value in values], dtype=np.float64)


def _has(run: RunListing, who: Decides) -> bool:
    best = {"static": run.summary.best_mixed_loss, "adaptive": run.summary.best_adaptive_loss}
    return (who == "network" and best["static"] is not None) or best.get(who) is not None


def _named(who: Decides, run: RunListing) -> str:
    return "mixed" if who == "static" and run.summary.best_adaptive_loss is None else who
