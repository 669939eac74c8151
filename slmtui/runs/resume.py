"""Going on with a run that was stopped, interrupted or killed."""

from __future__ import annotations

from dataclasses import dataclass

from slmtui.runs.checkpoint import load_checkpoint
from slmtui.runs.log import read_events
from slmtui.runs.run import Run, RunError
from slmtui.training import events
from slmtui.training.events import Event
from slmtui.training.machine import Machine, choose_machine
from slmtui.training.prepare import prepare_dataset
from slmtui.training.state import Training


@dataclass(frozen=True)
class Resumed:
    training: Training
    log_size: int  # bytes of the log that were there when the checkpoint was saved; what came after is repeated
    history: tuple[Event, ...]  # the events up to there
    notes: tuple[str, ...]  # what cannot be continued exactly


def resume(run: Run) -> Resumed:
    """The training of a run as its last checkpoint left it.

    Raises RunError when it cannot be continued: it is over, or was never saved, or its corpus has changed.
    """
    if not run.last.exists():
        raise RunError(f"{run.name} was never saved, so there is nothing to go on from; train its phase anew")
    saved = load_checkpoint(run.last)
    if saved.training is None:
        raise RunError(f"{run.last} holds a model only, not the state of a training")
    log = list(read_events(run.log_file))
    if not log or not isinstance(log[0], events.RunStarted):
        raise RunError(f"{run.log_file} does not begin with run_started; the run cannot be continued")
    if isinstance(log[-1], events.RunFinished) and log[-1].reason in ("completed", "early stopping"):
        raise RunError(f"{run.name} is over ({log[-1].reason} at step {log[-1].step:,}); nothing is left to do")
    phase = run.phase()
    if phase != saved.phase:
        raise RunError(f"{run.phase_file} is not the phase that {run.last.name} was trained with; put it back")
    dataset = prepare_dataset(phase)
    if dataset.fingerprint != saved.data:
        raise RunError(
            f"{run.name}: the corpus or its tokens have changed since it was trained "
            f"(fingerprint {dataset.fingerprint[:12]}, then {saved.data[:12]}); restore it, or train the phase anew"
        )
    machine = choose_machine(phase.training)
    training = Training(phase, dataset, machine, saved.model)
    log_size = int(saved.training.pop("log_size"))
    training.load_state_dict(saved.training)
    history = tuple(read_events(run.log_file, until=log_size))
    return Resumed(training, log_size, history, tuple(_differences(log[0], machine)))


def _differences(started: events.RunStarted, machine: Machine) -> list[str]:
    import torch

    now = machine.to_dict() | {"torch": torch.__version__}
    then = started.machine | {"torch": started.versions.get("torch")}
    return [
        f"{key} was {then.get(key)} and is {now[key]}: the digits may differ from here on"
        for key in ("torch", "device", "precision", "threads", "processor")
        if then.get(key) != now[key]
    ]
