"""A study's cells as a grid: what varies last across, all combinations of the rest down. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from slmtui.config.errors import shown
from slmtui.config.study import Cell

LEVELS = 5  # of means, from the best to the worst
SHADES = "█▓▒░ "  # one for each level: an order that needs no colour
VARIANT = "variant"


@dataclass(frozen=True)
class Grid:
    """cells: places in the study's list of cells, row by row; None where there is no such cell."""

    row_title: str
    column_title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[tuple[int | None, ...], ...]

    def place(self, cell: int) -> tuple[int, int]:
        """Row and column of a cell; the first ones where it is not there."""
        for row, cells in enumerate(self.cells):
            if cell in cells:
                return row, cells.index(cell)
        return 0, 0

    def name(self, cell: int) -> str:
        """A cell by the values that tell it apart, without their keys: `32 · 6000 · good`."""
        row, column = self.place(cell)
        return " · ".join(words for words in (self.rows[row], self.columns[column]) if words)


def grid_of(cells: Sequence[Cell]) -> Grid:
    keys = _varying(cells)
    across, down = keys[-1:], keys[:-1]
    rows: dict[tuple[str, ...], int] = {}
    columns: dict[tuple[str, ...], int] = {}
    at: dict[tuple[int, int], int] = {}
    for number, cell in enumerate(cells):
        row = rows.setdefault(tuple(_value(cell, key) for key in down), len(rows))
        column = columns.setdefault(tuple(_value(cell, key) for key in across), len(columns))
        at[row, column] = number
    return Grid(
        " · ".join(map(_short, down)), " · ".join(map(_short, across)),
        tuple(" · ".join(values) for values in rows), tuple(" · ".join(values) or "as it is" for values in columns),
        tuple(tuple(at.get((row, column)) for column in range(len(columns))) for row in range(len(rows))),
    )  # fmt: skip


def level(mean: float, means: Sequence[float]) -> int:
    """From 0, the best, to LEVELS − 1, the worst of these means."""
    low, high = min(means), max(means)
    return min(LEVELS - 1, int(LEVELS * (mean - low) / (high - low))) if high > low else 0


def _varying(cells: Sequence[Cell]) -> list[str]:
    """What tells the cells apart: keys of the grid in their order, then the variant, which stands for all its keys."""
    alike = [cell for cell in cells if cell.variant == cells[0].variant]
    keys = [key for key in alike[0].values if len({_value(cell, key) for cell in alike}) > 1]
    return [*keys, VARIANT] if len(alike) < len(cells) else keys


def _value(cell: Cell, key: str) -> str:
    return cell.variant if key == VARIANT else shown(cell.values.get(key)).strip('"')


def _short(key: str) -> str:
    return key.rpartition(".")[2]
