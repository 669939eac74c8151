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

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

KEY_SIZE = 16
LONGEST_MATCH = 6  # tokens; longer matches add nothing
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

    def forward(self, idx: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (B, T) and their hidden states (B, T, C) -> (own, weights) at each position.

        own (B, T): the share of the vocabulary. weights (B, T, T): at [b, t, j] the share of repeating token j,
        1 <= j <= t.
        """
        scores = self.query(hidden) @ self.key(hidden).transpose(1, 2)  # (B, T, T), of the position after j
        scores = scores + _lookup(match_lengths(idx), self.match)
        after = F.pad(scores, (1, 0))[:, :, :-1]  # of j itself
        return self._shares(self.sentinel(hidden), after, _earlier(idx.size(1), idx.device))

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
        own, weights = self._shares(self.sentinel(end), after, allowed[:, None])
        return own[:, 0], weights[:, 0]

    @staticmethod
    def _shares(sentinel: Tensor, scores: Tensor, allowed: Tensor) -> tuple[Tensor, Tensor]:
        """One softmax over the sentinel (…, 1) and the scores (…, T) of the allowed positions."""
        shares = torch.cat([sentinel, scores.masked_fill(~allowed, -torch.inf)], dim=-1).softmax(dim=-1)
        return shares[..., 0], shares[..., 1:]


def _lookup(lengths: Tensor, table: Tensor) -> Tensor:
    looked_up: Tensor = _Lookup.apply(lengths, table)  # type: ignore[no-untyped-call]
    return looked_up


class _Lookup(torch.autograd.Function):
    """`table[lengths]`. The gradient of plain indexing is accumulated element by element; here it is one sum for each
    of the few entries, which takes a fifth of the time and gives the same digits on every device.
    """

    @staticmethod
    def forward(ctx: Any, lengths: Tensor, table: Tensor) -> Tensor:
        ctx.save_for_backward(lengths)
        ctx.n_entries = len(table)
        return table[lengths]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[None, Tensor]:
        (lengths,) = ctx.saved_tensors
        sums = [torch.where(lengths == entry, upstream, 0.0).sum() for entry in range(ctx.n_entries)]
        return None, torch.stack(sums)


def match_lengths(idx: Tensor) -> Tensor:
    """(B, T) -> (B, T, T): at [b, t, j] how many tokens ending at j match those ending at t, at most 6."""
    same = idx[:, :, None] == idx[:, None, :]
    run, length = same, same.int()
    for _ in range(LONGEST_MATCH - 1):
        run = same & F.pad(run, (1, 0, 1, 0))[:, :-1, :-1]
        length += run
    return length


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


def _earlier(T: int, device: torch.device) -> Tensor:
    """(T, T): at [t, j] whether token j may be repeated at t."""
    positions = torch.arange(T, device=device)
    return (positions >= 1) & (positions <= positions[:, None])
