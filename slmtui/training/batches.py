"""Random windows of a split, drawn as the published script draws them, and what is left to evaluate in order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from slmtui.data.dataset import Split


class WindowSource:
    """The tokens of one split, long enough to draw windows of `block_size` + 1 from."""

    def __init__(self, split: Split, block_size: int, device: torch.device) -> None:
        self.block_size = block_size
        self.n_tokens = len(split.tokens)
        tokens = split.tokens
        if self.n_tokens <= block_size:  # the published script repeats a split that is too short
            tokens = np.tile(tokens, block_size // self.n_tokens + 2)
        self.tokens = tokens
        self.device = device

    def random_batch(self, stream: np.random.RandomState, batch_size: int) -> tuple[Tensor, Tensor]:
        """Inputs and targets, (batch_size, block_size) int64 each, from one call of `randint`."""
        return self.batch_at(self.random_starts(stream, batch_size))

    def random_starts(self, stream: np.random.RandomState, batch_size: int) -> NDArray[Any]:
        return stream.randint(0, len(self.tokens) - self.block_size, (batch_size,))

    def batch_at(self, starts: NDArray[Any]) -> tuple[Tensor, Tensor]:
        windows = self.tokens[starts[:, None] + np.arange(self.block_size + 1)]  # (B, T + 1)
        batch = torch.from_numpy(windows.astype(np.int64)).to(self.device)
        return batch[:, :-1], batch[:, 1:]


def windows_in_order(
    split: Split, block_size: int, batch_size: int, limit: int | None = None
) -> Iterator[tuple[Tensor, Tensor]]:
    """Cut a split into windows that predict each of its tokens but the first exactly once, in order.

    Yields (inputs, targets), (B, T) int64 each; only the last window may be shorter, and it comes alone. With a
    `limit`, evenly spaced windows of about that many tokens in all.
    """
    tokens = split.tokens
    n_full = (len(tokens) - 1) // block_size
    wanted = n_full if limit is None else min(n_full, max(1, limit // block_size))
    # Evenly spaced over the split, and all of them when all are wanted.
    starts = (np.arange(wanted) * n_full // max(wanted, 1)) * block_size
    for first in range(0, wanted, batch_size):
        index = starts[first : first + batch_size, None] + np.arange(block_size + 1)
        batch = torch.from_numpy(tokens[index].astype(np.int64))
        yield batch[:, :-1], batch[:, 1:]
    rest = tokens[n_full * block_size :]
    if len(rest) > 1 and (wanted == n_full):
        batch = torch.from_numpy(rest.astype(np.int64))[None]
        yield batch[:, :-1], batch[:, 1:]
