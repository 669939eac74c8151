"""A job that takes a while: what it is doing, until it is done or given up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static
from textual.worker import get_current_worker

from slmtui.console.dialogs.dialog import Dialog
from slmtui.output import visible

Say = Callable[[str], None]
Stop = Callable[[], bool]


class GivenUp(Exception):
    """Raised by what the job says once nobody waits for it any more."""


class ProgressDialog(Dialog[Any]):
    """Does a job in a thread and gives its result, or the UserError or the fault that ended it; None if it is left.

    The job is called with what to tell it is doing, and with a question whether it is to stop.
    """

    DEFAULT_CSS = "ProgressDialog #doing { color: $quiet; margin-top: 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "cancel")]

    def __init__(self, job: Callable[[Say, Stop], object], *, title: str, about: str) -> None:
        super().__init__()
        self.job, self.heading, self.about = job, title, about
        self._result: list[object] = []  # of the job, once it is done

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = Content(self.heading)
            box.border_subtitle = "esc cancels"
            yield Static(visible(self.about), markup=False)
            yield Static("", id="doing", markup=False)

    def on_mount(self) -> None:
        self.run_worker(self._do, thread=True, exit_on_error=False)

    def _do(self) -> None:
        worker = get_current_worker()

        def say(words: str) -> None:
            if worker.is_cancelled:
                raise GivenUp
            self.call_later(self._show, words)

        result: object
        try:
            result = self.job(say, lambda: worker.is_cancelled)
        except GivenUp:
            return
        except Exception as error:  # whoever asked says what it means
            result = error
        self.call_later(self._end, result)

    def _show(self, words: str) -> None:
        if self.is_mounted:
            self.query_one("#doing", Static).update(visible(words))

    def _end(self, result: object) -> None:
        """Give the result; where another dialog stands upon this one, such as help, once that is closed."""
        if self.is_active:
            self.dismiss(result)
        else:
            self._result = [result]

    def on_screen_resume(self) -> None:
        if self._result:
            self.dismiss(self._result.pop())
