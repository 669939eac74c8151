"""The loss of an n-gram model on the validation tokens, as logs, screens and reports hold it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Baseline:
    """Losses in nats per token on the validation tokens, each but the first predicted from those before it."""

    order: int  # chosen on the training tokens
    loss: float  # of that order
    order_losses: tuple[float, ...] = field(compare=False)  # of orders 1, 2, …; () if read from a log
    unigram: float  # NaN in old logs
    uniform: float  # ln n_vocab
    bits_per_byte: float  # NaN in old logs, which lack the number of bytes
    note: str  # what was left out, or ""

    @property
    def name(self) -> str:
        return f"{self.order}-gram"


def bits_per_byte(loss: float, tokens: int, n_bytes: int) -> float:
    """A loss in nats per token as bits per byte of text, which does not depend on the vocabulary."""
    return loss * tokens / (n_bytes * math.log(2))
