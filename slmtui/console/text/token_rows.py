"""Tokens as rows of text on a screen: where each begins, with blanks and line ends made visible. Pure functions.

A token's text takes as many cells beside others as alone: what would join with its neighbours is spelled out, or, for
combining marks, put on a dotted circle.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rich.cells import cell_len

from slmtui.output import spelled_bytes, visible

TokenPart = tuple[int, str]  # the place of a token in the file, and what of it stands in this row
END_OF_DOCUMENT = "‹end›\n"
MARKS = {" ": "·", "\n": "⏎", "\t": "→"}  # signs that common terminal fonts have; ␠ and ␉ are often boxes
BEGUN = "‹"  # for the bytes of a character that a later token completes
CIRCLE = "◌"  # what a combining mark stands on at the beginning of a token

_PIECES = re.compile("[\udc80-\udcff]+|[\U0001f1e6-\U0001f1ff]{2}|.", re.DOTALL)  # stray bytes, flags, characters


@dataclass(frozen=True)
class TokenRows:
    """The tokens `start` to `stop` of a file. first: the row in which each of them begins."""

    start: int
    stop: int
    rows: tuple[tuple[TokenPart, ...], ...]
    first: tuple[int, ...]
    mark: int | None  # the row of the line between training and validation; it has no pieces

    def row_of(self, token: int) -> int:
        return self.first[token - self.start]

    def token_at(self, row: int, column: int) -> int | None:
        """The token in a cell, or the nearest in its row; None for the line between the sides."""
        if not 0 <= row < len(self.rows) or not self.rows[row]:
            return None
        x = 0
        for token, text in self.rows[row]:
            x += cell_len(text)
            if column < x:
                return token
        return self.rows[row][-1][0]

    def column_of(self, token: int) -> int:
        """Where a token begins in its row."""
        pieces = self.rows[self.row_of(token)]
        return sum(cell_len(text) for _, text in pieces[: bisect_right(pieces, token - 1, key=lambda piece: piece[0])])


def token_text(data: bytes) -> str:
    """The text of a token by itself, a line break after each ⏎; what a terminal must not get is spelled out.

    Bytes that are no UTF-8 alone, as where a character takes two tokens, are shown as ‹e0 b8›.
    """
    return _spelled(data.decode("utf-8", "surrogateescape"))


def token_texts(tokens: Iterable[bytes | None]) -> list[str]:
    """The texts of tokens that follow one another; None is the end of a document.

    A character that several tokens make together stands in the last of them, and BEGUN in the others.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    shown: list[str] = []
    for data in tokens:
        text = _spelled(decoder.decode(data or b"", final=data is None))
        shown.append(text + (END_OF_DOCUMENT if data is None else BEGUN if decoder.getstate()[0] else ""))
    return shown


def label(text: str) -> str:
    """A token's text in one line, in quotes."""
    return f'"{_spelled(text).replace("⏎" + chr(10), "⏎")}"'


@lru_cache(1 << 16)
def _spelled(text: str) -> str:
    shown = "".join(map(_shown, _PIECES.findall(text)))
    return CIRCLE + shown if text and _combines(text[0]) else shown


def _shown(piece: str) -> str:
    if piece == "\n":
        return "⏎\n"
    if piece in MARKS:
        return MARKS[piece]
    if len(piece) > 1 or "\udc80" <= piece <= "\udcff":
        return spelled_bytes(piece)
    if (safe := visible(piece)) != piece or _combines(piece):
        return safe
    if piece.isprintable() and cell_len(piece) and not "\U0001f1e6" <= piece <= "\U0001f1ff":
        return piece
    return f"‹U+{ord(piece):04X}›"  # directions, joiners, half a flag: they would move or change other text


def _combines(char: str) -> bool:
    return unicodedata.category(char).startswith("M") and not "\ufe00" <= char <= "\ufe0f"


def lay_out(
    texts: Sequence[str],
    width: int,
    *,
    start: int = 0,
    border: int | None = None,
    bar: str = "",
) -> TokenRows:
    """Rows of at most `width` cells. texts: of the tokens. start: the place of the first token in the file.

    border: the place of the first validation token, before which a row is left for a line. bar: put between tokens.
    """
    rows: list[tuple[TokenPart, ...]] = []
    row: list[TokenPart] = []
    first: list[int] = []
    used, mark = 0, None
    width = max(1, width)

    def end_row() -> None:
        nonlocal used
        rows.append(tuple(row))
        row.clear()
        used = 0

    for token, whole in enumerate(texts, start):
        if token == border:
            if row:
                end_row()
            mark = len(rows)
            end_row()
        parts = whole.split("\n")
        if used and used + cell_len(bar) + min(cell_len(parts[0]), width) > width:
            end_row()
        first.append(len(rows))
        for n, part in enumerate(parts):
            if n:
                end_row()
            text = (bar if row and n == 0 else "") + part
            for chunk in _chunks(text, width):
                if used and used + cell_len(chunk) > width:
                    end_row()
                row.append((token, chunk))
                used += cell_len(chunk)
    if row:
        end_row()
    return TokenRows(start, start + len(texts), tuple(rows), tuple(first), mark)


def _chunks(text: str, width: int) -> list[str]:
    """A text cut where it is wider than a row."""
    if cell_len(text) <= width:
        return [text] if text else []
    chunks, chunk = [], ""
    for char in text:
        if chunk and cell_len(chunk + char) > width:
            chunks.append(chunk)
            chunk = ""
        chunk += char
    return [*chunks, chunk]
