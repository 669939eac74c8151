"""A network's predictions mixed with counts of bytes in many contexts (data/context_mixing/): static or adaptive.

Static, the counts are those of the training text. Adaptive, they learn on from each token of a text after it has been
predicted, and from a whole prompt before it is continued.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from slmtui.data.context_mixing.branch import Branch
from slmtui.data.context_mixing.mixer import ContextMixer
from slmtui.data.context_mixing.static import CountedText
from slmtui.data.ngram_baseline import TOKEN_LIMIT, stretches
from slmtui.data.tokenizer import Tokenizer
from slmtui.model.mixture import Counted

MEMORY_BESIDE = 256 << 20  # bytes of further copies of the counts, for texts that go on at once


@dataclass(frozen=True)
class ContextMixture:
    mixer: ContextMixer  # has read `text`; to read on, it is copied
    text: NDArray[Any]  # the training tokens that it was fitted on, (n,)
    adaptive: bool = True  # whether a completion learns from its prompt
    most_rows: int = 1  # they take turns in the counts
    _counted: dict[bytes, CountedText] = field(default_factory=dict, compare=False, repr=False)
    _beside: list[ContextMixer] = field(default_factory=list, compare=False, repr=False)

    @classmethod
    def fit(cls, train: NDArray[Any], tokenizer: Tokenizer) -> ContextMixture:
        """Fitted on the training tokens, (n,); of more than a million, on stretches. The same each time."""
        text = stretches(train, TOKEN_LIMIT)
        mixer = ContextMixer.fit(vocabulary(tokenizer), text, bpe=tokenizer.kind == "bpe")
        return cls(mixer, np.array(text, tokenizer.dtype))

    def deciding(self, *, adaptive: bool) -> ContextMixture:
        """The same, for completions that learn from their prompts, or do not."""
        return replace(self, adaptive=adaptive)

    def counted(self, tokens: NDArray[Any]) -> CountedText:
        """`ContextMixer.counted` of a text, (n,). It is kept, since a training asks at each evaluation."""
        key = sha256(tokens.tobytes()).digest()
        if key not in self._counted:
            self._counted[key] = self.mixer.counted(tokens)
        return self._counted[key]

    def mixers(self, rows: int) -> list[ContextMixer]:
        """As many with these counts as rows are worth it, one for each thread; the same ones each time."""
        threads = min(rows, torch.get_num_threads(), 1 + MEMORY_BESIDE // self.mixer.size)
        while 1 + len(self._beside) < threads:
            self._beside.append(self.mixer.beside())
        return [self.mixer, *self._beside][: max(1, threads)]

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
        """Of several mixers the one with the fewest texts takes it; two that begin alike are read once."""
        mixers = self._mixture.mixers(len(self._branches) + 1)
        mixer = min(mixers, key=lambda one: sum(branch.mixer is one for branch in self._branches))
        for branch in self._branches:
            if branch.mixer is mixer and branch.begins_with(prompt):
                self._branches.append(branch.again())
                return
        self._branches.append(mixer.branch(prompt, adaptive=self._mixture.adaptive))

    def leave(self, row: int) -> None:
        self._branches[row] = self._branches[-1]
        self._branches.pop()

    def probabilities(self, network: Tensor) -> Tensor:
        """The network's probabilities of each text's next token, (B, V), mixed."""
        rows = network.cpu().double().numpy()
        mixed = np.empty_like(rows)
        turns: dict[int, list[int]] = {}
        for at, branch in enumerate(self._branches):
            turns.setdefault(id(branch.mixer), []).append(at)

        def take(turn: list[int]) -> None:
            for at in turn:
                mixed[at] = self._branches[at].distribution(rows[at])

        if len(turns) > 1:
            with ThreadPoolExecutor(len(turns)) as threads:
                list(threads.map(take, turns.values()))
        else:
            for turn in turns.values():
                take(turn)
        return torch.from_numpy(mixed).to(network)

    def append(self, tokens: Sequence[int]) -> list[Counted]:
        counted = []
        for branch, token in zip(self._branches, tokens, strict=True):
            matched = branch.matched
            counted.append(Counted(math.exp(-branch.append(token)), matched, "byte"))
        return counted

    def go_on(self, tokens: Sequence[int]) -> None:
        for branch, token in zip(self._branches, tokens, strict=True):
            branch.go_on(token)


def vocabulary(tokenizer: Tokenizer) -> list[bytes]:
    """The bytes of each token; none for the end of a document."""
    return [tokenizer.token_bytes(token) for token in range(tokenizer.n_vocab)]
