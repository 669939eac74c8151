"""Asking for a line of text, and for one of several names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from slmtui.console.dialogs.dialog import Dialog


class InputDialog(Dialog[str | None]):
    """Ask for a line of text; what `wrong` has to say against it stands below, and enter takes it when that is ""."""

    DEFAULT_CSS = """
    InputDialog #wrong { height: auto; min-height: 1; color: $error; margin-top: 1; }
    InputDialog Input { margin-top: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "cancel")]

    def __init__(self, question: str, *, title: str, value: str, wrong: Callable[[str], str]) -> None:
        super().__init__()
        self.question, self.heading, self.value, self.wrong = question, title, value, wrong

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = Content(self.heading)
            box.border_subtitle = "enter takes it · esc cancels"
            yield Static(self.question, markup=False)
            answer = Input(self.value, select_on_focus=True)
            answer.cursor_blink = False
            yield answer
            yield Static("", id="wrong", markup=False)

    @on(Input.Changed)
    def check(self, event: Input.Changed) -> None:
        self.query_one("#wrong", Static).update(self.wrong(event.value))

    @on(Input.Submitted)
    def take(self, event: Input.Submitted) -> None:
        if not self.wrong(event.value):
            self.dismiss(event.value)


class SelectDialog(Dialog[int | None]):
    """Choose one of several; gives its number, from 0."""

    DEFAULT_CSS = """
    SelectDialog OptionList { height: auto; max-height: 20; border: none; background: $surface; padding: 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "cancel"),
        Binding("j", "move('cursor_down')", "down", show=False),
        Binding("k", "move('cursor_up')", "up", show=False),
        Binding("question_mark", "app.help", "help", show=False),
    ]

    def __init__(self, names: Sequence[str], *, title: str, start: int = 0) -> None:
        super().__init__()
        self.names, self.heading, self.start = names, title, start

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = Content(self.heading)
            box.border_subtitle = "enter takes it · esc cancels"
            yield OptionList(*(Option(name) for name in self.names), markup=False, compact=True)

    def on_mount(self) -> None:
        self.query_one(OptionList).highlighted = self.start

    def action_move(self, how: str) -> None:
        getattr(self.query_one(OptionList), f"action_{how}")()

    @on(OptionList.OptionSelected)
    def take(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_index)
