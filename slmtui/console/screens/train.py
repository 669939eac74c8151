"""Train."""

from textual.app import ComposeResult
from textual.widgets import Static

from slmtui.console.base import ConsoleScreen


class TrainScreen(ConsoleScreen):
    def body(self) -> ComposeResult:
        yield Static("train")
