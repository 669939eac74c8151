"""What only a report says: the losses of mixtures, and a choice of what there is."""

from __future__ import annotations

from collections.abc import Sequence

from slmtui.training.events import Evaluation, mixtures
from slmtui.words import number


def val_loss(evaluation: Evaluation) -> str:
    """4.1234, and with a mixture "4.1234 (mixed 3.9876)" or "4.1234 (static 3.9876, adaptive 3.8765)"."""
    mixed = ", ".join(f"{name} {number(loss, '.4f')}" for name, loss, _ in mixtures(evaluation))
    return number(evaluation.val_loss, ".4f") + (f" ({mixed})" if mixed else "")


def clipped(text: str, most: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"


def one_of(evaluations: Sequence[Evaluation], most: int, keep: Evaluation | None) -> list[Evaluation]:
    """At most about `most` of them, evenly, with the first, the last and `keep`."""
    every = -(-len(evaluations) // most)
    last = len(evaluations) - 1
    return [e for i, e in enumerate(evaluations) if i % every == 0 or i == last or e is keep]
