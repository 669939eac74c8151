"""An n-gram model mixed into a network's predictions, token by token: p = (1 − m) p_network + m p_ngram.

The network sees at most `block_size` tokens back; the n-gram model sees order − 1, no matter where a window begins.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from slmtui.data.ngram import KneserNey

if TYPE_CHECKING:
    from slmtui.model.gpt import GPT

TOKENS_AT_ONCE = 1_000_000  # chunk size for the losses of a text, which bounds the memory for a long one


@dataclass(frozen=True)
class Mixture:
    ngram: KneserNey
    share: float  # m, the n-gram model's weight, above 0 and below 1

    def probabilities(self, network: Tensor, rows: Sequence[Tensor]) -> Tensor:
        """The network's probabilities of the next token, (B, V), mixed; rows: the text so far, (n,) ids each, any n."""
        reach = self.ngram.order - 1
        contexts = [row[max(0, len(row) - reach) :].cpu().numpy() for row in rows]
        ngram = torch.from_numpy(self.ngram.distributions(contexts)).to(network)
        return (1 - self.share) * network + self.share * ngram

    def losses(self, network: Tensor, ngram: Tensor) -> Tensor:
        """−ln p of n tokens under the mixture, (n,), from the loss that each of the two models has for them, (n,)."""
        return -torch.logaddexp(math.log1p(-self.share) - network, math.log(self.share) - ngram)

    def ngram_losses(self, tokens: np.ndarray) -> Tensor:
        """The n-gram model's loss for each token of a text, (n,) float32, in nats; the first has no context."""
        losses = np.empty(len(tokens), np.float32)
        for start in range(0, len(tokens), TOKENS_AT_ONCE):
            known = min(start, self.ngram.order - 1)
            losses[start : start + TOKENS_AT_ONCE] = self.ngram.losses(tokens[start - known : start + TOKENS_AT_ONCE])[
                known:
            ]
        return torch.from_numpy(losses)


@contextmanager
def network_alone(model: GPT) -> Iterator[None]:
    """Without the n-gram model that is mixed into a model's predictions."""
    mixture, model.mixture = model.mixture, None
    try:
        yield
    finally:
        model.mixture = mixture
