"""Several names, each of which is wanted or not."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from slmtui.console.dialogs.dialog import Dialog


class Checklist(Dialog[frozenset[str]]):
    """Space or enter turns a line; escape closes, and gives the keys of those that are wanted."""

    DEFAULT_CSS = """
    Checklist OptionList { height: auto; max-height: 20; border: none; background: $surface; padding: 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "close", "close"),
        Binding("space", "turn", "turn"),
        Binding("j", "move('cursor_down')", "down", show=False),
        Binding("k", "move('cursor_up')", "up", show=False),
        Binding("question_mark", "app.help", "help", show=False),
    ]

    def __init__(self, names: Mapping[str, str], wanted: Collection[str], *, title: str) -> None:
        """names: by key."""
        super().__init__()
        self.names, self.heading = names, title
        self.wanted = {key for key in names if key in wanted}

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = Content(self.heading)
            box.border_subtitle = "space turns · esc closes"
            yield OptionList(*self._lines(), markup=False, compact=True)

    def _lines(self) -> list[Option]:
        return [Option(f"[{'x' if key in self.wanted else ' '}] {name}") for key, name in self.names.items()]

    def action_close(self) -> None:
        self.dismiss(frozenset(self.wanted))

    def action_move(self, how: str) -> None:
        getattr(self.query_one(OptionList), f"action_{how}")()

    def action_turn(self) -> None:
        self.query_one(OptionList).action_select()

    @on(OptionList.OptionSelected)
    def turn(self, event: OptionList.OptionSelected) -> None:
        self.wanted ^= {list(self.names)[event.option_index]}
        options = self.query_one(OptionList)
        at = options.highlighted
        options.set_options(self._lines())
        options.highlighted = at
