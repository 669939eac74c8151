"""What the headless loop costs: recorded, watched, controlled and printed steps against bare ones, in one process.

The two take turns inside one stream of events: after so many steps of the headless side, as many of a bare `train()` of
the same phase are made while the headless side stands still.
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.table import paired_ratio
from benchmarks.work import Found, published
from slmtui.commands.headless import follow, interrupts
from slmtui.commands.outcomes import Outcome
from slmtui.session import begin
from slmtui.training import events
from slmtui.training.events import Event
from slmtui.training.hardware import choose_machine
from slmtui.training.state import Training
from slmtui.training.trainer import train


def headless_and_bare(phase_name: str, turns: int, steps: int) -> Found:
    """Seconds of a step on either side, medians over the turns, and the median of the turns' ratios."""
    # A turn more than is counted, whose steps warm up; one evaluation before all steps and one after them.
    length = f"training.max_iters={(turns + 1) * steps}", f"evaluation.interval={(turns + 1) * steps}"
    phase = published(phase_name, *length, "sampling.prompts=[]")
    clocks = Clocks([], [])
    with (
        TemporaryDirectory() as folder,
        Path(os.devnull).open("w") as nowhere,
        redirect_stdout(nowhere),
        redirect_stderr(nowhere),
        interrupts() as interrupted,
    ):
        session = begin(phase, Path(folder), interrupted.wish)
        bare = Training.start(phase, session.training.dataset, choose_machine(phase.training))
        bare.evaluated_at = 0  # as if the evaluation before the first step were done
        other = (event for event in train(bare) if isinstance(event, events.Step))
        stream = in_turns(session.events, other, steps, clocks)
        follow(dataclasses.replace(session, events=stream), Outcome(phase.name), as_json=False)
    return {
        "headless": median(clocks.headless),
        "bare": median(clocks.bare),
        "ratio": paired_ratio(clocks.bare, clocks.headless),
    }


@dataclasses.dataclass(frozen=True)
class Clocks:
    """Seconds of a step in each turn."""

    headless: list[float]
    bare: list[float]


def in_turns(happening: Iterator[Event], bare: Iterator[Event], steps: int, clocks: Clocks) -> Iterator[Event]:
    """Pass `happening` on; after every `steps` steps of it make as many of `bare`. The first turn is not counted.

    A headless turn ends when whoever reads asks for more: what is done with its last event belongs to it.
    """
    done, began = 0, None
    for event in happening:
        yield event
        if not isinstance(event, events.Step):
            continue
        done += 1
        if done % steps:
            continue
        now = time.perf_counter()
        for _ in range(steps):
            next(bare)
        after = time.perf_counter()
        if began is not None:
            clocks.headless.append((now - began) / steps)
            clocks.bare.append((after - now) / steps)
        began = after
