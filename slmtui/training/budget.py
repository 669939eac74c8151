"""How many steps a training makes in a given time: measured once, so that schedule and resume are those of a number."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from slmtui.config.phase import Phase
from slmtui.training.sampling import samples
from slmtui.training.state import Training
from slmtui.training.trainer import evaluate, update
from slmtui.words import duration, duration_of_step, plural

WARM_UP, TIMED, TIMED_SECONDS = 3, 20, 3.0  # steps; no further one is timed after so many seconds
KEPT_FREE = 0.03  # of the time, for checkpoints and what is looked at once, at the end


@dataclass(frozen=True)
class Fitted:
    """A phase with as many steps as it has time for. said: what was measured, nothing if it has no time of its own."""

    phase: Phase
    said: tuple[str, ...] = ()


def fitted(phase: Phase, scratch: Callable[[], Training], began: float) -> Fitted:
    """The phase with as many steps as `training.max_minutes` has time for.

    scratch: makes a training to measure with, which takes part in nothing else. began: when the time began to run, by
    `time.monotonic`.
    """
    assert phase.training.max_minutes is not None, "a time was given"
    training = scratch()
    step, pause = _seconds_of_step(training), _seconds_of_pause(training)
    left = phase.training.max_minutes * 60 * (1 - KEPT_FREE) - (time.monotonic() - began) - 2 * pause
    n = max(1, math.floor(left / (step + pause / phase.evaluation.interval)))
    n = training.ranks.told(n)
    pauses = f", {duration(pause)} for each evaluation" if pause >= 1 else ""
    said = (
        f"{plural(n, 'step')} fit into {phase.training.max_minutes:g} minutes (training.max_minutes): "
        f"{duration_of_step(step)} for each{pauses}"
    )
    settings = phase.training.model_copy(update={"max_iters": n})
    return Fitted(phase.model_copy(update={"training": settings}), (said,))


def _seconds_of_step(training: Training) -> float:
    taken: list[float] = []
    for number in range(WARM_UP + TIMED):
        begin = time.perf_counter()
        update(training)
        if number < WARM_UP:
            continue
        taken.append(time.perf_counter() - begin)
        if training.ranks.told(sum(taken) > TIMED_SECONDS):  # else one might wait for a step that no other makes
            break
    return median(taken)


def _seconds_of_pause(training: Training) -> float:
    """Of an evaluation, and the samples that come with it."""
    evaluate(training, requested=True)  # counts what stays the same from then on
    begin = time.perf_counter()
    evaluate(training, requested=True)
    if training.phase.sampling.when == "evaluation":
        for _ in samples(training):
            pass
    return time.perf_counter() - begin
