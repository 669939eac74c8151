"""What a measurement is told as: a row with its target, and rows as a Markdown table. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Row:
    """One line of the table. met: None where nothing was promised, or nothing could be found out.

    ratio, spread: of rows that are watched from run to run: how many times as fast, and how much that varied.
    """

    group: str
    name: str
    value: str
    target: str = ""
    met: bool | None = None
    note: str = ""
    ratio: float | None = None
    spread: float | None = None


def paired_ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """The median of the ratios of neighbours: what slows a machine down for a while slows both."""
    return median(a / b for a, b in zip(above, below, strict=True))


def spread(above: Sequence[float], below: Sequence[float]) -> float:
    """Half of the range of the middle half of those ratios."""
    ratios = [a / b for a, b in zip(above, below, strict=True)]
    return (percentile(ratios, 75) - percentile(ratios, 25)) / 2


def spread_of_least(above: Sequence[float], below: Sequence[float]) -> float:
    """Half of the difference between the ratios of the least in the even and in the odd turns."""
    even, odd = (min(above[first::2]) / min(below[first::2]) for first in (0, 1))
    return abs(even - odd) / 2


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least `percent` of all do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


def at_least(group: str, name: str, ratio: float, target: float, note: str = "") -> Row:
    """A row for a ratio that has to reach something."""
    return Row(group, name, f"{ratio:.3g}×", f"≥ {target:g}×", ratio >= target, note)


def seconds(value: float) -> str:
    """A time with three digits."""
    if value < 0.0995:
        return f"{value * 1000:.1f} ms" if value < 0.00995 else f"{value * 1000:.0f} ms"
    return f"{value:.2f} s" if value < 9.995 else f"{value:.0f} s"


def markdown(rows: Sequence[Row], about: Mapping[str, str] | None = None) -> str:
    """A table for each group, in the order in which the groups first come.

    about: for some groups, how all of their rows were measured.
    """
    tables = []
    for group in dict.fromkeys(row.group for row in rows):
        lines = [f"## {group}", ""]
        if about and group in about:
            lines += [about[group], ""]
        lines += ["| measured | result | target | met | details |", "|---|--:|--:|:-:|---|"]
        for row in (row for row in rows if row.group == group):
            met = "" if row.met is None else "yes" if row.met else "**no**"
            cells = (row.name, row.value, row.target, met, row.note)
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        tables.append("\n".join(lines))
    return "\n\n".join(tables)
