"""A copy head: the network may also predict a token by pointing at an earlier position in the window and repeating it.

    p(w) = own · p_vocabulary(w) + Σ_j weight_j · [token_j = w],      own + Σ_j weight_j = 1

This is a pointer sentinel mixture (Merity et al. 2016, "Pointer Sentinel Mixture Models"): one softmax over a sentinel,
whose share goes to the vocabulary, and the earlier positions. A position is scored by what precedes it:

    score_j = query(h_t) · key(h_{j−1}) + match[n]      n: how many tokens before j match those up to t, 0 to 6

A small text does not teach a transformer to look for repeats (the "induction heads" of Olsson et al. 2022); counting
the matching tokens for it leaves only seven numbers to learn. Either term alone helps much less (docs/log.md).

Shapes: B sequences, T tokens in each, C = n_embd, K = KEY_SIZE.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

KEY_SIZE = 16
LONGEST_MATCH = 6  # tokens; longer matches add nothing
MIN_PROBABILITY = 1e-30  # of a token that is neither likely nor copied: its logarithm must be finite
SENTINEL = 6.0  # initial score of the sentinel: at first nearly everything goes to the vocabulary


class CopyHead(nn.Module):
    def __init__(self, n_embd: int) -> None:
        super().__init__()
        self.query = nn.Linear(n_embd, KEY_SIZE, bias=False)
        self.key = nn.Linear(n_embd, KEY_SIZE, bias=False)
        self.sentinel = nn.Linear(n_embd, 1)
        self.match = nn.Parameter(torch.empty(LONGEST_MATCH + 1))

    def draw_initial_values(self) -> None:
        """Query and sentinel weights start at zero: at first only the length of a match matters."""
        nn.init.zeros_(self.query.weight)
        nn.init.normal_(self.key.weight, std=0.1)
        nn.init.zeros_(self.sentinel.weight)
        nn.init.constant_(self.sentinel.bias, SENTINEL)
        with torch.no_grad():
            self.match.copy_(torch.arange(LONGEST_MATCH + 1.0))

    def forward(self, idx: Tensor, hidden: Tensor, targets: Tensor, losses: Tensor) -> Tensor:
        """The loss of each target once the network may copy it, (B, N): N targets, after each of the last N tokens.

        idx (B, T) and hidden (B, T, C): all tokens of the windows. targets (B, N), and losses (B, N): what the
        vocabulary alone makes of them, in nats.
        """
        n = targets.size(1)
        same = (_narrow(idx)[:, None, :] == _narrow(targets)[:, :, None]).tril_(idx.size(1) - n)
        same[:, :, 0] = False  # nothing precedes the first token
        return _copying_loss(losses, *self._scored(idx, hidden, n), _places(same))

    @torch.no_grad()
    def shares(self, idx: Tensor, hidden: Tensor, n: int) -> tuple[Tensor, Tensor]:
        """Tokens (B, T) and their hidden states (B, T, C) -> (own, weights) after each of the last n tokens.

        own (B, n): the share of the vocabulary. weights (B, n, T): at [b, t, j] the share of repeating token j, which
        is 0 for the first one and for those that come later.
        """
        weights = _softmax(*self._scored(idx, hidden, n))
        own = weights[:, :, 0].clone()
        weights[:, :, 0] = 0.0
        return own, weights

    def _scored(self, idx: Tensor, hidden: Tensor, n: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
        """What `_softmax` takes. Only differences count in it, so that what does not match at all scores no extra."""
        query, key = self.query(hidden[:, -n:]), self.key(hidden)
        before = F.pad(key, (0, 0, 1, -1))  # token j is scored by the key of the one before it
        places, lengths = _matches(idx, n)
        sentinel, extra = self.sentinel(hidden[:, -n:])[..., 0] - self.match[0], self.match - self.match[0]
        return query, before, sentinel, extra, places, lengths

    def at_end(self, idx: Tensor, hidden: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """The same at the last position of each sequence only: lengths (B,) -> own (B,), weights (B, T)."""
        B, T = idx.shape
        rows, last = torch.arange(B, device=idx.device), lengths - 1
        end = hidden[rows, last][:, None]  # (B, 1, C)
        scores = self.query(end) @ self.key(hidden).transpose(1, 2)  # (B, 1, T)
        scores = scores + self.match[_match_lengths_at(idx, last)][:, None]
        after = F.pad(scores, (1, 0))[:, :, :-1]
        positions = torch.arange(T, device=idx.device)
        allowed = (positions >= 1) & (positions <= last[:, None])
        after = after.masked_fill(~allowed[:, None], -torch.inf)
        shares = torch.cat([self.sentinel(end), after], dim=-1).softmax(dim=-1)[:, 0]
        return shares[:, 0], shares[:, 1:]


def _narrow(idx: Tensor) -> Tensor:
    """The same numbers in 32 bits, which are compared twice as fast."""
    return idx.to(torch.int32)


def _places(same: Tensor) -> Tensor:
    """Where it is true, flattened; NumPy finds them four times as fast."""
    if same.device.type == "cpu":
        return torch.from_numpy(np.flatnonzero(same.numpy()))
    return same.flatten().nonzero()[:, 0]


def _matches(idx: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """Where the tokens before j match those up to t, at least one, and how many do, at most 6: (M,) and (M,).

    t is one of the last n of the T tokens, 1 <= j <= t; the places are those in a matrix (B, n, T), flattened. Few
    tokens are alike, so a list of them takes a tenth of the time that whole matrices take.
    """
    T = idx.size(1)
    narrow = _narrow(idx)
    same = (narrow[:, None, :] == narrow[:, -n:, None]).tril_(T - n - 1)
    flat = _places(same)
    row, earlier = flat // T, flat % T
    padded = F.pad(narrow, (LONGEST_MATCH, 0), value=-1).flatten()  # a text's beginning matches nothing
    begin = row // n * (T + LONGEST_MATCH) + LONGEST_MATCH
    here, there = begin + row % n + T - n, begin + earlier
    lengths, alike = torch.ones_like(flat), torch.ones_like(flat, dtype=torch.bool)
    for back in range(1, LONGEST_MATCH):
        alike = alike & (padded[here - back] == padded[there - back])
        lengths += alike
    return flat + 1, lengths


def _softmax(query: Tensor, before: Tensor, sentinel: Tensor, extra: Tensor, places: Tensor, lengths: Tensor) -> Tensor:
    """One softmax over the sentinel, in the place of token 0, and tokens 1 to t: (B, n, T).

    query (B, n, K), before (B, T, K), sentinel (B, n); extra (7,): what is added to the scores of `places` (M,), where
    so many tokens match: lengths (M,).
    """
    (B, n, _), T = query.shape, before.size(1)
    later = torch.full((n, T), -torch.inf, dtype=query.dtype, device=query.device).triu_(T - n + 1)
    scores = torch.baddbmm(later.expand(B, n, T), query, before.transpose(1, 2))
    scores[:, :, 0] = sentinel
    scores.view(-1).index_add_(0, places, extra[lengths])
    return scores.softmax(dim=-1)


class _CopyingLoss(torch.autograd.Function):
    """Both directions written out, since autograd would pass over a dozen (B, n, T) matrices, and this over three.

    With p = own · p_vocabulary + Σ_copied weight_j, the gradient of the loss −log p by a score is
    weight_j − [j copied] · weight_j / p, and that by the vocabulary's loss is own · p_vocabulary / p.
    """

    @staticmethod
    def forward(
        ctx: Any, losses: Tensor, query: Tensor, before: Tensor, sentinel: Tensor, extra: Tensor, places: Tensor,
        lengths: Tensor, copied: Tensor,
    ) -> Tensor:  # fmt: skip
        weights = _softmax(query, before, sentinel, extra, places, lengths)
        T = before.size(1)
        own = weights[:, :, 0] * torch.exp(-losses)
        p = own.clone()
        p.view(-1).index_add_(0, copied // T, weights.view(-1)[copied])
        ctx.save_for_backward(query, before, own, p, places, lengths, copied)
        ctx.weights, ctx.n_extra = weights, len(extra)
        return -p.clamp(min=MIN_PROBABILITY).log()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        query, before, own, p, places, lengths, copied = ctx.saved_tensors
        weights: Tensor = ctx.weights
        ctx.weights = None  # its memory becomes the gradient's
        T = before.size(1)
        upstream = torch.where(p < MIN_PROBABILITY, 0.0, upstream)
        each = (upstream / p.clamp(min=MIN_PROBABILITY)).flatten()
        repeated = weights.view(-1)[copied] * each[copied // T]
        by_losses = own * each.view_as(own)
        gradient = weights.mul_(upstream[:, :, None])
        gradient.view(-1).index_add_(0, copied, repeated, alpha=-1.0)
        by_sentinel = gradient[:, :, 0] - by_losses
        gradient[:, :, 0] = 0.0
        at_places = gradient.view(-1)[places]
        by_extra = [torch.where(lengths == length, at_places, 0.0).sum() for length in range(ctx.n_extra)]
        by_query, by_before = gradient @ before, gradient.transpose(1, 2) @ query
        return by_losses, by_query, by_before, by_sentinel, torch.stack(by_extra), None, None, None


_copying_loss: Callable[..., Tensor] = _CopyingLoss.apply


def _match_lengths_at(idx: Tensor, last: Tensor) -> Tensor:
    """Row `last` (B,) of `match_lengths`: (B, T)."""
    rows = torch.arange(len(idx), device=idx.device)
    run = torch.ones_like(idx, dtype=torch.bool)
    length = torch.zeros_like(idx, dtype=torch.int32)
    for back in range(min(LONGEST_MATCH, idx.size(1))):
        at = last - back
        same = (idx == idx[rows, at.clamp(min=0)][:, None]) & (at >= 0)[:, None]
        run = run & F.pad(same, (back, 0))[:, : idx.size(1)]
        length = length + run
    return length
