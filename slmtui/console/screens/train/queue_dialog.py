"""What is waiting to be trained: put into another order, thinned out, cleared."""

from __future__ import annotations

from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from slmtui.console.dialogs.dialog import Dialog
from slmtui.console.dialogs.question import Question
from slmtui.console.key_names import key
from slmtui.console.workers.trainer_thread import TrainerThread, name_of
from slmtui.output import visible
from slmtui.words import plural

LOOK = 0.5  # seconds between two looks at whether one has begun
EMPTY = "Nothing is waiting to be trained."


class QueueDialog(Dialog[None]):
    DEFAULT_CSS = """
    QueueDialog OptionList { height: auto; max-height: 16; border: none; background: $surface; padding: 0; }
    QueueDialog #queue-keys { color: $quiet; margin-top: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", "close"),
        Binding("K,shift+up,minus", "shift(-1)", "earlier", tooltip="train this one earlier"),
        Binding("J,shift+down,plus", "shift(1)", "later", tooltip="train this one later"),
        Binding("x,delete", "remove", "remove", tooltip="do not train this one"),
        Binding("X", "clear", "clear", tooltip="train none of them (asks first)"),
        Binding("j", "move('cursor_down')", "down", show=False),
        Binding("k", "move('cursor_up')", "up", show=False),
        Binding("question_mark", "app.help", "help", show=False),
    ]

    def __init__(self, trainer: TrainerThread) -> None:
        super().__init__()
        self.trainer = trainer
        self._shown = trainer.queue()

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = "queue"
            box.border_subtitle = "esc closes"
            yield OptionList(*self._lines(), markup=False, compact=True)
            yield Static("", id="queue-keys", markup=False)

    def on_mount(self) -> None:
        self.set_interval(LOOK, self._look)
        self._show(0)

    def _lines(self) -> list[Option]:
        return [Option(f"{n}. {visible(name_of(job))}") for n, job in enumerate(self._shown, start=1)]

    def _look(self) -> None:
        """What has begun meanwhile is gone, and the cursor stays on its line."""
        now, here = self.trainer.queue(), self._here
        if len(now) == len(self._shown) and all(a is b for a, b in zip(now, self._shown, strict=True)):
            return
        job = self._shown[here] if here is not None else None
        self._shown = now
        self._show(next((at for at, one in enumerate(now) if one is job), here or 0))

    def _show(self, at: int) -> None:
        options = self.query_one(OptionList)
        options.set_options(self._lines())
        options.display = bool(self._shown)
        if self._shown:
            options.highlighted = min(at, len(self._shown) - 1)
            options.focus()
        keys = "K earlier · J later · x remove · X clear" if self._shown else EMPTY
        self.query_one("#queue-keys", Static).update(f"{keys}\n{key('phases.start', 's')} on Phases adds to it.")

    @property
    def _here(self) -> int | None:
        return self.query_one(OptionList).highlighted if self._shown else None

    def action_move(self, how: str) -> None:
        getattr(self.query_one(OptionList), f"action_{how}")()

    def action_shift(self, by: int) -> None:
        if (here := self._here) is not None:
            self.trainer.move(self._shown[here], by)
            self._look()

    def action_remove(self) -> None:
        if (here := self._here) is None:
            return
        job = self._shown[here]
        if self.trainer.remove(job):
            self.notify(f"{name_of(job)} is no longer waiting")
        else:
            self.notify(
                f"{name_of(job)} has begun; {key('train.stop', 's')} on Train stops it",
                severity="warning",
            )
        self._look()

    @work
    async def action_clear(self) -> None:
        if not self._shown:
            return
        question = f"Train none of the {plural(len(self._shown), 'training')} that wait?"
        answers = {"keep": "Keep them", "clear": "Clear the queue"}
        asked = Question(question, answers, title="clear", destroys=("clear",))
        if await self.app.push_screen_wait(asked) == "clear":
            self.trainer.hand_over()
            self._look()
