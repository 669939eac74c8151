"""A published phase from the start of the process to its end: headless against the textbook's loop.

Ours is run for real, shortened, and its own log says what a step and an evaluation take; the textbook's steps, batches
of evaluations and completions are timed one by one. Both are then put together at the published length.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.table import Row, at_least, seconds
from benchmarks.work import published
from benchmarks.workers import in_turns
from slmtui.config.phase import Phase
from slmtui.runs.log_reader import read_events
from slmtui.runs.run import all_runs
from slmtui.training import events
from slmtui.training.events import Event

GROUP = "From start to end"
SHORT = {"phase0": 3, "phase1": 30, "phase2": 20, "phase3": 8, "phase4": 3}  # steps between evaluations
EVALUATIONS = 3  # after the first
TARGET = 3
TURNS, SECONDS = 3, 0.5
SAMPLED_BATCHES = 20  # of an evaluation, on each side, at most


@dataclass(frozen=True)
class Parts:
    """What a training is made of, in seconds. once: start, baseline, samples, end."""

    once: float
    evaluation: float
    step: float

    def whole(self, phase: Phase) -> float:
        """Put together at a phase's length."""
        return self.once + count_evaluations(phase) * self.evaluation + phase.training.max_iters * self.step


def end_to_end() -> list[Row]:
    """All five, and their sum."""
    rows, textbooks, ours = [], 0.0, 0.0
    for name in SHORT:
        phase = published(name)
        before = headless(name)
        theirs = textbook(name, phase).whole(phase)
        whole = median([before.whole(phase), headless(name).whole(phase)])
        rows.append(Row(GROUP, name, f"{theirs / whole:.2f}×", note=f"{seconds(theirs)} against {seconds(whole)}"))
        textbooks, ours = textbooks + theirs, ours + whole
    note = f"{seconds(textbooks)} against {seconds(ours)}"
    return [at_least(GROUP, "the five published phases", textbooks / ours, TARGET, note), *rows]


def textbook(name: str, phase: Phase) -> Parts:
    steps, batches, completions = in_turns(
        ("step", "textbook", name), ("loss", name), ("tokens", name, str(phase.sampling.tokens)),
        turns=TURNS, seconds=SECONDS, warm_up=1,
    )  # fmt: skip
    step, batch, completion = (median(taken.wall for taken in side) for side in (steps, batches, completions))
    return Parts(len(phase.sampling.prompts) * completion, count_batches(phase) * batch, step)


def headless(name: str) -> Parts:
    """Of a real run, from the start of its process to its end."""
    with TemporaryDirectory() as folder:
        began = time.perf_counter()
        subprocess.run(
            [
                sys.executable, "-m", "slmtui", "--headless", f"phases/{name}.toml", "--checkpoints", folder,
                "--set", f"training.max_iters={EVALUATIONS * SHORT[name]}",
                "--set", f"evaluation.interval={SHORT[name]}",
            ],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        wall = time.perf_counter() - began
        (run,) = all_runs(Path(folder))
        return parts(list(read_events(run.log_file)), wall)


def parts(log: Sequence[Event], wall: float) -> Parts:
    """From a log that begins and ends with an evaluation, and from the time of the whole process."""
    gaps: dict[bool, list[float]] = {True: [], False: []}  # between two steps, with or without an evaluation
    evaluated, last = 0, None
    since_step = False
    for event in log:
        if isinstance(event, events.Evaluation):
            evaluated, since_step = evaluated + 1, True
        if isinstance(event, events.Step):
            if last is not None:
                gaps[since_step].append(event.time - last.time)
            last, since_step = event, False
    assert last is not None, "a log has steps"
    step = median(gaps[False])
    evaluation = median(gaps[True]) - step
    return Parts(wall - last.step * step - evaluated * evaluation, evaluation, step)


def count_evaluations(phase: Phase) -> int:
    """One before the first step, one after the last."""
    return len({*range(0, phase.training.max_iters, phase.evaluation.interval), phase.training.max_iters})


def count_batches(phase: Phase) -> int:
    """Of a published evaluation, both sides together."""
    assert phase.data.dataset_size is not None
    train = int(phase.data.train_fraction * phase.data.dataset_size)
    sides = train, phase.data.dataset_size - train
    return sum(min(SAMPLED_BATCHES, max(1, side // phase.model.block_size)) for side in sides)
