"""Resolving "auto" of `device`, `threads` and `precision`: each candidate is timed on a few steps of the phase itself.

A GPU takes milliseconds to begin a step, in which a CPU may have made a small model's. Two OpenMP threads are faster
than one on an idle machine and slower on a busy one; bfloat16 is faster if the processor has instructions for it, and
many times slower if not. No table can tell that for a given machine, so it is measured.
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
from slmtui.training.ranks import ALONE, Ranks
from slmtui.training.speed import steps_alone
from slmtui.training.state import Training
from slmtui.training.trainer import update
from slmtui.words import duration_of_step, plural

ROUNDS = 3  # in each round, every candidate takes one timed step
ENOUGH_SECONDS = 3.0  # after this time, no further round begins
HOPELESS = 2.0  # times as slow as the fastest: not timed any further
MIN_STEPS = 100  # a shorter training ends before measuring pays off
SMALL_STEP = 2e10  # floating-point operations; a step with more is not tried on a CPU beside a GPU
CLEAR_SPEEDUP = 1.1  # below it, the default candidate is taken, so that chance does not change the digits


@dataclass(frozen=True)
class Candidate:
    """One way to compute a step."""

    threads: int
    precision: Precision
    device: str = "cpu"

    def __str__(self) -> str:
        return f"{plural(self.threads, 'thread') if self.device == 'cpu' else self.device}, {self.precision}"


def tuned_machine(phase: Phase, dataset: Dataset, ranks: Ranks = ALONE) -> Machine:
    """The machine with the fastest device, threads and precision for this phase, and why; sets torch's thread count.

    ranks: the processes that train together. They measure at the same time, and take what the first one chooses.
    """
    machine = choose_machine(phase.training, ranks=ranks)
    machine = ranks.told(_tuned(phase, dataset, machine, ranks))
    torch.set_num_threads(machine.threads)
    return machine


def _tuned(phase: Phase, dataset: Dataset, machine: Machine, ranks: Ranks) -> Machine:
    default, *others = candidates(phase, machine, ranks)
    if not others or phase.training.max_iters < MIN_STEPS:
        return machine
    seconds = measure(phase, dataset, machine, [default, *others])
    fastest = min(seconds, key=lambda candidate: seconds[candidate])
    if seconds[default] < CLEAR_SPEEDUP * seconds[fastest]:
        fastest = default
    if fastest.device != machine.device:
        machine = _cpu(phase)
    return replace(machine, threads=fastest.threads, precision=fastest.precision, choice=_reason(fastest, seconds))


def is_measured(phase: Phase, ranks: Ranks = ALONE) -> bool:
    """Whether there is anything to choose for this phase, so that its steps are timed first."""
    machine = choose_machine(phase.training, ranks=ranks)
    return phase.training.max_iters >= MIN_STEPS and len(candidates(phase, machine, ranks)) > 1


def candidates(phase: Phase, machine: Machine, ranks: Ranks = ALONE) -> list[Candidate]:
    """What can be chosen from; the first is the default, taken unless another is clearly faster.

    Several processes stay on their kind of device.
    """
    found = _on(machine, phase)
    if ranks.size > 1 or machine.device == "cpu" or phase.training.device != "auto" or _operations(phase) > SMALL_STEP:
        return found
    return [*found, *_on(_cpu(phase), phase)]


def _cpu(phase: Phase) -> Machine:
    """This machine without its GPU."""
    return choose_machine(phase.training.model_copy(update={"device": "cpu"}))


def _operations(phase: Phase) -> float:
    """About how many a step takes in the blocks: six for each parameter and token (Kaplan et al. 2020)."""
    model, training = phase.model, phase.training
    return 6 * 12 * model.n_layer * model.n_embd**2 * training.batch_size * model.block_size


def _on(machine: Machine, phase: Phase) -> list[Candidate]:
    """The candidates of one device."""
    settings = phase.training
    if machine.device != "cpu":
        return [Candidate(machine.threads, machine.precision, machine.device)]
    threads = [machine.threads]
    if settings.threads == "auto":
        threads = list(dict.fromkeys((machine.threads, -(-machine.threads // 2), 1)))
    precisions: list[Precision] = [machine.precision]
    if settings.precision == "auto" and multiplies_bf16():
        precisions = ["fp32", "bf16"]
    return [Candidate(*pair) for pair in product(threads, precisions)]


def measure(phase: Phase, dataset: Dataset, machine: Machine, among: list[Candidate]) -> dict[Candidate, float]:
    """Seconds for a step of each candidate: the median of steps taken in turns, without the first step of each.

    A candidate whose first step takes twice as long as another's is dropped at once.
    """
    steps, on = steps_alone(phase, phase.training.max_iters), {machine.device: machine}
    on |= {one.device: _cpu(phase) for one in among if one.device not in on}
    trainings = {name: Training.start(steps, dataset, device) for name, device in on.items()}  # not the run's training
    begin = time.perf_counter()
    for one in {(one.device, one.precision): one for one in reversed(among)}.values():
        _time_step(trainings[one.device], one)  # allocates memory, and compiles what is compiled the first time
    first = {candidate: _time_step(trainings[candidate.device], candidate) for candidate in among}
    taken = {candidate: [seconds] for candidate, seconds in first.items()}
    for round_ in range(ROUNDS):
        for candidate in among:
            if first[candidate] < HOPELESS * min(first.values()):
                taken[candidate].append(_time_step(trainings[candidate.device], candidate))
        if round_ and time.perf_counter() - begin > ENOUGH_SECONDS:
            break
    return {candidate: median(times[1:] or times) for candidate, times in taken.items()}


def _time_step(training: Training, candidate: Candidate) -> float:
    """Seconds of one update with the candidate's threads and precision."""
    torch.set_num_threads(candidate.threads)
    training.machine = replace(training.machine, precision=candidate.precision)
    start = time.perf_counter()
    update(training)
    return time.perf_counter() - start


def _reason(chosen: Candidate, seconds: dict[Candidate, float]) -> str:
    *others, last = (f"{duration_of_step(seconds[other])} with {other}" for other in seconds if other != chosen)
    against = f"{'; '.join(others)}; and {last}" if len(others) > 1 else " and ".join([*others, last])
    return f"{chosen}: a step takes {duration_of_step(seconds[chosen])}, against {against}"
