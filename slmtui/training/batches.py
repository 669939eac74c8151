"""Windows of a side: random ones to train on, drawn as in the published script, and ordered ones to evaluate on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from slmtui.data.dataset import SideTokens
from slmtui.model.dropout import Part


class WindowSource:
    """The tokens of one side, to draw windows of `block_size` + 1 from: shorter ones if there are fewer tokens.

    In the published form, a side that is too short is repeated, as the published script does.
    """

    def __init__(self, side: SideTokens, block_size: int, device: torch.device) -> None:
        self.n_tokens = len(side.tokens)
        self.end = side.end
        tokens = side.tokens
        if self.n_tokens <= block_size and side.lines is None:
            tokens = np.tile(tokens, block_size // self.n_tokens + 2)
        self.block_size = min(block_size, len(tokens) - 1)
        self.tokens = tokens
        self.device = device

    def random_batch(self, stream: np.random.RandomState, batch_size: int) -> tuple[Tensor, Tensor]:
        """Inputs and targets, (batch_size, block_size) int64 each, from a single call of `randint`."""
        return self.batch_at(self.random_starts(stream, batch_size))

    def random_starts(self, stream: np.random.RandomState, batch_size: int) -> NDArray[Any]:
        return stream.randint(0, len(self.tokens) - self.block_size, (batch_size,))

    def batch_at(self, starts: NDArray[Any]) -> tuple[Tensor, Tensor]:
        windows = self.tokens[starts[:, None] + np.arange(self.block_size + 1)]  # (B, T + 1)
        batch = torch.from_numpy(windows.astype(np.int64)).to(self.device)
        return batch[:, :-1], batch[:, 1:]


def parts_of_batch(batch_size: int, n_parts: int, rank: int = 0, of: int = 1) -> list[Part]:
    """The rows of a batch that one process computes `of` several, in `n_parts` of about the same size, or fewer."""
    begin, end = batch_size * rank // of, batch_size * (rank + 1) // of
    n_parts = max(1, min(n_parts, end - begin))
    ends = [begin + (end - begin) * (number + 1) // n_parts for number in range(n_parts)]
    return [Part(slice(first, last), batch_size) for first, last in zip([begin, *ends], ends, strict=False)]


def windows_in_order(
    side: SideTokens, block_size: int, batch_size: int, limit: int | None = None
) -> Iterator[tuple[Tensor, Tensor, int]]:
    """Windows of a side that overlap by half, so that each of its tokens except the first is predicted once, in order.

    Yields (inputs, targets, first): (B, T) int64 each; only the targets from index `first` on count. The tokens before
    them are context, at least half a window, since a completed text also has more context than its last few tokens.
    With a `limit`, yields evenly spaced windows with about that many counted tokens in all.
    """
    tokens = side.tokens
    starts, firsts = _window_positions(len(tokens) - 1, block_size)
    if limit is not None:
        wanted = min(len(starts), max(1, limit // (block_size - block_size // 2)))
        chosen = np.arange(wanted) * len(starts) // wanted
        if 1 < wanted < len(starts):  # else the beginning of the text, read without context, would weigh double
            firsts[0] = block_size // 2
        starts, firsts = starts[chosen], firsts[chosen]
    length = min(block_size, len(tokens) - 1)
    for first in dict.fromkeys(firsts.tolist()):
        group = starts[firsts == first]
        for batch_starts in np.split(group, range(batch_size, len(group), batch_size)):
            batch = torch.from_numpy(tokens[batch_starts[:, None] + np.arange(length + 1)].astype(np.int64))
            yield batch[:, :-1], batch[:, 1:], first


def n_windows(side: SideTokens, block_size: int, limit: int | None = None) -> int:
    """How many windows `windows_in_order` has."""
    n = len(_window_positions(len(side.tokens) - 1, block_size)[0])
    return n if limit is None else min(n, max(1, limit // (block_size - block_size // 2)))


def _window_positions(n_targets: int, block_size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the windows begin, (n,), and how many targets of each window earlier windows have counted, (n,)."""
    context = block_size // 2
    n_more = max(0, n_targets - block_size) // (block_size - context)
    starts = np.arange(1 + n_more) * (block_size - context)
    firsts = np.where(starts > 0, context, 0)
    if (left := n_targets - block_size - int(starts[-1])) > 0:  # the last window ends where the text ends
        starts, firsts = np.append(starts, n_targets - block_size), np.append(firsts, block_size - left)
    return starts, firsts
