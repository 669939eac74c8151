"""A panel of numbers on the Data screen: drawn for its width, scrolled with the keyboard."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from slmtui.console.workers.overview import DataOverview


class NumbersPanel(VerticalScroll, can_focus=True):
    DEFAULT_CSS = """
    NumbersPanel { padding: 0 0 0 1; }
    NumbersPanel Static { width: 1fr; height: auto; }
    """
    BINDING_GROUP_TITLE = "Numbers"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "scroll_down", "down", show=False),
        Binding("up,k", "scroll_up", "up", show=False),
        Binding("home,g", "scroll_home", "top", show=False),
        Binding("end,G", "scroll_end", "bottom", show=False),
        Binding("enter", "screen.repeat", "longest repeat", show=False),
    ]

    def __init__(self, name: str, title: str, draw: Callable[[DataOverview, int], Content]) -> None:
        super().__init__(id=name, classes="panel")
        self.border_title = title
        self.draw = draw
        self.found: DataOverview | None = None

    def compose(self) -> ComposeResult:
        yield Static("", markup=False)

    def check_action(self, action: str, _parameters: tuple[object, ...]) -> bool | None:
        return self.id == "validation" if action == "screen.repeat" else True

    def show(self, found: DataOverview) -> None:
        self.found = found
        self._redraw()

    def on_resize(self) -> None:
        self._redraw()

    def _redraw(self) -> None:
        width = self.region.width - self.gutter.width - 2  # a scrollbar and a gap, whether there is one or not
        if self.found is not None and width > 0:
            self.query_one(Static).update(self.draw(self.found, width))
