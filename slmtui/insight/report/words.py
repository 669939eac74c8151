"""Numbers and lists as a report says them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from slmtui.training.events import Evaluation


def number(value: float | None, form: str) -> str:
    """A real minus sign, and – for what is not there or not a number."""
    if value is None or not math.isfinite(value):
        return "–"
    return format(value, form).replace("-", "−")


def val_loss(evaluation: Evaluation) -> str:
    """4.1234, and with a mixture "4.1234 (mixed 3.9876)"."""
    mixed = "" if evaluation.mixed_loss is None else f" (mixed {number(evaluation.mixed_loss, '.4f')})"
    return number(evaluation.val_loss, ".4f") + mixed


def percent(share: float) -> str:
    """96 %; never 0 % or 100 % of what is only nearly so."""
    rounded = round(100 * share)
    if rounded == 0 and share > 0:
        return "< 1 %"
    if rounded == 100 and share < 1:
        return "> 99 %"
    return f"{rounded} %"


def plural(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def clipped(text: str, most: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"


def listed(names: Sequence[str]) -> str:
    """a, b and c."""
    return " and ".join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else "".join(names)


def one_of(evaluations: Sequence[Evaluation], most: int, keep: Evaluation | None) -> list[Evaluation]:
    """At most about `most` of them, evenly, with the first, the last and `keep`."""
    every = -(-len(evaluations) // most)
    last = len(evaluations) - 1
    return [e for i, e in enumerate(evaluations) if i % every == 0 or i == last or e is keep]
