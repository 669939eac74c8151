"""A sheet of cells to draw on: in each a character and the role it plays."""

from __future__ import annotations

import unicodedata
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len

from slmtui.console.charts.palette import Role
from slmtui.console.charts.raster import SPACE, Cells, over

CellRow = tuple[tuple[str, Role], ...]  # pieces of text, left to right
FILLER = "\0"  # in the cell after a letter that takes two


def laid_out(text: str) -> str:
    """The text with a letter for each cell that it takes; marks that take none are left out."""
    if text.isascii():
        return text
    sizes = ((char, cell_len(char)) for char in unicodedata.normalize("NFC", text))
    return "".join(char + FILLER * (size - 1) for char, size in sizes if size)


class Drawing:
    """The sheet, and the canvas on it: the part between the axes. Row 0 is the top of both."""

    def __init__(self, width: int, height: int) -> None:
        self.width = max(0, width)
        self.height = max(0, height)
        self.cells = np.full((self.height, self.width), SPACE, dtype=np.uint32)
        self.roles: NDArray[np.object_] = np.full((self.height, self.width), "", dtype=object)
        self.left = 0  # columns left of the canvas
        self.columns = 0  # of the canvas
        self.canvas_rows = 0

    def put(self, row: int, column: int, text: str, role: Role) -> None:
        """Write text; what does not fit is left out."""
        if 0 <= row < self.height:
            whole = laid_out(text)
            text = whole[max(0, -column) : max(0, self.width - column)]
            if text.startswith(FILLER):
                text = f" {text[1:]}"
            if text and whole[max(0, -column) + len(text) :].startswith(FILLER):
                text = f"{text[:-1]} "
            start, end = max(0, column), max(0, column) + len(text)
            self.cells[row, start:end] = [ord(char) for char in text]
            self.roles[row, start:end] = role

    def put_line(self, line: Cells, role: Role) -> None:
        """Lay a drawing of the size of the canvas over it."""
        rows, columns = slice(0, self.canvas_rows), slice(self.left, self.left + self.columns)
        self.cells[rows, columns] = over(self.cells[rows, columns], line)
        self.roles[rows, columns][line != SPACE] = role

    def is_free(self, row: int, column: int, length: int) -> bool:
        return bool((self.cells[row, column : column + length] == SPACE).all())

    def rows(self, *, colour: bool = True) -> list[CellRow]:
        return [self._row(row, colour) for row in range(self.height)]

    def _row(self, row: int, colour: bool) -> CellRow:
        text = self.cells[row].tobytes().decode("utf-32-le")
        roles: list[Role] = [
            role if colour and char != " " else "" for char, role in zip(text, self.roles[row], strict=True)
        ]
        pieces: list[tuple[str, Role]] = []
        at = 0
        for role, same in groupby(roles):
            end = at + len(list(same))
            pieces.append((text[at:end].replace(FILLER, ""), role))
            at = end
        return tuple(pieces)
