"""How fast a phase trains on this machine, measured on a few real steps without an evaluation and without a run."""

from __future__ import annotations

import time
from collections.abc import Callable

from slmtui.config.phase import Phase
from slmtui.data.dataset import Dataset
from slmtui.training import events
from slmtui.training.hardware import choose_machine
from slmtui.training.state import Training
from slmtui.training.trainer import train

WARM_UP_STEPS, WARM_UP_SECONDS = 3, 2.0  # not timed, because the first steps allocate memory; whichever ends first
TIMED_STEPS, TIMED_SECONDS = 50, 3.0  # at most; whichever ends first


def steps_alone(phase: Phase, max_iters: int) -> Phase:
    """The phase reduced to its steps: without evaluations and without a mixture, which no step uses."""
    values = phase.values()
    values["training"]["max_iters"] = max_iters
    values["evaluation"]["interval"] = 10**9
    values["model"] |= {"ngram_mix": 0.0, "context_mixing": False}
    values["evaluation"].pop("decides", None)
    return Phase.model_validate(values)


def measure_step(phase: Phase, dataset: Dataset, stop: Callable[[], bool] = lambda: False) -> float | None:
    """Seconds for a step of `phase`; None if `stop` became true before a step was timed."""
    bare = steps_alone(phase, WARM_UP_STEPS + TIMED_STEPS)
    training = Training.start(bare, dataset, choose_machine(phase.training))
    training.evaluated_at = 0  # skips the evaluation before the first step
    start, began, last = time.perf_counter(), 0.0, 0.0
    skipped = steps = 0
    for event in train(training):
        now = time.perf_counter()
        if stop():
            break
        if not isinstance(event, events.Step):
            continue
        if not began:
            if event.step >= WARM_UP_STEPS or now - start > WARM_UP_SECONDS:
                began, skipped = now, event.step
            continue
        steps, last = event.step - skipped, now
        if last - began >= TIMED_SECONDS or steps >= TIMED_STEPS:
            break
    return (last - began) / steps if steps else None
