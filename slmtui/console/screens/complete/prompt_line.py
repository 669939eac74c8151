"""The line that a prompt is typed into, with the project's earlier prompts behind the arrow keys."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.events import Paste
from textual.widgets import Input

from slmtui.console.screens.complete.prompt_history import PromptHistory, meant, typed

PLACEHOLDER = "how a text begins: enter completes it"


class PromptLine(Input):
    BINDING_GROUP_TITLE = "Prompt"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "complete"),
        Binding("up", "history(-1)", "history", key_display="↑↓", tooltip="the prompt before"),
        Binding("down", "history(1)", "later prompt", show=False),
        Binding("ctrl+j", "new_line", "new line", tooltip=r"a line break in the prompt, written \n"),
    ]

    def __init__(self, history: PromptHistory, *, id: str) -> None:
        super().__init__(placeholder=PLACEHOLDER, id=id, select_on_focus=False)
        self.cursor_blink = False
        self.history = history

    @property
    def prompt(self) -> str:
        """What was typed, with its line breaks."""
        return meant(self.value)

    def action_history(self, by: int) -> None:
        self.value = typed(self.history.move(by, self.prompt))
        self.cursor_position = len(self.value)

    def action_new_line(self) -> None:
        self.insert_text_at_cursor("\\n")

    def _on_paste(self, event: Paste) -> None:
        """All lines of a text, not only its first."""
        event.stop()
        event.prevent_default()
        self.replace(typed(event.text), *self.selection)
