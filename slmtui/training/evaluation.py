"""The loss of a model on the two sides of a split, by either of two methods.

full     the whole validation split, once, in order, and as much of the training split, evenly spaced; no random draw.
sampled  the published script's: the mean of a few random batches, from the generator that training draws from, too.
         Noisy, and it disturbs the training stream; kept for the five published phases.
"""

from __future__ import annotations

import numpy as np
import torch

from slmtui.data.dataset import Dataset, Split
from slmtui.model.gpt import GPT
from slmtui.training.batches import WindowSource, windows_in_order

SAMPLED_BATCHES = 20  # at most; the published script's eval_iters
TOKENS_AT_ONCE = 4096


@torch.no_grad()
def full_loss(model: GPT, split: Split, *, limit: int | None = None, bf16: bool = False) -> float:
    """Mean loss in nats per token over a split, each of its tokens but the first predicted once."""
    model.eval()
    block_size = model.config.block_size
    total, count = 0.0, 0
    for idx, targets in windows_in_order(split, block_size, max(1, TOKENS_AT_ONCE // block_size), limit):
        loss = model.loss(idx.to(model.device), targets.to(model.device), bf16=bf16)
        total += loss.item() * targets.numel()
        count += targets.numel()
    model.train()
    return total / count


def full_losses(model: GPT, dataset: Dataset, *, bf16: bool = False) -> tuple[float, float]:
    """(training loss, validation loss); the training side is read at as many tokens as the validation side has."""
    limit = len(dataset.val.tokens)
    return (
        full_loss(model, dataset.train, limit=limit, bf16=bf16),
        full_loss(model, dataset.val, bf16=bf16),
    )


@torch.no_grad()
def sampled_loss(
    model: GPT, source: WindowSource, batch_size: int, stream: np.random.RandomState, *, bf16: bool = False
) -> float:
    """Mean loss in nats per token of min(20, max(1, tokens // block)) random batches."""
    model.eval()
    n_batches = min(SAMPLED_BATCHES, max(1, source.n_tokens // source.block_size))
    losses = [model.loss(*source.random_batch(stream, batch_size), bf16=bf16).item() for _ in range(n_batches)]
    model.train()
    return float(np.mean(losses))
