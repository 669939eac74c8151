"""What a run's log has numbers of besides its losses, as lines to be drawn. Pure functions of its history."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from slmtui.console.charts.run_charts import X, evaluation_places, smoothed, step_places, x_limits
from slmtui.console.charts.series import Numbers
from slmtui.console.charts.spec import ChartSpec, Series
from slmtui.runs.history import RunHistory

NO_STEP = "no step yet"
Points = tuple[Numbers, Numbers]  # places on the x axis in ascending order, and the values there


@dataclass(frozen=True)
class Metric:
    title: str  # what it is, with its unit
    points: Callable[[RunHistory, X], Points]
    missing: str  # why a log has nothing of it


def _of_steps(column: str) -> Callable[[RunHistory, X], Points]:
    def points(history: RunHistory, x: X) -> Points:
        return step_places(history, x), getattr(history, column)

    return points


def _speed(history: RunHistory, x: X) -> Points:
    """Tokens a second between two neighbouring steps; not where anything but training lies between them."""
    steps = history.steps
    seconds, tokens = np.diff(history.seconds), np.diff(history.tokens)
    trained = (seconds > 0.0) & (tokens >= 0.0)
    others = (history.evaluations, history.checkpoints, history.samples, history.changes, history.resumed)
    breaks = np.array([event.step for events in others for event in events], dtype=np.float64)
    after = np.searchsorted(steps, breaks, "right") - 1
    trained[after[(after >= 0) & (after < trained.size)]] = False
    return step_places(history, x)[1:][trained], tokens[trained] / seconds[trained]


def _memory(history: RunHistory, x: X) -> Points:
    held = [math.nan if one.memory is None else one.memory / 1e6 for one in history.evaluations]
    return evaluation_places(history, x), np.array(held, dtype=np.float64)


METRICS: Mapping[str, Metric] = {
    "train loss": Metric("training loss of each batch (nats per token)", _of_steps("losses"), NO_STEP),
    "gradient norm": Metric("gradient norm, before it is clipped", _of_steps("grad_norms"), NO_STEP),
    "learning rate": Metric("learning rate", _of_steps("learning_rates"), NO_STEP),
    "speed": Metric("speed (tokens/s)", _speed, "no two steps yet with nothing but training between them"),
    "memory": Metric(
        "memory of the training process (MB)", _memory,
        "logged at each evaluation, but not by older runs",
    ),
}  # fmt: skip


def metric_points(history: RunHistory, name: str, x: X = "steps") -> Points | None:
    """A metric of METRICS along x; None where the log has no number of it."""
    xs, ys = METRICS[name].points(history, x)
    return (xs, ys) if bool(np.isfinite(ys).any()) else None


def missing_words(name: str, runs: list[str]) -> str:
    """That a metric is in no log, or not in those of some runs, and why."""
    of = f" of {', '.join(runs)}" if runs else ""
    return f"No {name} in the log{of}: {METRICS[name].missing}."


def metric_chart(
    history: RunHistory, name: str, *, x: X = "steps", recent: bool = False, log_y: bool = False, smoothing: float = 0.0
) -> ChartSpec:
    """One metric of a run, with the arguments of `loss_chart`; where its log has none, a chart that says so."""
    limits, points = x_limits(history, x, recent=recent), metric_points(history, name, x)
    return ChartSpec(
        title=METRICS[name].title,
        series=smoothed(Series(name, *points, "train"), limits, smoothing) if points is not None else [],
        instead=missing_words(name, []),
        x_limits=limits,
        x_label=x,
        log_y=log_y,
        clock=x == "time",
        about=history.run.name,
    )
