"""A file as the model sees it: its tokens, shaded in turn, training and validation each in their colour.

Only a window of the file around the cursor is laid out, and only the rows on the screen are drawn, so that a file may
be of any size.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from slmtui.console.screens.data.file_tokens import FileTokens
from slmtui.console.text.token_rows import BEGUN, CIRCLE, MARKS, TokenRows, lay_out, token_texts

WINDOW = 16_384  # tokens laid out at once
EMPTY = TokenRows(0, 0, (), (), None)
_BLANKS = re.compile(rf"[{''.join(MARKS.values())}{CIRCLE}│]|{BEGUN}(?!\w)")


class TokenView(ScrollView, can_focus=True):
    """`show_file` shows a file; the cursor stands on a token, and `Moved` says on which."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "tokens--train", "tokens--train-odd", "tokens--val", "tokens--val-odd", "tokens--blank", "tokens--cursor",
        "tokens--mark", "tokens--repeat",
    }  # fmt: skip
    DEFAULT_CSS = """
    TokenView { height: 1fr; overflow-x: hidden; overflow-y: auto; background: $background; }
    TokenView > .tokens--train { background: $train 10%; }
    TokenView > .tokens--train-odd { background: $train 24%; }
    TokenView > .tokens--val { background: $val 14%; }
    TokenView > .tokens--val-odd { background: $val 30%; }
    TokenView > .tokens--blank { color: $quiet; }
    TokenView > .tokens--cursor { background: $foreground; color: $background; }
    TokenView > .tokens--mark { color: $val; text-style: bold; }
    TokenView > .tokens--repeat { text-style: bold underline; }
    """
    BINDING_GROUP_TITLE = "Text"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,l", "token(1)", "next token", show=False),
        Binding("left,h", "token(-1)", "token before", show=False),
        Binding("down,j", "row(1)", "row down", show=False),
        Binding("up,k", "row(-1)", "row up", show=False),
        Binding("pagedown,ctrl+d,space", "page(1)", "page down", show=False),
        Binding("pageup,ctrl+u", "page(-1)", "page up", show=False),
        Binding("home,g", "go(0)", "start of the file", show=False),
        Binding("end,G", "go(-1)", "end of the file", show=False),
        Binding("right_square_bracket,full_stop", "document(1)", "next document", key_display="]", show=False),
        Binding("left_square_bracket,comma", "document(-1)", "document before", key_display="[", show=False),
        Binding("enter", "screen.preview", "as plain text", show=False, tooltip="this document as plain text"),
        Binding("m", "border", "to where validation begins", show=False),
        Binding("b", "bars", "borders as lines", show=False, tooltip="lines between the tokens, or shades alone"),
    ]

    class Moved(Message):
        """The cursor stands on this token of the file."""

        def __init__(self, token: int) -> None:
            super().__init__()
            self.token = token

    def __init__(self) -> None:
        super().__init__(id="text")
        self.file: FileTokens | None = None
        self.message = ""
        self.cursor = 0
        self.bars = False
        self.repeat = range(0)  # tokens to underline
        self._laid = EMPTY
        self._text_of: Callable[[int], str] = str
        self._styles: dict[str, Style] = {}

    def show_message(self, message: str) -> None:
        """Words, where there is no file to show."""
        self.file, self.message, self._laid = None, message, EMPTY
        self.virtual_size = Size(self.size.width, 0)
        self.scroll_to(0, 0, animate=False)
        self.refresh()

    def show_file(self, file: FileTokens, token: int = 0, repeat: range = range(0)) -> None:
        """Show a file, the cursor on a token of it."""
        if self.file is None or self.file.dataset is not file.dataset:
            tokenizer = file.dataset.tokenizer
            self._bytes_of = cache(lambda token: None if token == tokenizer.end else tokenizer.token_bytes(token))
        self.file, self.repeat, self.message = file, repeat, ""
        self._laid = EMPTY
        self.go(token, jump=True)

    def go(self, token: int, *, jump: bool = False) -> None:
        """Put the cursor on a token, and see to it that it can be seen; after a jump, with what is around it."""
        if self.file is None or not len(self.file):
            return
        self.cursor = max(0, min(token, len(self.file) - 1))
        if not self._laid.start <= self.cursor < self._laid.stop:
            self._lay_out()
        self._follow(jump=jump)
        self.post_message(self.Moved(self.cursor))
        self.refresh()

    def _lay_out(self) -> None:
        width = self.region.width - self.gutter.width - 1  # of which a scrollbar may take the last column
        if self.file is None or width < 1:
            return
        start = max(0, min(self.cursor - WINDOW // 2, len(self.file) - WINDOW))
        ids = self.file.ids(start, min(start + WINDOW, len(self.file)))
        bar = "│" if self.bars else ""
        self._laid = lay_out(
            token_texts(map(self._bytes_of, ids)), width, start=start, border=self.file.border, bar=bar
        )
        self.virtual_size = Size(width, len(self._laid.rows))

    def _follow(self, *, jump: bool = False) -> None:
        if self._laid.start <= self.cursor < self._laid.stop:
            if jump:
                self.scroll_to(y=self._laid.row_of(self.cursor) - self.size.height // 3, animate=False, force=True)
            row = self._laid.row_of(self.cursor)
            if row == self._laid.mark or row - 1 == self._laid.mark:
                row -= 1
            self.scroll_to_region(Region(0, row, 1, 2), animate=False, force=True)

    def on_resize(self) -> None:
        self._lay_out()
        self._follow()
        self.refresh()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles = {}

    def action_token(self, step: int) -> None:
        self.go(self.cursor + step)

    def action_go(self, token: int) -> None:
        if self.file is not None:
            self.go(token % max(1, len(self.file)))

    def action_page(self, step: int) -> None:
        self.action_row(step * max(1, self.size.height - 1))

    def action_row(self, step: int) -> None:
        """Some rows further, in about the same column."""
        laid = self._laid
        if not laid.start <= self.cursor < laid.stop:
            return
        row, column = laid.row_of(self.cursor) + step, laid.column_of(self.cursor)
        row += (row == laid.mark) * (1 if step > 0 else -1)
        if 0 <= row < len(laid.rows):
            token = laid.token_at(row, column)
            self.go(self.cursor if token is None else token)
        elif step > 0:
            self.go(laid.stop)  # the next window, if there is one
        else:
            self.go(laid.start - 1 if laid.start else 0)

    def action_document(self, step: int) -> None:
        """To the beginning of the next document of the file, or of the one before."""
        if self.file is not None:
            document = self.file.document_of(self.cursor) + step
            if 0 <= document < len(self.file.documents):
                self.go(int(self.file.documents[document]), jump=True)

    def action_border(self) -> None:
        if self.file is not None and self.file.border is not None:
            self.go(self.file.border, jump=True)
        else:
            self.notify("all of this file is on one side")

    def action_bars(self) -> None:
        self.bars = not self.bars
        self._laid = EMPTY
        self.go(self.cursor)

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is not None and self.file is not None:
            token = self._laid.token_at(offset.y + self.scroll_offset.y, offset.x)
            self.go(self.cursor if token is None else token)

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        if self.file is None:
            lines = self.message.split("\n")
            text = lines[y] if y < len(lines) else ""
            return Strip([Segment(text, self._style("blank"))]).adjust_cell_length(width, self.rich_style)
        row = y + self.scroll_offset.y
        if row >= len(self._laid.rows):
            return Strip.blank(width, self.rich_style)
        if row == self._laid.mark:
            words = " training ends · validation begins " if width >= 36 else " validation "
            return Strip([Segment(f"──{words}".ljust(width, "─"), self._style("mark"))], width)
        segments: list[Segment] = []
        for token, text in self._laid.rows[row]:
            segments += self._segments(token, text)
        return Strip(segments).adjust_cell_length(width, self.rich_style)

    def _segments(self, token: int, text: str) -> list[Segment]:
        """One token's text, its blanks in a quieter colour."""
        border = self.file.border if self.file is not None else None
        name = ("val" if border is not None and token >= border else "train") + ("-odd" if token % 2 else "")
        style = self._style(name)
        if token in self.repeat:
            style += self._style("repeat")
        if token == self.cursor:
            return [Segment(text, style + self._style("cursor"))]
        quiet = style + Style(color=self._style("blank").color)
        return [Segment(part, quiet if _BLANKS.fullmatch(part) else style) for part in _split(text)]

    def _style(self, name: str) -> Style:
        if name not in self._styles:
            self._styles[name] = self.get_component_rich_style(f"tokens--{name}", partial=name in ("repeat",))
        return self._styles[name]


def _split(text: str) -> list[str]:
    """Blanks one by one, and what stands between them."""
    parts: list[str] = []
    end = 0
    for found in _BLANKS.finditer(text):
        parts += [text[end : found.start()], found[0]]
        end = found.end()
    return [part for part in [*parts, text[end:]] if part]
