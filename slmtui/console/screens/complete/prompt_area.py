"""Where a prompt is typed, of as many lines as it has, with the project's earlier prompts behind the arrow keys."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.events import Key
from textual.message import Message
from textual.widgets import TextArea

from slmtui.console.key_names import key
from slmtui.console.screens.complete.prompt_history import PromptHistory


class PromptArea(TextArea):
    """It grows with its lines, and scrolls where they are too many. An arrow that leads out of them leads into the
    history."""

    BINDING_GROUP_TITLE = "Prompt"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "complete"),
        Binding("up", "up", "history", key_display="↑↓", tooltip="the line above, or the prompt before"),
        Binding("down", "down", "later prompt", show=False, tooltip="the line below, or the later prompt"),
        Binding("ctrl+j,shift+enter,alt+enter", "new_line", "new line", key_display="^j", tooltip="a further line"),
    ]
    DEFAULT_CSS = """
    PromptArea { height: auto; max-height: 12; border: none; padding: 0; background: $surface; }
    PromptArea:focus { border: none; background: $panel; }
    """

    class Submitted(Message):
        """The prompt is to be completed."""

    def __init__(self, history: PromptHistory, *, id: str) -> None:
        placeholder = f"how a text begins: {key('complete.submit', 'enter')} completes it"
        super().__init__(placeholder=placeholder, id=id, compact=True, highlight_cursor_line=False)
        self.cursor_blink = False
        self.earlier = history

    @property
    def prompt(self) -> str:
        """What was typed; its lines end as they do on Unix."""
        return self.text.replace("\r\n", "\n").replace("\r", "\n")

    def put(self, prompt: str) -> None:
        """Have this prompt, with the cursor at its end."""
        self.load_text(prompt)
        self.move_cursor(self.document.end)

    def on_resize(self) -> None:
        """Where it gets fewer rows, the line that is being typed stays in view."""
        self.call_after_refresh(self.scroll_cursor_visible)

    async def _on_key(self, event: Key) -> None:
        """Enter is a key of ours, and not a letter."""
        if event.key in ("enter", "shift+enter", "alt+enter"):
            event.prevent_default()

    def action_submit(self) -> None:
        self.post_message(self.Submitted())

    def action_new_line(self) -> None:
        self.insert("\n", maintain_selection_offset=False)

    def action_up(self) -> None:
        if self.navigator.is_first_wrapped_line(self.cursor_location):
            self._recall(-1)
        else:
            self.action_cursor_up()

    def action_down(self) -> None:
        if self.navigator.is_last_wrapped_line(self.cursor_location):
            self._recall(1)
        else:
            self.action_cursor_down()

    def _recall(self, by: int) -> None:
        """The cursor comes to where the same key leads on: to the end of the first line, or of the last."""
        self.put(self.earlier.move(by, self.prompt))
        if by < 0:
            self.move_cursor((0, len(self.document.get_line(0))))
