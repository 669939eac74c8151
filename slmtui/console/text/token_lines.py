"""Tokens laid out in lines: a token that does not fit on a line begins the next, one longer than a line is cut."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from rich.cells import cell_len, get_character_cell_size

from slmtui.output import visible

PROMPT = -1  # in the place of a token's number: text that no model wrote
TAB = "    "


@dataclass(frozen=True)
class TokenPiece:
    """What is shown of a token on one line; never a control character."""

    token: int
    text: str


class TokenLines:
    """Lines of at most `width` cells that grow at their end; a line break is a blank cell of its token."""

    def __init__(self, width: int) -> None:
        self.width = max(3, width)
        self.lines: list[list[TokenPiece]] = [[]]
        self.line_of: list[int] = []  # where each token begins
        self._used = 0  # cells of the last line

    def add(self, token: int, text: str) -> None:
        """Append the prompt, or the next token."""
        first, *others = text.split("\n")
        begin = len(self.lines) - 1
        moved = self._put(token, first)
        if token != PROMPT:
            self.line_of.append(begin + moved)
        for part in others:
            if token != PROMPT:
                self.lines[-1].append(TokenPiece(token, " "))
            self._new_line()
            self._put(token, part)

    def token_at(self, x: int, y: int) -> int | None:
        """The token that is shown at a cell; None for the prompt, and beside the text."""
        if not 0 <= y < len(self.lines):
            return None
        for piece in self.lines[y]:
            x -= cell_len(piece.text)
            if x < 0:
                return None if piece.token == PROMPT else piece.token
        return None

    def _put(self, token: int, text: str) -> bool:
        """Append text without line breaks; returns whether it went to a new line whole."""
        text = _settled(visible(text).replace("\t", TAB))
        cells = cell_len(text)
        room = self.width - self._used - 1  # a cell is left for a line break
        moved = room < cells <= self.width - 1 and self._used > 0 and token != PROMPT
        if moved:
            self._new_line()
        elif cells > room:
            text = self._put_cut(token, text)
        if text:
            self.lines[-1].append(TokenPiece(token, text))
            self._used += cell_len(text)
        return moved

    def _put_cut(self, token: int, text: str) -> str:
        """Fill up lines with a long text; returns what is left for the last one."""
        start, used = 0, self._used
        for i, character in enumerate(text):
            size = get_character_cell_size(character)
            if used + size > self.width - 1:
                if i > start:
                    self.lines[-1].append(TokenPiece(token, text[start:i]))
                self._new_line()
                start, used = i, 0
            used += size
        return text[start:]

    def _new_line(self) -> None:
        self.lines.append([])
        self._used = 0


def _settled(text: str) -> str:
    """Text without joiners, variants and the like, which take no cell, but change how wide the text beside them is.

    Combining marks stay: they are on the letter before them.
    """
    if text.isascii():
        return text
    return "".join(
        c for c in text if cell_len(c) or (unicodedata.category(c)[0] == "M" and not "\ufe00" <= c <= "\ufe0f")
    )
