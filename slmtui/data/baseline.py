"""What counting reaches on the tokens that a model is judged by, as logs, screens and reports hold it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Baseline:
    """Losses on the validation tokens in nats per token, each token but the first given those before it."""

    order: int  # chosen on the training tokens
    loss: float  # of that order
    order_losses: tuple[float, ...] = field(
        compare=False
    )  # orders 1, 2, …; what another choice would have given. () where a log tells it
    unigram: float  # NaN where an old log does not say it
    uniform: float  # ln n_vocab
    bits_per_byte: float  # NaN where an old log does not say how many bytes there were
    note: str  # what was left out, or ""

    @property
    def name(self) -> str:
        return f"{self.order}-gram"


def bits_per_byte(loss: float, tokens: int, n_bytes: int) -> float:
    """A loss in nats per token as bits per byte of text, which does not depend on the vocabulary."""
    return loss * tokens / (n_bytes * math.log(2))
