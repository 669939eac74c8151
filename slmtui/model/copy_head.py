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

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from slmtui.model.threads import for_each

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
        query, before, sentinel, extra = self._scored(hidden, n)
        if _is_compiled_for(idx.device):
            return _copying_loss(losses, query, before, sentinel, extra, idx, targets)
        weights = _softmax(idx, query, before, sentinel, extra)
        same = (idx[:, None, :] == targets[:, :, None]).tril_(idx.size(1) - n)
        same[:, :, 0] = False  # nothing precedes the first token
        p = weights[:, :, 0] * torch.exp(-losses) + torch.where(same, weights, 0.0).sum(dim=-1)
        return -p.clamp(min=MIN_PROBABILITY).log()

    def shares(self, idx: Tensor, hidden: Tensor, n: int) -> tuple[Tensor, Tensor]:
        """Tokens (B, T) and their hidden states (B, T, C) -> (own, weights) after each of the last n tokens.

        own (B, n): the share of the vocabulary. weights (B, n, T): at [b, t, j] the share of repeating token j, which
        is 0 for the first one and for those that come later.
        """
        weights = _softmax(idx, *self._scored(hidden, n))
        return weights[:, :, 0], F.pad(weights[:, :, 1:], (1, 0))

    def _scored(self, hidden: Tensor, n: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What `_softmax` takes. Only differences count in it, so that what does not match at all scores no extra."""
        query, key = self.query(hidden[:, -n:]), self.key(hidden)
        before = F.pad(key, (0, 0, 1, -1))  # token j is scored by the key of the one before it
        sentinel, extra = self.sentinel(hidden[:, -n:])[..., 0] - self.match[0], self.match - self.match[0]
        return query, before, sentinel, extra

    def add_copies(
        self, network: Tensor, at: Sequence[int], idx: Tensor, hidden: Tensor, lengths: Sequence[int]
    ) -> Tensor:
        """Add what is copied after the last of each row's tokens to the network's probabilities, (all rows, V).

        at: where the B rows are among all. idx (B, T) and hidden (B, T, C): their tokens, and padding. Returns the
        share of each token, (B, T). Compiled, on a CPU, a row is to the last bit what it is alone.
        """
        if not _is_compiled_for(idx.device):
            longest = max(lengths)
            idx, hidden = idx[:, :longest], hidden[:, :longest]
            own, shares = self._at_end(idx, hidden, torch.tensor(lengths, device=idx.device))
            network[at] = (own[:, None] * network[at]).scatter_add_(1, idx, shares)
            return shares
        from slmtui.model.copy_kernels import add_copies  # numba, which other networks do not need

        weights = [_array(x) for x in (self.query.weight, self.key.weight, self.sentinel.weight[0])]
        bias, match = np.float32(self.sentinel.bias.item()), _array(self.match)
        shares, compiled = torch.zeros(idx.shape), cast("Callable[..., None]", add_copies)
        compiled(
            _array(idx), _array(hidden), np.array(lengths), *weights, bias, match, np.array(at), network.numpy(),
            shares.numpy(),
        )  # fmt: skip
        return shares

    def _at_end(self, idx: Tensor, hidden: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """`shares` at the last position of each sequence only: lengths (B,) -> own (B,), weights (B, T)."""
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


def _softmax(idx: Tensor, query: Tensor, before: Tensor, sentinel: Tensor, extra: Tensor) -> Tensor:
    """One softmax over the sentinel, in the place of token 0, and tokens 1 to t: (B, n, T).

    query (B, n, K), before (B, T, K), sentinel (B, n); extra (7,): what is added to a score, by how many tokens match.
    """
    (B, n, _), T = query.shape, before.size(1)
    places, lengths = _matches(idx, n)
    later = torch.full((n, T), -torch.inf, dtype=query.dtype, device=query.device).triu_(T - n + 1)
    scores = torch.baddbmm(later.expand(B, n, T), query, before.transpose(1, 2))
    scores = torch.cat([sentinel[:, :, None], scores[:, :, 1:]], dim=-1)
    return scores.flatten().index_add(0, places, extra[lengths]).view(B, n, T).softmax(dim=-1)


class _CopyingLoss(torch.autograd.Function):
    """On a CPU, compiled, and by hand in both directions: a quarter of the time of `_softmax` and autograd.

    With p = own · p_vocabulary + Σ_copied weight_j, the gradient of the loss −log p by a score is
    weight_j − [j copied] · weight_j / p, and that by the vocabulary's loss is own · p_vocabulary / p.
    """

    @staticmethod
    def forward(
        ctx: Any, losses: Tensor, query: Tensor, before: Tensor, sentinel: Tensor, extra: Tensor, idx: Tensor,
        targets: Tensor,
    ) -> Tensor:  # fmt: skip
        from slmtui.model.copy_kernels import copying  # numba, which other networks do not need

        # (B, T), (B, N), (B, N, K), (B, K, T), (B, N), (7,)
        inputs = [_array(x) for x in (idx, targets, query, before.transpose(1, 2), sentinel, extra)]
        vocabulary = torch.exp(-losses)
        own, p, scale = (torch.empty(vocabulary.shape) for _ in range(3))
        n_vocab = 1 + max(int(idx.max()), int(targets.max()))
        *rows, matching = inputs
        given, written = _array(vocabulary), [_array(x) for x in (own, p, scale)]
        compiled: Callable[..., None] = copying

        def row(b: int) -> None:
            compiled(*(x[b] for x in rows), matching, given[b], n_vocab, *(x[b] for x in written))

        for_each(row, len(idx))
        p.clamp_(min=MIN_PROBABILITY)
        ctx.save_for_backward(own * vocabulary / p, p, scale)
        ctx.inputs, ctx.n_vocab = inputs, n_vocab
        return -p.log()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        from slmtui.model.copy_kernels import copying_backward

        by_vocabulary, p, scale = ctx.saved_tensors
        *rows, matching = ctx.inputs
        upstream = torch.where(p <= MIN_PROBABILITY, 0.0, upstream)
        B, N, K = rows[2].shape
        by_query, by_keys = torch.empty(B, N, K), torch.zeros(rows[3].shape)
        by_sentinel, by_extra = torch.empty(B, N), torch.zeros(B, len(matching))
        given = [_array(x) for x in (p, scale, upstream)]
        written = [_array(x) for x in (by_query, by_keys, by_sentinel, by_extra)]
        compiled: Callable[..., None] = copying_backward

        def row(b: int) -> None:
            compiled(*(x[b] for x in rows), matching, ctx.n_vocab, *(x[b] for x in given), *(x[b] for x in written))

        for_each(row, B)
        by_losses = upstream * by_vocabulary
        return by_losses, by_query, by_keys.transpose(1, 2), by_sentinel - by_losses, by_extra.sum(dim=0), None, None


def _is_compiled_for(device: torch.device) -> bool:
    return device.type == "cpu"


def _array(x: Tensor) -> NDArray[Any]:
    return x.detach().contiguous().numpy()


_copying_loss: Callable[..., Tensor] = _CopyingLoss.apply


def _match_lengths_at(idx: Tensor, last: Tensor) -> Tensor:
    """How many tokens up to each, (B, T), are those up to `last`, (B,), at most `LONGEST_MATCH`; 0 after it. int32."""
    rows = torch.arange(len(idx), device=idx.device)
    run = torch.ones_like(idx, dtype=torch.bool)
    length = torch.zeros_like(idx, dtype=torch.int32)
    for back in range(min(LONGEST_MATCH, idx.size(1))):
        at = last - back
        same = (idx == idx[rows, at.clamp(min=0)][:, None]) & (at >= 0)[:, None]
        run = run & F.pad(same, (back, 0))[:, : idx.size(1)]
        length = length + run
    return length
