"""What a chart does to numbers before it draws them: thin them out, average them, smooth them. Pure functions.

Everywhere xs are in ascending order, and a y that is not finite is a gap.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

Numbers = NDArray[np.float64]


def decimate(
    xs: ArrayLike, ys: ArrayLike, columns: int, limits: tuple[float, float] | None = None
) -> tuple[Numbers, Numbers]:
    """The points that can be seen when x is drawn in `columns` columns, at their own places.

    Each column keeps its lowest and its highest point, in their order, so a spike of one step is never lost; where a
    column holds a gap, a point of NaN follows. At most three points a column. limits: the x at the left and right edge
    (of the data by default); points outside are left out.
    """
    x, y = _arrays(xs, ys)
    if limits is not None:
        inside = slice(int(np.searchsorted(x, limits[0], "left")), int(np.searchsorted(x, limits[1], "right")))
        x, y = x[inside], y[inside]
    if x.size <= 2 * columns:
        return x, np.where(np.isfinite(y), y, np.nan)
    out_x: list[float] = []
    out_y: list[float] = []
    for start, end in _columns(x, columns, limits):
        part = y[start:end]
        finite = np.isfinite(part)
        whole = bool(finite.all())
        if whole or finite.any():
            low = int(np.argmin(part if whole else np.where(finite, part, np.inf)))
            upwards = part if whole else np.where(finite, part, -np.inf)
            high = part.size - 1 - int(np.argmax(upwards[::-1]))  # the last one: a level line keeps both its ends
            for at in sorted({low, high}):
                out_x.append(float(x[start + at]))
                out_y.append(float(part[at]))
        if not whole:
            out_x.append(float(x[end - 1]))
            out_y.append(math.nan)
    return np.array(out_x), np.array(out_y)


def crossing(xs: Numbers, ys: Numbers, at: float, scale: Callable[[float], float]) -> float:
    """The y, scaled as it is drawn, at which the line passes x = at; NaN if a point lies there, or none on a side."""
    after = int(np.searchsorted(xs, at))
    if not 0 < after < xs.size or xs[after] == at:
        return math.nan
    left, right = scale(float(ys[after - 1])), scale(float(ys[after]))
    return left + (right - left) * float((at - xs[after - 1]) / (xs[after] - xs[after - 1]))


def clipped(xs: Sequence[float], ys: Sequence[float], low: float, high: float) -> tuple[list[float], list[float]]:
    """The line between two heights: it ends where it leaves them, with a gap until it is back."""
    points: list[tuple[float, float]] = []
    before_x = before_y = math.nan
    for x, y in zip(xs, ys, strict=True):
        for height in (low, high) if before_y < y else (high, low):
            if min(before_y, y) < height < max(before_y, y):
                points.append((before_x + (x - before_x) * (height - before_y) / (y - before_y), height))
        points.append((x, y if low <= y <= high else math.nan))
        before_x, before_y = x, y
    return [x for x, _ in points], [y for _, y in points]


def averages(
    xs: ArrayLike, ys: ArrayLike, columns: int, limits: tuple[float, float] | None = None
) -> tuple[Numbers, Numbers]:
    """The mean of each column's finite points, at the mean of their places; a column without any is a gap."""
    x, y = _arrays(xs, ys)
    if x.size <= columns:
        return x, y
    out_x: list[float] = []
    out_y: list[float] = []
    for start, end in _columns(x, columns, limits):
        part = y[start:end]
        finite = np.isfinite(part)
        out_x.append(float(x[start:end].mean()))
        out_y.append(float(part[finite].mean()) if finite.any() else math.nan)
    return np.array(out_x), np.array(out_y)


def smooth(ys: ArrayLike, weight: float) -> Numbers:
    """The exponential moving average: each point is `weight` of the past and 1 − weight of itself.

    The start is not pulled to zero: the weights of what has been seen so far always add up to one (the bias correction
    of Adam, arXiv:1412.6980). Gaps stay gaps and are not remembered. weight: from 0, no smoothing, to below 1.
    """
    if not 0.0 <= weight < 1.0:
        raise ValueError(f"the weight of a moving average lies between 0 and 1; got {weight}")
    out: list[float] = []
    average = seen = 0.0
    for y in np.asarray(ys, dtype=np.float64).tolist():
        if math.isfinite(y):
            average = weight * average + (1.0 - weight) * y
            seen = weight * seen + (1.0 - weight)
        out.append(average / seen if math.isfinite(y) else math.nan)
    return np.array(out)


def nearest(xs: ArrayLike, ys: ArrayLike, at: float) -> tuple[float, float] | None:
    """The finite point whose x is closest to `at`; None where there is none."""
    x, y = _arrays(xs, ys)
    finite = np.isfinite(y)
    x, y = x[finite], y[finite]
    if x.size == 0:
        return None
    right = min(int(np.searchsorted(x, at)), x.size - 1)
    left = max(right - 1, 0)
    index = left if abs(x[left] - at) <= abs(x[right] - at) else right
    return float(x[index]), float(y[index])


def _arrays(xs: ArrayLike, ys: ArrayLike) -> tuple[Numbers, Numbers]:
    x, y = np.asarray(xs, dtype=np.float64), np.asarray(ys, dtype=np.float64)
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(f"a series needs as many xs as ys; got {x.shape} and {y.shape}")
    return x, y


def _columns(x: Numbers, columns: int, limits: tuple[float, float] | None) -> list[tuple[int, int]]:
    """Where each column's points start and end; only the columns that have any."""
    left, right = limits if limits is not None else (float(x[0]), float(x[-1]))
    edges = np.searchsorted(x, np.linspace(left, right, columns + 1)[1:-1], "left").tolist()
    borders = [0, *edges, x.size]
    return [(a, b) for a, b in pairwise(borders) if a < b]
