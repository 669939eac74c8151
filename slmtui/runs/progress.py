"""How far a run has come, and how long it will still take: a fold over its events."""

from __future__ import annotations

import math
from collections import deque

from slmtui.training import events
from slmtui.training.events import Event

WINDOW = 200  # stretches of steps that the speed is averaged over


class Progress:
    """Speed from stretches between two neighbouring step events only, so that neither the start, nor evaluations,
    nor pauses count as training; what an evaluation costs, with its samples and checkpoints, is added to the time to
    go."""

    def __init__(self) -> None:
        self.max_iters = 0
        self.interval = 1
        self.step = 0
        self._last: Event | None = None
        self._stretches: deque[tuple[int, float]] = deque(maxlen=WINDOW)  # (steps, seconds)
        self._breaks: deque[float] = deque(maxlen=20)  # seconds of each evaluation, samples and checkpoints included
        self._before: events.Step | None = None  # the step before an evaluation, until the training goes on

    def add(self, event: Event) -> None:
        self.step = event.step
        if isinstance(event, events.RunStarted):
            self.max_iters = event.phase["training"]["max_iters"]
            self.interval = event.phase["evaluation"]["interval"]
        if isinstance(event, events.Step) and isinstance(self._last, events.Step):
            self._stretches.append((event.step - self._last.step, event.time - self._last.time))
        if isinstance(event, events.Evaluation) and isinstance(self._last, events.Step):
            self._before = self._last
        elif isinstance(event, events.Paused | events.Resumed):
            self._before = None
        elif isinstance(event, events.Step) and self._before is not None:
            if (speed := self.steps_per_second) is not None:
                steps = (event.step - self._before.step) / speed  # of a long log, some were left out
                self._breaks.append(max(0.0, event.time - self._before.time - steps))
            self._before = None
        self._last = event

    @property
    def steps_per_second(self) -> float | None:
        """Updates per second of training, lately; None before there is anything to measure."""
        steps = sum(n for n, _ in self._stretches)
        seconds = sum(s for _, s in self._stretches)
        return steps / seconds if steps > 0 and seconds > 0 else None  # a clock may have been put back

    @property
    def seconds_to_go(self) -> float | None:
        """Seconds to the planned end, evaluations included; None when the speed is not known yet."""
        return self.seconds_for(max(0, self.max_iters - self.step), self.interval)

    def seconds_for(self, steps: int, interval: int) -> float | None:
        """Seconds that so many steps take at this speed, with an evaluation every `interval` steps; None as above."""
        speed = self.steps_per_second
        if speed is None:
            return None
        evaluations = -(-steps // interval)
        per_evaluation = sum(self._breaks) / len(self._breaks) if self._breaks else 0.0
        seconds = steps / speed + evaluations * per_evaluation
        return max(0.0, seconds) if math.isfinite(seconds) else None
