"""What every screen may ask of the console it belongs to: the project, the run in view, the trainer, the log."""

from __future__ import annotations

import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

from textual.app import App
from textual.notifications import SeverityLevel
from textual.screen import Screen
from textual.widget import Widget
from textual.worker import NoActiveWorker, get_current_worker

from slmtui.config.phase import Phase
from slmtui.console.key_names import key
from slmtui.console.text.columns import short_name
from slmtui.console.ui_state import UIState
from slmtui.console.workers.run_server import RunServer
from slmtui.console.workers.torch_import import Backend
from slmtui.console.workers.trainer_thread import TrainerThread
from slmtui.files import open_to_append
from slmtui.runs.run import Run
from slmtui.settings import Settings

LEAST_NAME = 14  # columns of a run's name in the top bar


class ModeScreen(Screen[None]):
    """A screen with a key of its own, as opposed to a dialog above one."""

    mode: str  # its name among the app's modes
    mode_key: str

    def make_room(self, words: str, seconds: float) -> None:
        """Have as much room for a toast as it needs, for as long as it is shown."""

    def why_not(self, action: str, parameters: tuple[object, ...]) -> str:  # noqa: ARG002
        """Why the key of this action has nothing to do now, and what would be right; "" where it has something.

        Such a key is left out of the bottom line and of help; pressed all the same, it says this.
        """
        return ""


def _asking_screen() -> Screen[object] | None:
    """The screen on whose behalf something is done now; None if that is the app."""
    try:
        node = get_current_worker().node
    except NoActiveWorker:  # such as in the action of a key, whose screen is seen
        return None
    return node if isinstance(node, Screen) else node.screen if isinstance(node, Widget) and node.is_attached else None


class Host(App[str]):
    """The state that screens share, and what they may ask for; `app.Console` adds the screens themselves."""

    def __init__(self, checkpoints: Path, log: Path, ui_state: UIState, settings: Settings) -> None:
        super().__init__()
        self.checkpoints, self.log_path, self.ui_state, self.settings = checkpoints, log, ui_state, settings
        self.backend = Backend()
        self.trainer = TrainerThread(checkpoints, settings.on_finish)
        self.server = RunServer()
        self.watched: Run | None = None  # what Train shows and Complete talks to
        self.talk_to: Run | None = None  # whose model was asked for, until Complete shows it
        self.prompt: str | None = None  # to be completed when Complete is seen
        self.phase_file: Path | None = None  # what Phases shows and Data describes
        self.failures: list[tuple[str, str]] = []  # what could not be trained, and why, until it is read on Train
        self.living: tuple[str, ...] = ()  # the runs that other processes train
        self.unsaved: tuple[str, ...] = ()  # what a person has changed and not saved; leaving asks

    def watch_run(self, run: Run) -> None:
        """Show a run on Train."""
        self.watched = run
        self.switch_mode("train")

    def talk(self, run: Run, prompt: str | None = None) -> None:
        """Talk to a run's model on Complete, whatever was chosen there, and complete a prompt with it."""
        self.watched, self.talk_to, self.prompt = run, run, prompt
        self.switch_mode("complete")

    def train(self, job: Phase | Run) -> None:
        """Train a phase or go on with a run, after what is queued already, and show it."""
        self.trainer.put(job)
        self.switch_mode("train")

    def push_screen(
        self, screen: Any, callback: Any = None, wait_for_dismiss: bool = False, *, mode: str | None = None
    ) -> Any:
        """A dialog belongs to the screen whose worker asks. If another one is seen by now, the dialog waits, as a toast
        says, and takes no keys that are meant for that one."""
        asking = _asking_screen()
        if mode is None and isinstance(asking, ModeScreen) and asking.mode != self.current_mode:
            mode = asking.mode
            there = key(f"everywhere.switch-mode-{mode}", asking.mode_key)
            self.notify(
                f"{mode.capitalize()} has something to say: {there} goes there",
            )
        return super().push_screen(screen, callback, wait_for_dismiss, mode=mode)  # type: ignore[call-overload]

    def notify(
        self, message: str, *, title: str = "", severity: SeverityLevel = "information", timeout: float | None = None,
        markup: bool = True,  # noqa: ARG002
    ) -> None:  # fmt: skip
        """A toast, in the bottom line: its title before it. None has markup, as names with brackets stand in many."""
        timeout = self.NOTIFICATION_TIMEOUT if timeout is None else timeout
        words = f"{title}: {message}" if title else message
        super().notify(words, severity=severity, timeout=timeout, markup=False)
        if self.screen_stack and isinstance(self.screen, ModeScreen):  # none once the console is left
            self.screen.make_room(words, timeout)

    def going_on(self, room: int = 1000) -> str:
        """A few words on what this process is doing. room: in columns; where a name leaves too little, it is cut."""
        if not self.backend.ready:
            return self.backend.words()
        before, name, after = "", "", ""
        if (run := self.trainer.run_now) is not None:
            waiting = len(self.trainer.waiting())
            before, name = "preparing " if self.trainer.doing else "training ", run.name
            after = f", {waiting} waiting" if waiting and not self.trainer.doing else ""
        elif self.trainer.preparing is not None:
            before, name = "preparing ", self.trainer.preparing
        elif self.living:
            more = f" and {len(self.living) - 1} more" if len(self.living) > 1 else ""
            name, after = self.living[0], f"{more} trained elsewhere"
        return f"{before}{short_name(name, max(LEAST_NAME, room - len(before) - len(after)))}{after}"

    def write_log(self, error: BaseException) -> None:
        """Keep the traceback of a fault of ours where it can be read later, if it can be written: a full disk is no
        reason not to show what happened."""
        with suppress(OSError), open_to_append(self.log_path) as log:
            log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}\n")
            log.writelines(traceback.format_exception(error))
