"""A text that is sent to the terminal again only when it says something new."""

from __future__ import annotations

from rich.text import Text
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static


class NewsLine(Static):
    """grows: it may become longer than a line, so that what stands below it has to move."""

    def __init__(self, *, id: str, classes: str = "", grows: bool = False) -> None:
        super().__init__("", id=id, classes=classes, markup=False)
        self._told: str | Text = ""
        self._grows = grows

    def tell(self, content: str | Text, *, layout: bool = False) -> None:
        """layout: this time it may need more or fewer lines."""
        if content != self._told:
            self._told = content
            self.update(content, layout=layout or self._grows)


class PanelTitle:
    """The words in the border of a panel: Textual paints a panel again whenever it is given some."""

    def __init__(self, panel: Widget) -> None:
        self._panel = panel
        self._told = ("", "")

    def tell(self, title: str, subtitle: str) -> None:
        if (title, subtitle) != self._told:
            self._told = title, subtitle
            self._panel.border_title, self._panel.border_subtitle = Content(title), Content(subtitle)
