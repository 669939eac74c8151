"""Axes: limits that move in steps, ticks at round numbers, and how numbers are written on them. Pure functions.

A chart whose limits follow its data to the last digit changes in every cell with every point, which is restless to look
at and slow over a thin line. So limits lie on a grid of round numbers and change only when the data cross it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from slmtui import words

ROUND = (1.0, 2.0, 5.0, 10.0)
ROUND_FINE = (1.0, 2.0, 2.5, 5.0, 10.0)
CLOCK = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)  # seconds
MINUS = "−"

Format = Callable[[float], str]


@dataclass(frozen=True)
class Axis:
    """low and high in the units that are drawn, which for a logarithmic axis are powers of ten."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]

    def place(self, value: float, cells: int) -> int:
        """The cell of a value, from 0 at `low` to cells − 1 at `high`."""
        return math.floor(0.5 + (cells - 1) * (value - self.low) / (self.high - self.low) + 1e-9)


def y_axis(low: float, high: float, rows: int, *, signed: bool = False) -> Axis:
    """An axis for values between low and high, with a tick every few rows.

    A range that starts near zero starts at zero. signed: write a plus before what is above zero.
    """
    low, high = _apart(low, high)
    if 0.0 < low < 0.3 * high:
        low = 0.0
    step = _step((high - low) / max(1.5, min(8.0, rows / 2.5)), ROUND)
    half = step / 2  # the grid that the limits lie on
    bottom, top = math.floor(low / half + 1e-9) * half, math.ceil(high / half - 1e-9) * half
    return Axis(bottom, top, _ticks(bottom, top, step, signed=signed))


def exact_axis(low: float, high: float, rows: int, *, signed: bool = False, log: bool = False) -> Axis:
    """An axis with exactly these limits, and the ticks that the others would have between them."""
    if log:
        around = fine_log_axis(low, high, rows)
        low, high = math.log10(low), math.log10(high)
    else:
        around = y_axis(low, high, rows, signed=signed)
    return Axis(low, high, tuple((value, label) for value, label in around.ticks if low <= value <= high))


def log_axis(low: float, high: float, rows: int) -> Axis:
    """A logarithmic axis for positive values; its limits are 1, 2 or 5 times a power of ten."""
    low, high = _apart(low, high)
    bottom = max(value for value in _log_grid(low / 10, high) if value <= low * (1 + 1e-9))
    top = min(value for value in _log_grid(low, high * 10) if value >= high * (1 - 1e-9))
    values = _log_grid(bottom, top)
    while len(values) > max(2, rows // 2):
        decades = [value for value in values if math.isclose(value, 10.0 ** round(math.log10(value)))]
        values = decades if len(decades) < len(values) and len(decades) >= 2 else values[:: len(values) - 1]
    places = _places(min(values))
    labels = tuple((math.log10(value), _number(value, places)) for value in values)
    return Axis(math.log10(bottom), math.log10(top), labels)


def fine_log_axis(low: float, high: float, rows: int) -> Axis:
    """The same for values of which the largest is less than three times the smallest: with ticks at round numbers, as
    few of them are 1, 2 or 5 times a power of ten."""
    low, high = _apart(low, high)
    if low <= 0.0 or high >= 3.0 * low:
        return log_axis(low, high, rows)
    plain = y_axis(low, high, rows)
    return Axis(
        math.log10(plain.low), math.log10(plain.high), tuple((math.log10(value), label) for value, label in plain.ticks)
    )


def x_axis(low: float, high: float, columns: int, *, clock: bool = False) -> Axis:
    """An axis of counts with exactly these limits, since the end of a run is planned; clock: x is in seconds."""
    low, high = _apart(low, high)
    width = 3 * len(words.clock(high) if clock else f"{high:,.0f}") // 2 + 3  # the last number is not centred
    wish = (high - low) / max(1, min(8, columns // width))
    if clock:
        step = next((float(s) for s in CLOCK if s >= wish), math.ceil(wish / 86400) * 86400.0)
        return Axis(low, high, tuple((value, words.clock(value)) for value in _multiples(low, high, step)))
    step = _step(wish, ROUND_FINE)
    return Axis(low, high, _ticks(low, high, max(1.0, step), signed=False))


def signed_number(value: float, places: int = 2) -> str:
    text = f"{abs(value):,.{places}f}"
    if not text.strip("0.,"):
        return text
    return f"+{text}" if value > 0 else f"{MINUS}{text}"


def _apart(low: float, high: float) -> tuple[float, float]:
    """Limits that are never the same number."""
    size = max(abs(low), abs(high))
    if high - low > 1e-9 * size:
        return low, high
    half = 0.1 * size or 0.5
    return low - half, high + half


def _step(wish: float, grid: tuple[float, ...]) -> float:
    """The smallest round number that is at least `wish`."""
    power = 10.0 ** math.floor(math.log10(wish))
    return next(power * factor for factor in grid if power * factor >= wish * (1 - 1e-9))


def _multiples(low: float, high: float, step: float) -> list[float]:
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def _ticks(low: float, high: float, step: float, *, signed: bool) -> tuple[tuple[float, str], ...]:
    places = _places(step)
    write: Format = (lambda v: signed_number(v, places)) if signed else (lambda v: _number(v, places))
    return tuple((value, write(value)) for value in _multiples(low, high, step))


def _places(step: float) -> int:
    """Decimals that a multiple of `step` needs."""
    return next((n for n in range(12) if math.isclose(round(step, n), step, rel_tol=1e-6)), 12)


def _number(value: float, places: int) -> str:
    if places > 6 or abs(value) >= 1e12:
        return f"{value:.1e}".replace("-", MINUS)
    text = f"{abs(value):,.{places}f}"
    return f"{MINUS}{text}" if value < 0 and text.strip("0.,") else text


def _log_grid(low: float, high: float) -> list[float]:
    """All 1, 2 and 5 times a power of ten between the two, both included."""
    powers = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 2)
    values = (float(f"{factor}e{power}") for power in powers for factor in (1, 2, 5))
    return [value for value in values if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]
