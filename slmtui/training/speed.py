"""How fast a phase trains here: a few real steps, without an evaluation, without a run."""

from __future__ import annotations

import time
from collections.abc import Callable

from slmtui.config.phase import Phase
from slmtui.data.dataset import Dataset
from slmtui.training import events
from slmtui.training.hardware import choose_machine
from slmtui.training.state import Training
from slmtui.training.trainer import train

WARM_UP, WARM_UP_SECONDS = 3, 2.0  # steps before it counts: the first ones allocate
ENOUGH_STEPS, ENOUGH_SECONDS = 50, 3.0


def steps_alone(phase: Phase, max_iters: int) -> Phase:
    """The phase as far as its steps go: no evaluation, and no n-gram model, which no step has to do with."""
    values = phase.values()
    values["training"]["max_iters"] = max_iters
    values["evaluation"]["interval"] = 10**9
    values["model"]["ngram_mix"] = 0.0
    return Phase.model_validate(values)


def measure_step(phase: Phase, dataset: Dataset, stop: Callable[[], bool] = lambda: False) -> float | None:
    """Seconds for a step of `phase`; None if `stop` became true before there was anything to tell."""
    bare = steps_alone(phase, WARM_UP + ENOUGH_STEPS)
    training = Training.start(bare, dataset, choose_machine(phase.training))
    training.evaluated_at = 0  # as if the evaluation before the first step were done
    start, began, last = time.perf_counter(), 0.0, 0.0
    skipped = steps = 0
    for event in train(training):
        now = time.perf_counter()
        if stop():
            break
        if not isinstance(event, events.Step):
            continue
        if not began:
            if event.step >= WARM_UP or now - start > WARM_UP_SECONDS:
                began, skipped = now, event.step
            continue
        steps, last = event.step - skipped, now
        if last - began >= ENOUGH_SECONDS or steps >= ENOUGH_STEPS:
            break
    return (last - began) / steps if steps else None
