"""How a model does on each stretch of a side: block by block, so that it is known how much the text matters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slmtui.config.deciding import Decides
from slmtui.data.baseline import bits_per_byte
from slmtui.data.dataset import SideTokens
from slmtui.data.tokenizer import Tokenizer
from slmtui.model.gpt import GPT
from slmtui.model.mixture import NgramMixture
from slmtui.runs.text_interval import known_to
from slmtui.training.evaluation import Seen, each_loss, not_negative, unseen

MOST_BLOCKS, LEAST_BYTES = 40, 100
NAMES: tuple[Decides, ...] = ("network", "static", "adaptive")


@dataclass(frozen=True)
class BlockSums:
    """What a model has on a side, by who predicts. Means in nats per token of text, sums in nats by block."""

    n_bytes: list[int]  # of each block
    nats: dict[Decides, list[float]]
    loss: dict[Decides, float]
    bits_per_byte: dict[Decides, float]

    def known_to(self, who: Decides) -> float | None:
        """Half of the interval (95 %) of the bits per byte; None where there is too little text to say."""
        return known_to(self.nats[who], self.n_bytes)


def block_sums(
    model: GPT, side: SideTokens, tokenizer: Tokenizer, *, bf16: bool = False, seen: Seen = unseen
) -> BlockSums:
    """Predict a side once, each of its tokens but the first."""
    ngram = model.mixture.ngram_losses(side.tokens) if isinstance(model.mixture, NgramMixture) else None
    lengths = text_bytes(side, tokenizer)[1:]  # the first token is not predicted
    block_of = blocks_of(lengths)
    n_blocks = int(block_of[-1]) + 1
    is_text = np.ones(len(lengths), bool) if side.end is None else side.tokens[1:] != side.end
    found = {
        name: losses.double().numpy()[is_text]
        for name, losses in zip(NAMES, each_loss(model, side, ngram, bf16=bf16, seen=seen), strict=False)
    }
    loss = {name: not_negative(float(losses.mean())) for name, losses in found.items()}
    return BlockSums(
        np.bincount(block_of, lengths, n_blocks).astype(int).tolist(),
        {name: np.bincount(block_of[is_text], losses, n_blocks).tolist() for name, losses in found.items()},
        loss,
        {name: bits_per_byte(mean, side.n_text_tokens, side.n_bytes) for name, mean in loss.items()},
    )


def text_bytes(side: SideTokens, tokenizer: Tokenizer) -> NDArray[np.int64]:
    """How many bytes of text each token of a side stands for, (n,)."""
    used, where = np.unique(side.tokens, return_inverse=True)
    lengths = np.array([len(tokenizer.token_bytes(int(token))) for token in used], np.int64)
    return np.take(lengths, where)


def blocks_of(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """The block that each token is in, (n,), from 0 on: up to 40 stretches of about the same number of bytes."""
    ends = np.cumsum(lengths)
    n = max(1, min(MOST_BLOCKS, int(ends[-1]) // LEAST_BYTES))
    blocks: NDArray[np.int64] = np.minimum((ends - lengths) * n // max(1, int(ends[-1])), n - 1)
    return blocks
