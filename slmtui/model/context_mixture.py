"""A network's predictions mixed with counts of bytes in many contexts (data/context_mixing/): static or adaptive.

Static, the counts are those of the training text. Adaptive, they learn on from each token of a text after it has been
predicted, and from a whole prompt before it is continued.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from slmtui.data.context_mixing.mixer import Branch, ContextMixer
from slmtui.data.context_mixing.static import CountedText
from slmtui.data.ngram_baseline import TOKEN_LIMIT, stretches
from slmtui.data.tokenizer import Tokenizer
from slmtui.model.mixture import Counted


@dataclass(frozen=True)
class ContextMixture:
    mixer: ContextMixer  # has read `text`; to read on, it is copied
    text: NDArray[Any]  # the training tokens that it was fitted on, (n,)
    adaptive: bool = True  # whether a completion learns from its prompt
    most_rows: int = 1  # they take turns in the counts
    _counted: dict[bytes, CountedText] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def fit(cls, train: NDArray[Any], tokenizer: Tokenizer) -> ContextMixture:
        """Fitted on the training tokens, (n,); of more than a million, on stretches. The same each time."""
        text = stretches(train, TOKEN_LIMIT)
        return cls(ContextMixer.fit(vocabulary(tokenizer), text), np.array(text, tokenizer.dtype))

    def deciding(self, *, adaptive: bool) -> ContextMixture:
        """The same, for completions that learn from their prompts, or do not."""
        return replace(self, adaptive=adaptive)

    def counted(self, tokens: NDArray[Any]) -> CountedText | None:
        """`ContextMixer.counted` of a text, (n,). It is kept, since a training asks at each evaluation."""
        key = sha256(tokens.tobytes()).digest()
        if key not in self._counted and (found := self.mixer.counted(tokens)) is not None:
            self._counted[key] = found
        return self._counted.get(key)

    def begin(self, prompts: Sequence[np.ndarray]) -> ContextContinued:
        return ContextContinued(self, prompts)


class ContextContinued:
    """Texts that go on, each with counts of its own."""

    def __init__(self, mixture: ContextMixture, prompts: Sequence[np.ndarray]) -> None:
        self._mixture = mixture
        self._branches: list[Branch] = []
        for prompt in prompts:
            self.join(prompt)

    def join(self, prompt: np.ndarray) -> None:
        self._branches.append(self._mixture.mixer.branch(prompt, adaptive=self._mixture.adaptive))

    def leave(self, row: int) -> None:
        self._branches[row] = self._branches[-1]
        self._branches.pop()

    def probabilities(self, network: Tensor) -> Tensor:
        """The network's probabilities of each text's next token, (B, V), mixed."""
        rows = network.cpu().double().numpy()
        mixed = [branch.distribution(row) for branch, row in zip(self._branches, rows, strict=True)]
        return torch.from_numpy(np.stack(mixed)).to(network)

    def append(self, tokens: Sequence[int]) -> list[Counted]:
        counted = []
        for branch, token in zip(self._branches, tokens, strict=True):
            matched = branch.matched
            counted.append(Counted(math.exp(-branch.append(token)), matched, "byte"))
        return counted


def vocabulary(tokenizer: Tokenizer) -> list[bytes]:
    """The bytes of each token; none for the end of a document."""
    return [tokenizer.token_bytes(token) for token in range(tokenizer.n_vocab)]
