"""What is mixed into a network's predictions, token by token; and the n-gram model as the simplest of it.

With the n-gram model, p = (1 − m) p_network + m p_ngram. The network sees at most `block_size` tokens back; the n-gram
model sees order − 1, no matter where a window begins.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor

from slmtui.data.ngram import KneserNey

if TYPE_CHECKING:
    from slmtui.model.gpt import GPT

TOKENS_AT_ONCE = 1_000_000  # chunk size for the losses of a text, which bounds the memory for a long one


@dataclass(frozen=True)
class Counted:
    """What counting alone says of a token."""

    p: float
    matched: int  # how much of the text before it stands in a text that was counted, at most; 0: too little to tell
    unit: str  # "byte" or "token"


class Continued(Protocol):
    """Texts that go on, token by token. They come and go."""

    def probabilities(self, network: Tensor) -> Tensor:
        """The network's probabilities of each text's next token, (B, V), mixed."""

    def append(self, tokens: Sequence[int]) -> list[Counted]:
        """The token that each text goes on with; what counting alone had said of it."""

    def go_on(self, tokens: Sequence[int]) -> None:
        """The same, where nobody asks what counting had said."""

    def join(self, prompt: np.ndarray) -> None:
        """One more text, (n,) ids, after those that are there."""

    def leave(self, row: int) -> None:
        """Let go of a text; the last one takes its place."""


class Mixture(Protocol):
    """A model of the training text that predicts together with a network."""

    @property
    def most_rows(self) -> int:
        """How many texts may be continued at once without taking too much memory."""

    def begin(self, prompts: Sequence[np.ndarray]) -> Continued:
        """Texts, (n,) ids each, any n, that are to be continued."""


@dataclass(frozen=True)
class NgramMixture:
    ngram: KneserNey
    share: float  # m, the n-gram model's weight, above 0 and below 1
    most_rows: int = 1 << 16

    def begin(self, prompts: Sequence[np.ndarray]) -> NgramContinued:
        return NgramContinued(self, prompts)

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


class NgramContinued:
    """Texts that go on, of which the n-gram model sees the end."""

    def __init__(self, mixture: NgramMixture, prompts: Sequence[np.ndarray]) -> None:
        self._mixture = mixture
        self._reach = mixture.ngram.order - 1
        self._ends = [self._end(prompt) for prompt in prompts]

    def probabilities(self, network: Tensor) -> Tensor:
        """The network's probabilities of each text's next token, (B, V), mixed."""
        mixture = self._mixture
        ngram = torch.from_numpy(mixture.ngram.distributions(self._ends)).to(network)
        return (1 - mixture.share) * network + mixture.share * ngram

    def append(self, tokens: Sequence[int]) -> list[Counted]:
        counted = []
        for row, token in enumerate(tokens):
            end, ngram = self._ends[row], self._mixture.ngram
            p = math.exp(-ngram.losses(np.append(end, token))[-1])
            counted.append(Counted(p, ngram.longest_context(end), "token"))
        self.go_on(tokens)
        return counted

    def go_on(self, tokens: Sequence[int]) -> None:
        self._ends = [self._end(np.append(end, token)) for end, token in zip(self._ends, tokens, strict=True)]

    def join(self, prompt: np.ndarray) -> None:
        self._ends.append(self._end(prompt))

    def leave(self, row: int) -> None:
        self._ends[row] = self._ends[-1]
        self._ends.pop()

    def _end(self, text: np.ndarray) -> np.ndarray:
        return text[max(0, len(text) - self._reach) :]


@contextmanager
def network_alone(model: GPT) -> Iterator[None]:
    """Without what is mixed into a model's predictions."""
    mixture, model.mixture = model.mixture, None
    try:
        yield
    finally:
        model.mixture = mixture
