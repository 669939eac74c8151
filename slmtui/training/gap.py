"""The gap between validation and training loss, and the house scale that names it.

It says something only of a model that has learned something: one that has not knows no text better than another.
The gap is signed and in nats per token: val − train. The scale takes its size, because a large negative gap is as
strange as a large positive one: it says that the two sides of the split are not alike.
"""

from __future__ import annotations

from slmtui.data.baseline import Baseline
from slmtui.training.uniform import has_learned

SCALE: tuple[tuple[float, str], ...] = ((0.5, "excellent"), (1.0, "good"), (3.0, "moderate"), (5.0, "severe"))
WORST = "catastrophic"
LIMITS = tuple(limit for limit, _ in SCALE)
WORDS = (*(word for _, word in SCALE), WORST)


def class_of(gap: float) -> int:
    """How many limits of the scale a gap has reached: 0 excellent to 4 catastrophic."""
    return sum(not abs(gap) < limit for limit in LIMITS)


def verdict(gap: float) -> str:
    """The class of a gap on the house scale: excellent below 0.5, good below 1, and so on."""
    return WORDS[class_of(gap)]


def verdict_of(gap: float, val_loss: float, n_vocab: int) -> str:
    """The class of a model's gap; "" for a model that has learned nothing, whose gap deserves no word."""
    return verdict(gap) if has_learned(val_loss, n_vocab) else ""


def in_words(gap: float, word: str) -> str:
    """+0.31 excellent; only the number where there is no word for it."""
    return f"{gap:+.2f} {word}".rstrip()


def above_baseline(val_loss: float, baseline: Baseline | None) -> bool:
    """Whether counting does better than the network alone: then its gap, however small, earns no praise."""
    return baseline is not None and val_loss > baseline.loss
