"""What the keys of Train ask of a training: written to the run's control file, whoever trains it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from slmtui.config.phase_file import load_phase
from slmtui.console.asking import LastAsked, pause_or_resume, waits
from slmtui.console.base import ConsoleScreen
from slmtui.console.dialogs.question import Message, Question
from slmtui.console.screens.train.queue_dialog import QueueDialog
from slmtui.errors import UserError
from slmtui.output import visible
from slmtui.project import default_phase_file
from slmtui.runs.history import RunHistory
from slmtui.runs.run import ALIVE, Run, State
from slmtui.training.control import CommandKind

RATE_FACTOR = 1.25  # of one press of + or −
NEEDS_TRAINER = {"pause", "stop", "ask", "rate"}  # actions of no use when nobody trains the run


class RunControls:
    """Controls of the run that a screen shows."""

    def __init__(self, screen: ConsoleScreen, shown: Callable[[], RunHistory | None]) -> None:
        self.screen, self._shown = screen, shown
        self.asked = LastAsked()

    @property
    def state(self) -> State | None:
        history = self._shown()
        return history.state() if history is not None else None

    def ask(self, kind: CommandKind, value: float | None = None) -> bool:
        """Ask the run's trainer for something, if it has one: it may have ended while a person was asked."""
        history = self._shown()
        if history is None or self.state not in ALIVE:
            self.screen.notify("nothing is being trained here", severity="warning")
            return False
        return self._ask(history.run, kind, value)

    def _ask(self, run: Run, kind: CommandKind, value: float | None = None, *, twice_undoes: bool = True) -> bool:
        taken_back = twice_undoes and waits(run, kind)
        if not self.screen.ask_trainer(run, kind, value, twice_undoes=twice_undoes):
            return False
        self.asked.note(run, None if taken_back else kind)
        return True

    def pause_or_resume(self) -> None:
        if (history := self._shown()) is not None:
            self.ask(pause_or_resume(history.run, paused=self.state == "paused"))

    def change_rate(self, direction: int) -> None:
        """Multiply the learning rate by 1.25, or divide it by that."""
        self.ask("learning_rate", RATE_FACTOR**direction)

    def stop(self) -> None:
        """Ask first; but a stop that waits is taken back at once."""
        if (history := self._shown()) is None:
            return
        run, trainer = history.run, self.screen.host.trainer
        if waits(run, "stop"):
            self.ask("stop")
            return
        waiting = trainer.waiting() if trainer.run_now == run else []
        goes_on = f" {waiting[0]} is next in the queue." if waiting else ""
        question = f"Stop this run and save it? Runs can resume it later.{goes_on}"

        def answered(answer: str | None) -> None:
            """It is about the run that was shown when it was asked; by now that may be another."""
            if answer == "stop" and run.is_alive():
                self._ask(run, "stop", twice_undoes=False)
            elif answer == "stop":
                self.screen.notify(visible(f"{run.name} has ended by itself"), severity="warning")

        dialog = Question(visible(question), {"stop": "Stop and save", "cancel": "Cancel"}, title="stop")
        self.screen.host.push_screen(dialog, answered)

    @property
    def phase_file(self) -> Path:
        """Of the phase that was chosen last, or else of the project's default one; UserError if there is none."""
        return self.screen.host.phase_file or default_phase_file()

    @property
    def phase_named(self) -> str:
        """The phase that `start` trains, in words."""
        try:
            return visible(str(self.phase_file))
        except UserError:
            return "the default phase"

    def start(self) -> None:
        """Train that phase, as it is saved."""
        host = self.screen.host
        try:
            phase = load_phase(self.phase_file)
        except UserError as error:
            host.push_screen(Message(str(error), title="no phase to train"))
            return
        host.watched = None
        host.trainer.put(phase)
        self.screen.notify(visible(f"{phase.name} will be trained"))

    def show_queue(self) -> None:
        self.screen.host.push_screen(QueueDialog(self.screen.host.trainer))
