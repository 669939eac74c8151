"""The charts of a run: its losses, and the gap between them. Pure functions from its history to what is to be drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from slmtui.console.charts.palette import Role
from slmtui.console.charts.series import Numbers, averages, smooth
from slmtui.console.charts.spec import Band, ChartSpec, Mark, ReferenceLine, Series
from slmtui.data.baseline import Bar
from slmtui.runs.history import RunHistory
from slmtui.training.gap import SCALE, WORST

X = Literal["steps", "tokens", "time"]
WINDOWS = 10  # the recent window is the last tenth of what has been trained
AVERAGED = 400  # points that are left to smooth, so that smoothing is seen however long the run

_VERDICTS: dict[str, Role] = {
    "excellent": "excellent",
    "good": "good",
    "moderate": "moderate",
    "severe": "severe",
    "catastrophic": "catastrophic",
}


def loss_chart(
    history: RunHistory,
    *,
    x: X = "steps",
    recent: bool = False,
    log_y: bool = False,
    smoothing: float = 0.0,
    bars: Sequence[Bar] = (),
) -> ChartSpec:
    """Train and validation loss on one pair of axes, those of mixtures where there are any, and the best marked.

    recent: the last tenth only. smoothing: weight of `smooth` for the training loss, which stays visible as it is.
    bars: what to get below.
    """
    limits = x_limits(history, x, recent=recent)
    xs, losses = step_places(history, x), history.losses
    series = smoothed(Series("train", xs, losses, "train"), limits, smoothing)
    evaluated = evaluation_places(history, x)
    series.append(Series("val", evaluated, np.array([e.val_loss for e in history.evaluations]), "val", bold=True))
    mixed = [math.nan if e.mixed_loss is None else e.mixed_loss for e in history.evaluations]
    adaptive = [math.nan if e.adaptive_loss is None else e.adaptive_loss for e in history.evaluations]
    learns_on = not all(map(math.isnan, adaptive))
    if not all(map(math.isnan, mixed)):
        series.append(Series("static" if learns_on else "mixed", evaluated, np.array(mixed), "mixed", bold=True))
    if learns_on:
        series.append(Series("adaptive", evaluated, np.array(adaptive), "adaptive", bold=True))
    best = [i for i, evaluation in enumerate(history.evaluations) if evaluation.best]
    return ChartSpec(
        title="loss (nats per token)",
        series=series,
        x_limits=limits,
        x_label=x,
        levels=[ReferenceLine(f"{bar.short} {bar.loss:.2f}", bar.loss) for bar in bars],
        marks=[Mark("best", float(evaluated[i]), history.evaluations[i].judged_loss) for i in best[-1:]],
        log_y=log_y,
        clock=x == "time",
        about=history.run.name,
    )


def smoothed(line: Series, limits: tuple[float, float], weight: float) -> list[Series]:
    """The line, for a weight above 0 smoothed by `smooth`, over what it was without that."""
    if weight <= 0.0 or not line.ys.size:
        return [line]
    start, end = np.searchsorted(line.xs, limits[0], "left"), np.searchsorted(line.xs, limits[1], "right")
    at, mean = averages(line.xs[start:end], line.ys[start:end], AVERAGED, limits)
    name = f"{line.name}, smoothed"
    return [Series("", line.xs, line.ys, "train-raw"), Series(name, at, smooth(mean, weight), line.role)]


def gap_chart(history: RunHistory, *, x: X = "steps", recent: bool = False, x_ticks: bool = True) -> ChartSpec:
    """The gap at each evaluation, over the bands of the house scale."""
    gaps = np.array([e.gap for e in history.evaluations], dtype=np.float64)
    return ChartSpec(
        title="gap = val − train (nats per token)",
        series=[Series("gap", evaluation_places(history, x), gaps, "val", bold=True)],
        x_limits=x_limits(history, x, recent=recent),
        x_label=x,
        y_limits=(0.0, SCALE[1][0]),
        bands=verdict_bands(),
        signed=True,
        about=history.run.name,
        clock=x == "time",
        x_ticks=x_ticks,
    )


def verdict_bands() -> list[Band]:
    """The house scale as bands on both sides of zero; each side of a band has its word."""
    bands = []
    low = 0.0
    for high, word in (*SCALE, (math.inf, WORST)):
        sides = [(-high, high)] if low == 0.0 else [(low, high), (-high, -low)]
        bands += [Band(word, start, end, _VERDICTS[word]) for start, end in sides]
        low = high
    return bands


def x_limits(history: RunHistory, x: X, *, recent: bool = False) -> tuple[float, float]:
    """From the start to the planned end: of time and tokens as far as the speed so far tells; in round numbers."""
    places = step_places(history, x)
    now = float(places[-1]) if places.size else 0.0
    if recent and now > 0.0:
        return now - now / WINDOWS, now
    planned = float(history.progress.max_iters)
    done = float(history.steps[-1]) if history.steps.size else 0.0
    if x == "steps":
        return 0.0, max(planned, done, 1.0)
    if history.finished is not None or done == 0.0:
        return 0.0, max(now, 1.0)
    end = now * planned / done
    if x == "tokens":
        return 0.0, max(end, now)
    unit = 10.0 ** math.floor(math.log10(max(end, 1.0))) / 2  # the estimate wavers; the picture should not
    return 0.0, max(1.0, math.ceil(end / unit) * unit)


def step_places(history: RunHistory, x: X) -> Numbers:
    return {"steps": history.steps, "tokens": history.tokens, "time": history.seconds}[x]


def evaluation_places(history: RunHistory, x: X) -> Numbers:
    """Where the evaluations lie; each counts the updates made before it, so one before the first lies at 0."""
    at = np.array([evaluation.step for evaluation in history.evaluations], dtype=np.float64)
    if x == "steps" or not history.steps.size:
        return at
    return np.interp(at, history.steps, step_places(history, x), left=0.0)
