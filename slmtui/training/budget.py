"""How many steps a training makes in a given time: measured once, so that schedule and resume are those of a number."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median

from slmtui.config.phase import Phase
from slmtui.config.phase_file import fault
from slmtui.data.baseline import Baseline
from slmtui.training.events import Event
from slmtui.training.sampling import gate_rates, samples
from slmtui.training.state import Training
from slmtui.training.trainer import evaluate, update
from slmtui.words import duration, duration_of_step, plural

WARM_UP, TIMED, TIMED_SECONDS = 3, 20, 3.0  # steps; no further one is timed after so many seconds
MOST_STEPS = 10**9  # as for training.max_iters
KEPT_FREE = 0.03  # of the time, for checkpoints and what else comes between


@dataclass(frozen=True)
class Fitted:
    """A phase with as many steps as it has time for. said: what was measured, nothing if it has no time of its own.

    baseline: of its data, which was measured before, so that its time counts; None if it was not.
    """

    phase: Phase
    said: tuple[str, ...] = ()
    baseline: Baseline | None = None


def fitted(
    phase: Phase, scratch: Callable[[], Training], began: float, last_looks: Callable[[Training], float]
) -> Fitted:
    """The phase with as many steps as `training.max_minutes` has time for.

    scratch: makes a training to measure with, which takes part in nothing else. began: when the time began to run, by
    `time.monotonic`. last_looks: the seconds for what the first process asks of the best model at the end.

    PhaseError where there is no time for a step.
    """
    given = phase.training.max_minutes
    assert given is not None, "a time was given"
    begin = time.monotonic()
    training = scratch()
    again = time.monotonic() - begin  # that long for the training itself, whose counts are fitted once more
    step, pause, end = _seconds_of_step(training), _seconds_of_pause(training), _seconds_of_end(training)
    if training.ranks.is_first:
        end += last_looks(training)
    used = time.monotonic() - began
    rest = again + 2 * pause + end
    left = given * 60 * (1 - KEPT_FREE) - used - rest
    n = min(MOST_STEPS, math.floor(left / (step + pause / phase.evaluation.interval)))
    n = training.ranks.told(n)
    if n < 1:
        raise fault(
            phase, "training.max_minutes",
            f"no step fits into {given:g} minutes: {duration(used)} went by before the first one, which takes "
            f"{duration_of_step(step)}, and evaluations, samples and the end take {duration(rest)}; allow more",
        )  # fmt: skip
    pauses = f", {duration(pause)} for each evaluation" if pause >= 1 else ""
    pauses += f", {duration(end)} for what comes at the end" if end >= 1 else ""
    fit = f"{plural(n, 'step')} fit{'s' if n == 1 else ''} into {given:g} minutes (training.max_minutes)"
    said = [f"{fit}: {duration_of_step(step)} for each{pauses}"]
    if n <= (rising := phase.training.warmup_iters):
        said.append(
            f"all of them are within the warm-up (training.warmup_iters = {rising:,}): the learning rate only rises"
        )
    settings = phase.training.model_copy(update={"max_iters": n})
    return Fitted(phase.model_copy(update={"training": settings}), tuple(said))


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
    """Of an evaluation, and the samples that come with it, or with a new best."""
    evaluate(training, requested=True)  # counts what stays the same from then on
    begin = time.perf_counter()
    evaluate(training, requested=True)
    if training.phase.sampling.when == "evaluation":
        _drawn(samples(training))
    _drawn(gate_rates(training))
    return time.perf_counter() - begin


def _seconds_of_end(training: Training) -> float:
    """Of the samples that are drawn once, if they are."""
    begin = time.perf_counter()
    if training.phase.sampling.when == "end":
        _drawn(samples(training))
    return time.perf_counter() - begin


def _drawn(events: Iterable[Event]) -> None:
    for _ in events:
        pass
