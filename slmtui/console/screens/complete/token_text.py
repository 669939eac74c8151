"""A completion to look at: tokens shaded by how unsure the model was, copies underlined, a cursor on one token; and
below it, in a quiet colour, the ones before."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.app import App
from textual.events import Click
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from slmtui.console.text.columns import cut
from slmtui.console.text.token_lines import PROMPT, TokenLines
from slmtui.inference.streaming import Token

MOST_EARLIER = 20  # completions that are kept to compare with
SHADES = (0.05, 0.2, 0.5, 0.9)  # from step to step, each twice to four times as likely
SHADE_NAMES = ("less", "≥ 0.05", "≥ 0.2", "≥ 0.5", "≥ 0.9")


def shade(p: float) -> int:
    """The step of a probability: 0, very unsure, to 4."""
    return bisect_right(SHADES, p)


# In the palette of 256, from very unsure on, for a dark theme (True) and a light one: greys, since it has too few other
# colours for shades that keep their order.
GREYS = {True: ("#6c6c6c", "#585858", "#3a3a3a", "#262626"), False: ("#8a8a8a", "#a8a8a8", "#c6c6c6", "#e4e4e4")}


def few_colours(app: App[object]) -> bool:
    """Can this terminal not tell five shades of a colour apart?"""
    return app.no_color or app.console.color_system in (None, "standard")


@dataclass(frozen=True)
class Earlier:
    """An earlier completion. words: how it was drawn; text: with its prompt."""

    words: str
    text: str


class TokenText(ScrollView):
    """The prompt and what continues it. Where there are few colours, unsure tokens are bold and sure ones dim."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "tokens--prompt", "tokens--plain", "tokens--0", "tokens--1", "tokens--2", "tokens--3", "tokens--4",
        "tokens--bold", "tokens--dim", "tokens--copied", "tokens--cursor", "tokens--earlier",
    }  # fmt: skip
    DEFAULT_CSS = """
    TokenText { height: 1fr; overflow-x: hidden; scrollbar-gutter: stable; }
    TokenText > .tokens--prompt { color: $accent; }
    TokenText > .tokens--earlier { color: $quiet; }
    TokenText > .tokens--0 { background: $val 55%; }
    TokenText > .tokens--1 { background: $val 38%; }
    TokenText > .tokens--2 { background: $val 24%; }
    TokenText > .tokens--3 { background: $val 11%; }
    TokenText > .tokens--bold { text-style: bold; }
    TokenText > .tokens--dim { text-style: dim; }
    TokenText > .tokens--copied { color: $train; text-style: underline; }
    TokenText > .tokens--cursor { background: $foreground; color: $background; text-style: bold; }
    """

    class Clicked(Message):
        """A token was clicked."""

        def __init__(self, token: int) -> None:
            super().__init__()
            self.token = token

    def __init__(self) -> None:
        super().__init__()
        self.prompt = ""
        self.tokens: Sequence[Token] = ()
        self.shown = 0  # how many of them
        self.copied: frozenset[int] = frozenset()
        self.cursor: int | None = None
        self.cursor_shown = True
        self.lines = TokenLines(80)
        self.earlier: deque[Earlier] = deque(maxlen=MOST_EARLIER)  # the newest first
        self._below: list[str] = []  # lines: the earlier ones, below what is shown

    def keep(self, words: str) -> None:
        """Keep what is shown to compare with, below what comes next. words: how it was drawn."""
        text = "".join(token.text for token in self.tokens[: self.shown])
        self.earlier.appendleft(Earlier(words, self.prompt + text))

    def begin(self, prompt: str) -> None:
        """Show a prompt, and nothing after it yet."""
        self.prompt, self.tokens, self.shown = prompt, (), 0
        self.copied, self.cursor = frozenset(), None
        self._lay_out()
        self.scroll_home(animate=False)

    def show(self, tokens: Sequence[Token], count: int) -> None:
        """Show the first `count` tokens; those that were shown before are the same as they were."""
        at_end = self.scroll_offset.y >= len(self.lines.lines) - self.size.height
        first = len(self.lines.lines) - 1
        for number in range(self.shown, count):
            self.lines.add(number, tokens[number].text)
        self.tokens, self.shown = tokens, count
        self._fit()
        self.refresh_lines(first, self.virtual_size.height - first)
        if at_end and self.cursor in (None, 0):
            self.scroll_to(y=len(self.lines.lines) - self.size.height, animate=False)

    def mark(self, copied: frozenset[int]) -> None:
        """Underline these tokens."""
        if copied != self.copied:
            self.copied = copied
            self.refresh()

    def put_cursor(self, token: int, *, into_view: bool = True) -> None:
        """Move the cursor to a token that is shown, and as a rule the token into view."""
        before, self.cursor = self.cursor, token
        for place in {token if before is None else before, token}:
            line = self.lines.line_of[place]
            self.refresh_lines(line, 1 + self._lines_after(place))
        if into_view:
            line = self.lines.line_of[token]
            self.scroll_to_region(Region(0, line, 1, 1 + self._lines_after(token)), animate=False)

    def show_cursor(self, shown: bool) -> None:
        """Only the panel that the keys are about shows its cursor."""
        if shown != self.cursor_shown:
            self.cursor_shown = shown
            self.refresh()

    def _lines_after(self, token: int) -> int:
        """How many more lines a token reaches down to."""
        end = self.lines.line_of[token + 1] if token + 1 < self.shown else len(self.lines.lines) - 1
        return end - self.lines.line_of[token]

    def on_resize(self) -> None:
        if self.lines.width != self.scrollable_content_region.width:
            self._lay_out()

    def on_click(self, event: Click) -> None:
        offset = event.get_content_offset(self)
        if offset is not None:
            token = self.lines.token_at(offset.x, offset.y + self.scroll_offset.y)
            if token is not None:
                self.post_message(self.Clicked(token))

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self.refresh()

    def _lay_out(self) -> None:
        self.lines = TokenLines(self.scrollable_content_region.width)
        self.lines.add(PROMPT, self.prompt)
        for number in range(self.shown):
            self.lines.add(number, self.tokens[number].text)
        self._below = self._lay_out_earlier()
        self._fit()
        self.refresh()

    def _lay_out_earlier(self) -> list[str]:
        rows: list[str] = []
        for earlier in self.earlier:
            lines = TokenLines(self.lines.width)
            lines.add(PROMPT, earlier.text)
            head = cut(f"─ {earlier.words} ", self.lines.width).ljust(self.lines.width, "─")
            rows += ["", head, *("".join(piece.text for piece in line) for line in lines.lines)]
        return rows

    def _fit(self) -> None:
        size = Size(self.scrollable_content_region.width, len(self.lines.lines) + len(self._below))
        if size != self.virtual_size:
            self.virtual_size = size

    def render_line(self, y: int) -> Strip:
        base, number = self.rich_style, y + self.scroll_offset.y
        below = number - len(self.lines.lines)
        if 0 <= below < len(self._below):
            quiet = Segment(self._below[below], self.get_component_rich_style("tokens--earlier"))
            return Strip([quiet]).adjust_cell_length(self.scrollable_content_region.width, base)
        pieces = self.lines.lines[number] if below < 0 else []
        few = few_colours(self.app)
        segments = [Segment(piece.text, self._style(piece.token, few)) for piece in pieces]
        return Strip(segments).adjust_cell_length(self.scrollable_content_region.width, base)

    def shade_style(self, step: int) -> Style:
        """How a token of this step looks, where there are enough colours."""
        style = self.get_component_rich_style(f"tokens--{step}")
        greys = GREYS[self.app.current_theme.dark]
        if self.app.console.color_system == "256" and step < len(greys):
            style += Style(bgcolor=greys[step])
        return style

    def _style(self, token: int, few: bool) -> Style:
        if token == PROMPT:
            return self.get_component_rich_style("tokens--prompt")
        step = shade(self.tokens[token].choice.p)
        if few:
            name = "tokens--bold" if step < 2 else "tokens--dim" if step == 4 else "tokens--plain"
            style = self.get_component_rich_style(name)
        else:
            style = self.shade_style(step)
        if token in self.copied:
            style += self.get_component_rich_style("tokens--copied", partial=True)
        if token == self.cursor and self.cursor_shown:
            style = self.get_component_rich_style("tokens--cursor")
            if self.app.console.color_system is None:
                style = Style(reverse=True)
        return style
