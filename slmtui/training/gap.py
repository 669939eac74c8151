"""The gap between validation and training loss, and the house scale that names it.

The gap is signed and in nats per token: val − train. The scale takes its size, because a large negative gap is as
strange as a large positive one: it says that the two sides of the split are not alike.
"""

from __future__ import annotations

from slmtui.data.baseline import Baseline

SCALE: tuple[tuple[float, str], ...] = ((0.5, "excellent"), (1.0, "good"), (3.0, "moderate"), (5.0, "severe"))
WORST = "catastrophic"


def verdict(gap: float) -> str:
    """The class of a gap on the house scale: excellent below 0.5, good below 1, and so on."""
    return next((word for limit, word in SCALE if abs(gap) < limit), WORST)


def above_baseline(val_loss: float, baseline: Baseline | None) -> bool:
    """Whether counting does better than the network alone: then its gap, however small, earns no praise."""
    return baseline is not None and val_loss > baseline.loss
