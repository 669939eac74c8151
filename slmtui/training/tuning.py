"""What `threads = "auto"` and `precision = "auto"` come to: a few steps of the phase itself, timed each way.

Two OpenMP threads are faster than one on an idle machine and slower on a busy one; bfloat16 is faster where the
processor multiplies it, and many times slower elsewhere. No table knows that of a machine, a stopwatch does.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from itertools import product
from statistics import median

import torch

from slmtui.config.phase import Phase
from slmtui.data.dataset import Dataset
from slmtui.training.hardware import Machine, Precision, choose_machine, multiplies_bf16
from slmtui.training.speed import steps_alone
from slmtui.training.state import Training
from slmtui.training.trainer import update

ROUNDS = 3  # in each, every way takes one step that counts
ENOUGH_SECONDS = 3.0  # no further round after that
HOPELESS = 2.0  # times the fastest
LEAST_STEPS = 100  # a training shorter than that is over before it pays
CLEARLY = 1.1  # times as fast; below that the first way, so that chance does not change the digits


@dataclass(frozen=True)
class Way:
    """One way to compute a step."""

    threads: int
    precision: Precision

    def __str__(self) -> str:
        return f"{self.threads} thread{'' if self.threads == 1 else 's'}, {self.precision}"


def tuned_machine(phase: Phase, dataset: Dataset) -> Machine:
    """The machine with what is fastest for this phase, and why; torch's thread count is set to it."""
    machine = choose_machine(phase.training)
    first, *others = ways(phase, machine)
    if not others or phase.training.max_iters < LEAST_STEPS:
        return machine
    seconds = measure(phase, dataset, machine, [first, *others])
    fastest = min(seconds, key=lambda way: seconds[way])
    if seconds[first] < CLEARLY * seconds[fastest]:
        fastest = first
    torch.set_num_threads(fastest.threads)
    return replace(machine, threads=fastest.threads, precision=fastest.precision, choice=_reason(fastest, seconds))


def ways(phase: Phase, machine: Machine) -> list[Way]:
    """What there is to choose from; first what is taken unless another is clearly faster."""
    settings = phase.training
    if machine.device != "cpu":
        return [Way(machine.threads, machine.precision)]
    threads = [machine.threads]
    if settings.threads == "auto":
        threads = list(dict.fromkeys((machine.threads, -(-machine.threads // 2), 1)))
    precisions: list[Precision] = [machine.precision]
    if settings.precision == "auto" and multiplies_bf16():
        precisions = ["fp32", "bf16"]
    return [Way(*way) for way in product(threads, precisions)]


def measure(phase: Phase, dataset: Dataset, machine: Machine, choices: list[Way]) -> dict[Way, float]:
    """Seconds for a step in each way: the median of steps taken in turns, after one of each that does not count.

    A way whose first step takes twice as long as another's is out of the running at once.
    """
    training = Training.start(steps_alone(phase, phase.training.max_iters), dataset, machine)  # not the run's own
    begin = time.perf_counter()
    _step(training, machine, choices[0])  # which allocates what all of them use
    first = {way: _step(training, machine, way) for way in choices}
    taken = {way: [seconds] for way, seconds in first.items()}
    for round_ in range(ROUNDS):
        for way in choices:
            if first[way] < HOPELESS * min(first.values()):
                taken[way].append(_step(training, machine, way))
        if round_ and time.perf_counter() - begin > ENOUGH_SECONDS:
            break
    return {way: median(times[1:] or times) for way, times in taken.items()}


def _step(training: Training, machine: Machine, way: Way) -> float:
    torch.set_num_threads(way.threads)
    training.machine = replace(machine, precision=way.precision)
    start = time.perf_counter()
    update(training)
    return time.perf_counter() - start


def _reason(chosen: Way, seconds: dict[Way, float]) -> str:
    others = " and ".join(f"{_milliseconds(seconds[way])} with {way}" for way in seconds if way != chosen)
    return f"{chosen}: a step takes {_milliseconds(seconds[chosen])}, against {others}"


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:,.3g} ms"
