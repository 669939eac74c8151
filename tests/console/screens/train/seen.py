"""What is seen of a run on Train, and what its log says."""

from __future__ import annotations

from typing import TypeVar

from textual.widgets import Static

from slmtui.console.app import Console
from slmtui.console.screens.train.screen import TrainScreen
from slmtui.runs.run import Run
from slmtui.training import events
from slmtui.training.events import Event

LONG = ("training.max_iters=9000", "evaluation.interval=200", "sampling.when=end")


def text_of(app: Console, selector: str) -> str:
    return str(app.screen.query_one(selector, Static).render())


def train_screen(app: Console) -> TrainScreen:
    assert isinstance(app.screen, TrainScreen)
    return app.screen


def log_of(run: Run) -> list[Event]:
    return list(run.events()) if run.log_file.exists() else []


E = TypeVar("E", bound=events.Base)


def said(run: Run, kind: type[E]) -> list[E]:
    return [event for event in log_of(run) if isinstance(event, kind)]
