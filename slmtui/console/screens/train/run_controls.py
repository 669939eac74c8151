"""The keys of Train that steer a training: they write to the run's control file, whoever trains it."""

from __future__ import annotations

from slmtui.config.phase_file import load_phase
from slmtui.console.base import ConsoleScreen
from slmtui.console.dialogs.question import Message, Question
from slmtui.errors import UserError
from slmtui.project import default_phase_file
from slmtui.runs.control import send
from slmtui.runs.history import RunHistory
from slmtui.runs.run import ALIVE, State
from slmtui.training.control import Command, CommandKind

RATE_FACTOR = 1.25  # of a key press on + and −
STEERING = {"pause", "stop", "ask", "rate", "next"}  # actions that need somebody who trains the run


class RunControls(ConsoleScreen):
    """A screen that shows a run and steers it."""

    history: RunHistory | None = None
    steers = True  # the bottom line names the keys that steer

    def hinted(self, action: str) -> bool:
        return self.steers or action.partition("(")[0] not in STEERING

    @property
    def state(self) -> State | None:
        return self.history.summary.state if self.history is not None else None

    def _send(self, kind: CommandKind, value: float | None = None) -> bool:
        """Ask the run's trainer for something, if it has one."""
        if self.history is None or self.state not in ALIVE:
            self.notify("nothing is being trained here", severity="warning")
            return False
        file = self.history.run.control_file
        try:
            send(file, Command(kind, value))
        except OSError as error:
            self.notify(f"{file}: {error.strerror}", severity="error")
            return False
        self.look_soon()
        return True

    def action_pause(self) -> None:
        self._send("resume" if self.state == "paused" else "pause")

    def action_ask(self, kind: CommandKind) -> None:
        if self._send(kind):
            self.notify(f"{kind} asked for")

    def action_rate(self, direction: int) -> None:
        self._send("learning_rate", RATE_FACTOR**direction)

    def action_stop(self) -> None:
        self._confirm_stop("stop", "Stop this run and save it? It can be taken up again from Runs.")

    def action_next(self) -> None:
        waiting = self.host.trainer.waiting()
        if not waiting:
            self.notify("nothing is waiting; Phases queues one", severity="warning")
            return
        self._confirm_stop("next phase", f"Stop this run, save it, and go on with {waiting[0]}?")

    def _confirm_stop(self, title: str, question: str) -> None:
        def answered(answer: str | None) -> None:
            if answer == "stop":
                self._send("stop")

        if self.state in ALIVE:
            dialog = Question(question, {"stop": "Stop and save", "cancel": "Cancel"}, title=title)
            self.host.push_screen(dialog, answered)
        else:
            self.notify("nothing is being trained here", severity="warning")

    def action_start(self) -> None:
        """Train the phase that was chosen last, or the project's default one."""
        if self.host.trainer.busy or self.state in ALIVE:
            return
        try:
            phase = load_phase(self.host.phase_file or default_phase_file())
        except UserError as error:
            self.host.push_screen(Message(str(error), title="no phase to train"))
            return
        self.host.watched = None
        self.host.trainer.put(phase)
        self.notify(f"{phase.name} will be trained")

    def action_queue(self) -> None:
        waiting = self.host.trainer.waiting()
        text = "\n".join(f"{i}. {name}" for i, name in enumerate(waiting, start=1)) or "nothing is waiting"
        text += "\n\nPhases adds to the queue; n here goes on with the next."
        self.host.push_screen(Message(text, title="queue"))
