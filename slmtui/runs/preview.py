"""A run at a glance: what a list says of it, from its log without reading all of it as events.

A log is mostly steps. They are passed over but for those at its end, which tell the speed.
"""

from __future__ import annotations

from dataclasses import dataclass

from slmtui.runs.log_reader import LogReader
from slmtui.runs.progress import Progress
from slmtui.runs.run import Run
from slmtui.training import events
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
    """Look at a run; LogError where its log cannot be read."""
    started: events.RunStarted | None = None
    best: events.Evaluation | None = None
    progress = Progress()
    for chunk in LogReader(run.log_file).read():
        for event in chunk.skim(tail=TAIL):
            progress.add(event)
            match event:
                case events.RunStarted():
                    started = event
                case events.Evaluation(best=True):
                    best = event
    return RunPreview(run, started, best, progress)


def newest_of(runs: list[Run], phase_name: str) -> Run | None:
    """The run of a phase with the highest number."""
    numbered = {run.number: run for run in runs if run.number is not None and run.number[0] == phase_name}
    return numbered[max(numbered)] if numbered else None
