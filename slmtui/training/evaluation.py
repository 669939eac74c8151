"""The loss of a model on the two sides of a dataset, by one of two methods.

full     The whole validation side, once, in order, each token with at least half a window of context, as in a longer
         text that is completed; and as many tokens of the training side, evenly spaced. Nothing is random.
sampled  The published script's method: the mean of a few random batches, drawn from the same generator as the training
         batches. It is noisy and disturbs the training stream; it is here only for the five published phases.

With a mixture, the validation tokens get a second loss, that of the mixed probabilities; its mean is taken over tokens.
With a context mixture they get two: one of counts that stay as they are, and one of counts that learn from each token
after it was predicted. The whole side is read for them, in order, after the training text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from slmtui.data.context_mixing.static import sureness_of
from slmtui.data.dataset import Dataset, Side, SideTokens
from slmtui.model.copy_head import MIN_PROBABILITY
from slmtui.model.gpt import GPT
from slmtui.model.mixture import NgramMixture
from slmtui.training.batches import WindowSource, n_windows, windows_in_order
from slmtui.training.control import Tell, nobody
from slmtui.training.ranks import ALONE, Ranks

if TYPE_CHECKING:
    from slmtui.model.context_mixture import ContextMixture

SAMPLED_BATCHES = 20  # at most; eval_iters of the published script
TOKENS_AT_ONCE = 4096

Seen = Callable[[int], None]  # hears of windows that are done


def unseen(n: int) -> None:
    """Nobody counts the windows."""


@dataclass(frozen=True)
class SideLosses:
    """Mean losses in nats per token of text over a side: the network's, and those of mixtures, if there are any."""

    network: float
    static: float | None = None
    adaptive: float | None = None


@dataclass(frozen=True)
class Losses:
    """Mean losses in nats per token: the network's on both sides, and the mixtures' on the validation side, if any."""

    train: float
    val: float
    mixed: float | None = None
    adaptive: float | None = None


def full_losses(
    model: GPT,
    dataset: Dataset,
    val_ngram: Tensor | None = None,
    *,
    bf16: bool = False,
    tell: Tell = nobody,
    ranks: Ranks = ALONE,
) -> Losses:
    """Losses by the full method, on as many tokens of the training side as the validation side has.

    val_ngram: the n-gram model's loss for each validation token, (n,), for a model that has a mixture. ranks: those
    that share the work, and have the same result. BrokenOff if `tell` raises it.
    """
    limit, block_size = len(dataset.val.tokens), model.config.block_size
    total = n_windows(dataset.train, block_size, limit) + n_windows(dataset.val, block_size)
    done = 0

    def seen(n: int) -> None:
        nonlocal done
        done = min(total, done + n)
        tell("evaluating", f"{done:,} of {total:,} windows")

    train = full_loss(model, dataset.train, limit=limit, bf16=bf16, seen=seen, ranks=ranks)
    if model.mixture is None:
        val = side_losses(model, dataset.val, bf16=bf16, seen=seen, ranks=ranks)
    else:  # counts that learn on read the text in order: a single process does
        val = ranks.first(lambda: side_losses(model, dataset.val, val_ngram, bf16=bf16, seen=seen))
    return Losses(train, val.network, val.static, val.adaptive)


def side_losses(
    model: GPT,
    side: SideTokens,
    ngram: Tensor | None = None,
    *,
    bf16: bool = False,
    seen: Seen = unseen,
    ranks: Ranks = ALONE,
) -> SideLosses:
    """Losses over a side, each of its tokens but the first predicted once.

    ngram: the n-gram model's loss for each token of the side, (n,), for a model that mixes one in. ranks: those that
    share the work of a network alone.
    """
    mixture = model.mixture
    if mixture is None or (isinstance(mixture, NgramMixture) and ngram is None):
        return SideLosses(full_loss(model, side, bf16=bf16, seen=seen, ranks=ranks))
    is_text = _is_text(torch.from_numpy(side.tokens[1:].astype(np.int64)), side.end)
    return SideLosses(*(_mean(losses[is_text]) for losses in each_loss(model, side, ngram, bf16=bf16, seen=seen)))


def each_loss(
    model: GPT, side: SideTokens, ngram: Tensor | None = None, *, bf16: bool = False, seen: Seen = unseen
) -> list[Tensor]:
    """The losses of a side's tokens but the first, (n − 1,) each: the network's, then those of mixtures, if any."""
    model.eval()
    mixture = model.mixture
    if mixture is not None and not isinstance(mixture, NgramMixture):
        found = context_losses(model, side, bf16=bf16, seen=seen)
    else:
        losses = []
        for idx, targets, first in windows_in_order(side, model.config.block_size, _rows(model)):
            losses.append(_token_losses(model, idx, targets, first, bf16=bf16))
            seen(len(idx))
        found = [torch.cat(losses)]  # (n - 1,)
        if mixture is not None and ngram is not None:
            found.append(mixture.losses(found[0], ngram[1 : len(side.tokens)]))
    model.train()
    return found


