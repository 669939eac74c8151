"""A run at a glance: what a list says of it, from its log without reading all of it as events.

A log is mostly steps. The evaluations are picked out by their bytes, and the speed is taken from the log's end.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from slmtui.runs.progress import Progress
from slmtui.runs.run import Run
from slmtui.training import events
from slmtui.training.events import from_json
from slmtui.training.gap import above_baseline

TAIL = 128 << 10  # bytes of the log's end; some seven hundred steps
_WANTED = (b'"event":"run_started"', b'"event":"evaluation"')


@dataclass(frozen=True)
class RunPreview:
    """started: None for a run that has not begun; best: the evaluation with the lowest validation loss."""

    run: Run
    started: events.RunStarted | None
    best: events.Evaluation | None
    progress: Progress

    @property
    def above_baseline(self) -> bool:
        baseline = self.started.data.baseline if self.started is not None else None
        return self.best is not None and above_baseline(self.best.val_loss, baseline)


def preview(run: Run) -> RunPreview:
    """Look at a run. OSError and ValueError where there is no log that can be read."""
    started: events.RunStarted | None = None
    best: events.Evaluation | None = None
    with run.log_file.open("rb") as file:
        for line in file:
            if line.endswith(b"\n") and any(mark in line for mark in _WANTED):
                event = from_json(line)
                if isinstance(event, events.RunStarted):
                    started = event
                elif isinstance(event, events.Evaluation) and event.best:
                    best = event
        progress = Progress()
        if started is not None:
            progress.add(started)
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - TAIL))
        lines = file.read().split(b"\n")[:-1]
    for line in lines[1:]:  # the first may be half a line; where it is whole, it is `started`
        progress.add(from_json(line))
    return RunPreview(run, started, best, progress)


def newest_of(runs: list[Run], phase_name: str) -> Run | None:
    """The run of a phase with the highest number."""
    numbered = {run.number: run for run in runs if run.number is not None and run.number[0] == phase_name}
    return numbered[max(numbered)] if numbered else None
