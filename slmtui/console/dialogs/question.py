"""Questions and messages in front of a screen."""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Static

from slmtui.console.dialogs.dialog import Dialog


class Question(Dialog[str | None]):
    """A question with a few answers, each a key of its own; escape gives None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "answer('')", "cancel"),
        Binding("question_mark", "app.help", "help", show=False),
        Binding("left", "app.focus_previous", show=False),  # no letter: each may be an answer's
        Binding("right", "app.focus_next", show=False),
    ]

    def __init__(
        self, question: str, answers: dict[str, str], *, title: str = "", destroys: Collection[str] = ()
    ) -> None:
        """answers: what is returned, and what stands on the button; its first letter is its key. destroys: those after
        which something is lost; the focus is on the first of the others."""
        super().__init__()
        self.question, self.answers, self.heading, self.destroys = question, answers, title, destroys

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = Content(self.heading)
            box.border_subtitle = "a letter answers · esc cancels"
            yield Static(self.question, markup=False)
            with Horizontal(classes="answers"):
                for answer, label in self.answers.items():
                    key = Content.assemble((label[0], "underline"), label[1:])
                    classes = "-destroys" if answer in self.destroys else None
                    yield Button(key, id=f"answer-{answer}", classes=classes, compact=True)

    def on_mount(self) -> None:
        for answer, label in self.answers.items():
            self._bindings.bind(label[0].lower(), f"answer('{answer}')", label)
        safe = next(answer for answer in self.answers if answer not in self.destroys)
        self.query_one(f"#answer-{safe}", Button).focus()

    def action_answer(self, answer: str) -> None:
        self.dismiss(answer or None)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss((event.button.id or "").removeprefix("answer-"))


class Message(Dialog[None]):
    """Something to read, and any of the usual keys to close it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,enter,q,question_mark,i", "dismiss(None)", "close")]

    def __init__(self, text: str, *, title: str) -> None:
        super().__init__()
        self.text, self.heading = text, title

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog -tall") as box:
            box.border_title = Content(self.heading)
            box.border_subtitle = "esc closes"
            yield Static(self.text, markup=False)
