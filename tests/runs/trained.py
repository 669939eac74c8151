"""Runs that were trained to the end, or stopped."""

from __future__ import annotations

from pathlib import Path

from slmtui.runs.control import send
from slmtui.runs.run import Run
from slmtui.session import begin
from slmtui.training import events
from slmtui.training.control import Command
from slmtui.training.events import Event
from tests.conftest import MakePhase


def train_to_the_end(make_phase: MakePhase, checkpoints: Path, *overrides: str) -> Run:
    session = begin(make_phase(*overrides), checkpoints)
    for _ in session.events:
        pass
    return session.run


def stop_at(make_phase: MakePhase, checkpoints: Path, step: int, *overrides: str) -> Run:
    """A run that a person stopped."""
    session = begin(make_phase(*overrides), checkpoints)
    for event in session.events:
        if isinstance(event, events.RunStarted if step == 0 else events.Step) and event.step == step:
            send(session.run.control_file, Command("stop"))
    return session.run


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def without_resumes(happened: list[Event]) -> list[Event]:
    return [event for event in happened if not isinstance(event, events.Resumed)]
