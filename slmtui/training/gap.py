"""The gap between validation and training loss, and the house scale that classifies it.

The gap, val − train, is signed and in nats per token. It is meaningful only if the model has learned something: one
that has not predicts no text better than any other. The scale uses the absolute value, because a large negative gap is
as suspicious as a large positive one: it means that the two sides of the split differ.
"""

from __future__ import annotations

from slmtui.data.baseline import Baseline
from slmtui.training.uniform import has_learned

SCALE: tuple[tuple[float, str], ...] = ((0.5, "excellent"), (1.0, "good"), (3.0, "moderate"), (5.0, "severe"))
ALIKE = 0.01  # nats: two losses on one text that differ by less are a tie
WORST = "catastrophic"
LIMITS = tuple(limit for limit, _ in SCALE)
WORDS = (*(word for _, word in SCALE), WORST)


def class_of(gap: float) -> int:
    """The number of limits of the scale that a gap has reached: from 0, excellent, to 4, catastrophic."""
    return sum(not abs(gap) < limit for limit in LIMITS)


def verdict(gap: float) -> str:
    """The class of a gap on the house scale: excellent below 0.5, good below 1, and so on."""
    return WORDS[class_of(gap)]


def verdict_of(gap: float, val_loss: float, n_vocab: int, step: int) -> str:
    """The class of a model's gap; "" if the model has learned nothing, since its gap then means nothing."""
    return verdict(gap) if has_learned(val_loss, n_vocab, step) else ""


def in_words(gap: float, word: str) -> str:
    """The gap and its class, as in "+0.31 excellent"; only the number if there is no class."""
    return f"{gap:+.2f} {word}".rstrip()


def above_baseline(val_loss: float, baseline: Baseline | None) -> bool:
    """Whether an n-gram model beats the network alone: then even a small gap is nothing to praise."""
    return baseline is not None and val_loss - baseline.loss >= ALIKE