@torch.no_grad()
def context_losses(model: GPT, side: SideTokens, *, bf16: bool = False, seen: Seen = unseen) -> list[Tensor]:
    """The losses of a side's tokens but the first, (n − 1,) each: of the network, static, adaptive.

    Of a network whose probabilities are not numbers, all are NaN from there on.
    """
    mixture: ContextMixture = model.mixture  # type: ignore[assignment]  # the caller has looked
    counted = mixture.counted(side.tokens)
    adaptive = mixture.mixer.copy()
    adaptive.read(side.tokens[:1], adaptive=True)
    found: list[list[np.ndarray]] = [[], [], []]
    sureness = []
    for idx, targets, first in windows_in_order(side, model.config.block_size, _rows(model)):
        wanted = targets[:, first:].flatten().numpy()
        for piece in model.distributions(idx.to(model.device), first=first, bf16=bf16):
            tokens, wanted = wanted[: len(piece)], wanted[len(piece) :]
            rows = piece.cpu().double().numpy()  # (m, V)
            network = -np.log(np.maximum(rows[np.arange(len(rows)), tokens], MIN_PROBABILITY))
            if not np.isfinite(rows).all():
                return [torch.full((len(side.tokens) - 1,), math.nan)] * 3
            found[0].append(network)
            sureness.append(sureness_of(rows))
            found[2].append(adaptive.losses(tokens, [rows], adaptive=True))
        seen(len(idx))
    share = mixture.mixer.shares.static
    found[1].append(counted.after(1).with_network(np.concatenate(found[0]), np.concatenate(sureness), share))
    return [torch.from_numpy(np.concatenate(losses)) for losses in found]


@torch.no_grad()
def full_loss(
    model: GPT,
    side: SideTokens,
    *,
    limit: int | None = None,
    bf16: bool = False,
    seen: Seen = unseen,
    ranks: Ranks = ALONE,
) -> float:
    """Mean loss in nats per token of text over a side, each of its tokens but the first predicted once.

    NaN if none of those tokens is text. ranks: those that share the batches; the sum is the same, in the same order.
    """

    def of_batch(batch: tuple[Tensor, Tensor, int]) -> tuple[float, int]:
        idx, targets, first = batch
        total = _total(model, idx, targets, side.end, first=first, bf16=bf16)
        seen(len(idx) * ranks.size)  # of the others, as many
        return total

    model.eval()
    found = ranks.each(windows_in_order(side, model.config.block_size, _rows(model), limit), of_batch)
    model.train()
    total, count = sum(total for total, _ in found), sum(count for _, count in found)
    return not_negative(total / count) if count else math.nan


def sampled_losses(
    model: GPT, windows: Mapping[Side, WindowSource], batch_size: int, stream: np.random.RandomState,
    val_ngram: Tensor | None = None, *, bf16: bool = False,
) -> Losses:  # fmt: skip
    """Mean losses over min(20, max(1, n_tokens // block_size)) random batches.

    val_ngram: the n-gram model's loss for each token of the validation side's `WindowSource`, (n,).
    """
    train = sampled_loss(model, windows["train"], batch_size, stream, bf16=bf16)
    source = windows["val"]
    if not isinstance(model.mixture, NgramMixture) or val_ngram is None:
        return Losses(train, sampled_loss(model, source, batch_size, stream, bf16=bf16))
    model.eval()
    starts = [source.random_starts(stream, batch_size) for _ in range(_n_batches(source))]
    batches = [source.batch_at(at) for at in starts]
    val = torch.cat([_token_losses(model, *batch, bf16=bf16) for batch in batches])
    model.train()
    places = np.concatenate(starts)[:, None] + np.arange(1, source.block_size + 1)  # of the targets, in the text
    mixed = model.mixture.losses(val, val_ngram[torch.from_numpy(places.reshape(-1))])
    is_text = torch.cat([_is_text(targets, source.end).flatten().cpu() for _, targets in batches])
    return Losses(train, _mean(val[is_text]), _mean(mixed[is_text]))


@torch.no_grad()
def sampled_loss(
    model: GPT, source: WindowSource, batch_size: int, stream: np.random.RandomState, *, bf16: bool = False
) -> float:
    """Mean loss in nats per token of text of random batches; NaN if none of their targets is text."""
    model.eval()
    losses = []
    for _ in range(_n_batches(source)):
        total, count = _total(model, *source.random_batch(stream, batch_size), source.end, bf16=bf16)
        if count:
            losses.append(total / count)
    model.train()
    return not_negative(float(np.mean(losses))) if losses else math.nan


def _total(
    model: GPT, idx: Tensor, targets: Tensor, end: int | None, *, first: int = 0, bf16: bool
) -> tuple[float, int]:
    """The sum of the losses of targets (B, T) from `first` on that are text, and how many those are."""
    if end is None:
        loss = model.loss(idx.to(model.device), targets.to(model.device), first=first, bf16=bf16)
        count = targets[:, first:].numel()
        return loss.item() * count, count
    is_text = _is_text(targets[:, first:], end).flatten().cpu()
    losses = _token_losses(model, idx, targets, first, bf16=bf16)[is_text]
    return losses.double().sum().item(), len(losses)


def _is_text(targets: Tensor, end: int | None) -> Tensor:
    """Which tokens stand for text, and do not end a document."""
    return torch.ones_like(targets, dtype=torch.bool) if end is None else targets != end


def _n_batches(source: WindowSource) -> int:
    return min(SAMPLED_BATCHES, max(1, source.n_tokens // source.block_size))


def _rows(model: GPT) -> int:
    """The number of windows in one batch of the full method."""
    return max(1, TOKENS_AT_ONCE // model.config.block_size)


@torch.no_grad()
def _token_losses(model: GPT, idx: Tensor, targets: Tensor, first: int = 0, *, bf16: bool) -> Tensor:
    """Targets (B, T) -> the losses of those from index `first` on, flattened, (B · (T − first),)."""
    return model.token_losses(idx.to(model.device), targets.to(model.device), first=first, bf16=bf16).flatten().cpu()


def _mean(losses: Tensor) -> float:
    return not_negative(losses.double().mean().item())


def not_negative(loss: float) -> float:
    """A loss of nothing is 0, which rounding may miss, and not "-0.0000"; what is not finite stays."""
    return 0.0 if loss <= 0 and math.isfinite(loss) else loss
