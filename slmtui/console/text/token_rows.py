"""Tokens as rows of text on a screen: where each begins, with blanks and line ends made visible. Pure functions."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from slmtui.output import visible

TokenPart = tuple[int, str]  # the place of a token in the file, and what of it stands in this row
END_OF_DOCUMENT = "‹end›\n"
MARKS = {" ": "·", "\n": "⏎", "\t": "→"}  # signs that common terminal fonts have; ␠ and ␉ are often boxes


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
    """The text of a token, a line break after each ⏎; what a terminal must not get is spelled out.

    Bytes that are no UTF-8 alone, as where a character takes two tokens, are shown as ‹e2›.
    """
    return "".join(map(_shown, data.decode("utf-8", "surrogateescape")))


def label(text: str) -> str:
    """A token's text in one line, in quotes."""
    return f'"{"".join(map(_shown, text)).replace("⏎" + chr(10), "⏎")}"'


def _shown(char: str) -> str:
    if char == "\n":
        return "⏎\n"
    if char in MARKS:
        return MARKS[char]
    if "\udc80" <= char <= "\udcff":
        return f"‹{ord(char) - 0xDC00:02x}›"
    if (safe := visible(char)) != char or char.isprintable():
        return safe
    return f"‹U+{ord(char):04X}›"  # directions, joiners and the like: they would move other text about


def lay_out(
    ids: Sequence[int],
    text_of: Callable[[int], str],
    width: int,
    *,
    start: int = 0,
    border: int | None = None,
    bar: str = "",
) -> TokenRows:
    """Rows of at most `width` cells. start: the place of the first token in the file.

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

    for token, token_id in enumerate(ids, start):
        if token == border:
            if row:
                end_row()
            mark = len(rows)
            end_row()
        parts = text_of(token_id).split("\n")
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
    return TokenRows(start, start + len(ids), tuple(rows), tuple(first), mark)


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
