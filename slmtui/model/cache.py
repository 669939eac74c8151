"""The key/value cache of generation: what attention has already computed for the tokens before.

It holds B sequences of different lengths side by side: each row is written at its own length, and a mask hides what
lies past it. Positions are counted from each row's first token, so a cache is valid only until a row is `block_size`
tokens long; past that the window slides, every position shifts, and the cache has to be filled anew.
"""

from __future__ import annotations

import torch
from torch import Tensor


class LayerCache:
    """Keys and values of one layer, (B, H, block_size, D) each."""

    def __init__(self, owner: Cache, shape: tuple[int, int, int, int]) -> None:
        self.owner = owner
        self.keys = torch.zeros(shape, dtype=owner.dtype, device=owner.device)
        self.values = torch.zeros(shape, dtype=owner.dtype, device=owner.device)

    @property
    def mask(self) -> Tensor:
        return self.owner.mask

    def extend(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Write (B, H, T, D) at each row's new positions; return all up to the longest row."""
        rows = self.owner.rows
        self.keys[rows, :, self.owner.positions] = k.transpose(1, 2)
        self.values[rows, :, self.owner.positions] = v.transpose(1, 2)
        end = self.owner.longest
        return self.keys[:, :, :end], self.values[:, :, :end]


class Cache:
    def __init__(
        self, *, batch: int, n_layer: int, n_head: int, head_size: int, block_size: int,
        dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu",
    ) -> None:  # fmt: skip
        self.dtype, self.device = dtype, torch.device(device)
        self.lengths = torch.zeros(batch, dtype=torch.long, device=device)
        self.rows = torch.arange(batch, device=device)[:, None]  # (B, 1)
        self.block_size = block_size
        self.layers = [LayerCache(self, (batch, n_head, block_size, head_size)) for _ in range(n_layer)]

    def advance(self, tokens: int) -> Tensor:
        """Make room for `tokens` more in every row and return their positions (B, T)."""
        self.positions = self.lengths[:, None] + torch.arange(tokens, device=self.device)
        self.lengths = self.lengths + tokens
        self.longest = int(self.lengths.max())
        if self.longest > self.block_size:
            raise ValueError(f"a row of {self.longest} tokens does not fit a cache of {self.block_size}")
        seen = torch.arange(self.longest, device=self.device)
        self.mask = seen <= self.positions[:, None, :, None]  # (B, 1, T, longest)
        return self.positions

    def shorten(self, lengths: Tensor) -> None:
        """Forget what lies past each row's true length (B,): prompts of different lengths are filled in padded."""
        self.lengths = lengths.to(self.device)
