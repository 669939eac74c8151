"""A session: a phase becomes a training, its events are watched and recorded, whoever asked for it reads them.

Here the rooms meet: data → training → insight → runs. Headless and the console begin and resume trainings alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from slmtui.insight.watch import watch
from slmtui.runs.control import ControlFile
from slmtui.runs.recorder import record
from slmtui.runs.resume import resume
from slmtui.runs.run import Run, create_run
from slmtui.training.control import Control
from slmtui.training.events import Event
from slmtui.training.machine import choose_machine
from slmtui.training.phase import Phase
from slmtui.training.prepare import prepare_dataset
from slmtui.training.state import Training
from slmtui.training.trainer import train

AddControl = Callable[[ControlFile], Control]


@dataclass(frozen=True)
class Session:
    """A training under way; nothing happens until its events are asked for.

    history: the events of before, for a run that goes on. notes: what a person should know.
    """

    run: Run
    training: Training
    history: tuple[Event, ...]
    events: Iterator[Event]
    notes: tuple[str, ...]


def begin(phase: Phase, checkpoints: Path, control: AddControl = lambda file: file) -> Session:
    """Prepare a phase and open a run for it. UserError before there is a run, if the phase cannot be trained here."""
    machine = choose_machine(phase.training)
    dataset = prepare_dataset(phase)
    training = Training.start(phase, dataset, machine)
    run = create_run(checkpoints, phase)
    happening = watch(train(training, control(ControlFile(run.control_file))), dataset)
    return Session(run, training, (), record(run, training, happening), dataset.notes)


def go_on(run: Run, control: AddControl = lambda file: file) -> Session:
    """Take up a run where its last checkpoint left it; RunError if that cannot be done."""
    resumed = resume(run)
    happening = train(resumed.training, control(ControlFile(run.control_file)))
    happening = watch(happening, resumed.training.dataset, resumed.history)
    recorded = record(run, resumed.training, happening, keep=resumed.log_size)
    return Session(run, resumed.training, resumed.history, recorded, resumed.notes)
