"""The part of a chart that a person looks at: a range of x, a range of y, and how keys move and change them. Pure.

Ranges are in the units of the data; on a logarithmic axis they are halved and moved as they are drawn.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from slmtui.console.charts.spec import ChartSpec, Range

LEAST = 2.0  # of x: steps, tokens or seconds that stay in view
LEAST_LOG = 0.02  # in powers of ten, on a logarithmic axis


@dataclass(frozen=True)
class Zoom:
    """None is all there is: as far as the run is planned in x, and what is seen of the lines in y."""

    x: Range | None = None
    y: Range | None = None

    def of(self, spec: ChartSpec) -> ChartSpec:
        """The chart with this part of it."""
        y = None if self.y is not None and spec.log_y and self.y[0] <= 0.0 else self.y
        return replace(spec, x_limits=self.x or spec.x_limits, y_range=y, zoomed=self.x is not None)


def zoomed(now: Range, whole: Range, factor: float, around: float, *, log: bool, least: float = 0.0) -> Range | None:
    """`factor` times as wide, with `around` in the middle if the ends of `whole` allow it; None for all of that."""
    (low, high), (first, last), (middle,) = _drawn(now, log), _drawn(whole, log), _drawn((around,), log)
    width = max((high - low) * factor, LEAST_LOG if log else least)
    if width >= (last - first) * (1 - 1e-9):
        return None
    return _inside(middle - width / 2, width, (first, last), log)


def panned(now: Range, whole: Range, share: float, *, log: bool) -> Range:
    """Moved by a share of its width, as far as `whole` goes; one that lies outside already moves on from there."""
    (low, high), (first, last) = _drawn(now, log), _drawn(whole, log)
    start = low + share * (high - low)
    return _inside(start, high - low, (min(first, low), max(last, high)), log)


def brought_into(now: Range, x: float, *, log: bool) -> Range:
    """Moved just as far as it takes to have x in it."""
    (low, high), (at,) = _drawn(now, log), _drawn((x,), log)
    by = min(0.0, at - low) + max(0.0, at - high)
    return _data((low + by, high + by), log) if by else now


def _inside(start: float, width: float, whole: Range, log: bool) -> Range:
    start = max(whole[0], min(start, whole[1] - width))
    return _data((start, start + width), log)


def _drawn(values: tuple[float, ...], log: bool) -> tuple[float, ...]:
    return tuple(map(math.log10, values)) if log else values


def _data(values: Range, log: bool) -> Range:
    back: Callable[[float], float] = (lambda value: 10.0**value) if log else float
    return back(values[0]), back(values[1])
