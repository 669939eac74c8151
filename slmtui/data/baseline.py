"""What counting reaches on the validation text, as logs, screens and reports hold it: the bars for a network.

A network that uses what it has learned, and no more, is static; one that goes on learning from the text that it has
predicted is adaptive. Each is compared with counting of the same way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Bar:
    """One counting model, named, and its loss."""

    model: str  # "a 7-gram model", in a sentence
    short: str  # "7-gram", beside a line of a chart
    title: str  # "counting (7-gram)", in a table
    loss: float  # nats per token of the phase's vocabulary
    bits_per_byte: float


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
    # Of a context mixer, which counts bytes in many contexts and also learns from each byte of the validation text,
    # once it has predicted it. None: not measured.
    adaptive_bits_per_byte: float | None = None

    @property
    def static(self) -> Bar:
        """Counting that learns from the training text alone, an n-gram model: the bar for a network as it is."""
        name = f"{self.order}-gram"
        return Bar(f"a {name} model", name, f"counting ({name})", self.loss, self.bits_per_byte)

    @property
    def adaptive(self) -> Bar | None:
        """Counting that learns as it goes, in many contexts: the bar for a model that does. None: not measured."""
        bits, name = self.adaptive_bits_per_byte, "counting, adaptive"
        return None if bits is None else Bar("an adaptive context mixer", name, name, self.nats(bits), bits)

    def bar(self, judged: str) -> Bar | None:
        """Counting of the same way as what is judged: "adaptive", or anything else, which is static."""
        return self.adaptive if judged == "adaptive" else self.static

    @property
    def bars(self) -> list[Bar]:
        """All that were measured, as a table has them: adaptive, then static."""
        return [bar for bar in (self.adaptive, self.static) if bar is not None]

    def bits(self, loss: float) -> float:
        """A loss on the validation text, in nats per token, as bits per byte."""
        return loss * self.bits_per_byte / self.loss if self.loss > 0 else math.nan

    def nats(self, bits: float) -> float:
        """A loss on the validation text, in bits per byte, as nats per token."""
        return bits * self.loss / self.bits_per_byte if self.bits_per_byte > 0 else math.nan


def bits_per_byte(loss: float, tokens: int, n_bytes: int) -> float:
    """A loss in nats per token as bits per byte of text, which does not depend on the vocabulary."""
    return loss * tokens / (n_bytes * math.log(2))
