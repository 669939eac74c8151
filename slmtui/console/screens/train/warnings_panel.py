"""The warnings of a run with their advice, the newest first."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll

from slmtui.console.screens.train import view
from slmtui.console.screens.train.news_line import NewsLine
from slmtui.training.events import Warned


class WarningsPanel(VerticalScroll):
    def __init__(self) -> None:
        super().__init__(id="warnings", classes="panel")
        self.border_title = "warnings"
        self._text = NewsLine(id="warning-text", grows=True)

    def compose(self) -> ComposeResult:
        yield self._text

    def show(self, warnings: list[Warned]) -> None:
        colours = self.app.theme_variables
        levels = {"serious": colours["catastrophic"], "warning": colours["moderate"], "note": colours["quiet"]}
        text = view.warning_text(warnings, levels, self._text.size.width)
        self._text.tell(text if warnings else Text("none so far", style="dim"))
