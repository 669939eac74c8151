"""The loss of a model on the two sides of a split, by either of two methods.

full     the whole validation split, once, in order, each token with half a window before it at least, as in a longer
         text that is completed; and as much of the training split, evenly spaced. No random draw.
sampled  the published script's: the mean of a few random batches, from the generator that training draws from, too.
         Noisy, and it disturbs the training stream; kept for the five published phases.

With a mixture, the validation tokens are judged a second time by it: the loss of each is that of the mixed
probabilities, and the mean is taken of those.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from slmtui.data.dataset import Dataset, Side, SideTokens
from slmtui.model.gpt import GPT
from slmtui.training.batches import WindowSource, windows_in_order

SAMPLED_BATCHES = 20  # at most; the published script's eval_iters
TOKENS_AT_ONCE = 4096


@dataclass(frozen=True)
class Losses:
    """Means in nats per token: the network's on either side; the mixture's on the validation side, if there is one."""

    train: float
    val: float
    mixed: float | None = None


def full_losses(model: GPT, dataset: Dataset, val_ngram: Tensor | None = None, *, bf16: bool = False) -> Losses:
    """The training side is read at as many tokens as the validation side has.

    val_ngram: the n-gram model's loss of each validation token, (n,), for a model that has a mixture.
    """
    train = full_loss(model, dataset.train, limit=len(dataset.val.tokens), bf16=bf16)
    if model.mixture is None or val_ngram is None:
        return Losses(train, full_loss(model, dataset.val, bf16=bf16))
    model.eval()
    batches = windows_in_order(dataset.val, model.config.block_size, _rows(model))
    val = torch.cat([_token_losses(model, *batch, bf16=bf16) for batch in batches])  # (n - 1,)
    model.train()
    mixed = model.mixture.losses(val, val_ngram[1 : len(dataset.val.tokens)])
    return Losses(train, _mean(val), _mean(mixed))


@torch.no_grad()
def full_loss(model: GPT, side: SideTokens, *, limit: int | None = None, bf16: bool = False) -> float:
    """Mean loss in nats per token over a split, each of its tokens but the first predicted once."""
    model.eval()
    total, count = 0.0, 0
    for idx, targets, first in windows_in_order(side, model.config.block_size, _rows(model), limit):
        loss = model.loss(idx.to(model.device), targets.to(model.device), first=first, bf16=bf16)
        total += loss.item() * targets[:, first:].numel()
        count += targets[:, first:].numel()
    model.train()
    return total / count


def sampled_losses(
    model: GPT, windows: Mapping[Side, WindowSource], batch_size: int, stream: np.random.RandomState,
    val_ngram: Tensor | None = None, *, bf16: bool = False,
) -> Losses:  # fmt: skip
    """Means over min(20, max(1, tokens // block)) random batches. val_ngram: as above, of the tokens of the windows."""
    train = sampled_loss(model, windows["train"], batch_size, stream, bf16=bf16)
    source = windows["val"]
    if model.mixture is None or val_ngram is None:
        return Losses(train, sampled_loss(model, source, batch_size, stream, bf16=bf16))
    model.eval()
    starts = [source.random_starts(stream, batch_size) for _ in range(_n_batches(source))]
    val = torch.cat([_token_losses(model, *source.batch_at(at), bf16=bf16) for at in starts])
    model.train()
    targets = np.concatenate(starts)[:, None] + np.arange(1, source.block_size + 1)  # their places in the text
    return Losses(train, _mean(val), _mean(model.mixture.losses(val, val_ngram[torch.from_numpy(targets.reshape(-1))])))


@torch.no_grad()
def sampled_loss(
    model: GPT, source: WindowSource, batch_size: int, stream: np.random.RandomState, *, bf16: bool = False
) -> float:
    """Mean loss in nats per token of random batches."""
    model.eval()
    losses = [model.loss(*source.random_batch(stream, batch_size), bf16=bf16).item() for _ in range(_n_batches(source))]
    model.train()
    return float(np.mean(losses))


def _n_batches(source: WindowSource) -> int:
    return min(SAMPLED_BATCHES, max(1, source.n_tokens // source.block_size))


def _rows(model: GPT) -> int:
    """Windows that are read at once."""
    return max(1, TOKENS_AT_ONCE // model.config.block_size)


@torch.no_grad()
def _token_losses(model: GPT, idx: Tensor, targets: Tensor, first: int = 0, *, bf16: bool) -> Tensor:
    """Targets (B, T) -> the losses of those from `first` on, one after the other."""
    return model.token_losses(idx.to(model.device), targets.to(model.device), first=first, bf16=bf16).flatten().cpu()


def _mean(losses: Tensor) -> float:
    return losses.double().mean().item()
