"""The key/value cache for generation: what attention has already computed for the earlier tokens.

It holds B sequences of different lengths: each row is written at its own length, and a mask hides everything beyond
it. Positions are counted from each row's first token, so a row is valid only until it is `block_size` tokens long;
after that the window slides, every position shifts, and the row would have to be recomputed. Rows come and go.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class LayerCache:
    """Keys and values of one layer, (room, H, block_size, D) each, of which the first B rows are in use."""

    def __init__(self, owner: KVCache, shape: tuple[int, int, int, int]) -> None:
        self.owner = owner
        self.keys = torch.zeros(shape, dtype=owner.dtype, device=owner.device)
        self.values = torch.zeros(shape, dtype=owner.dtype, device=owner.device)

    def extend(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Write (B, H, T, D) keys and values at each row's new positions.

        Returns the keys and values of all rows, (B, H, longest, D) each, and the mask.
        """
        owner = self.owner
        keys, values = self.keys[: len(k)], self.values[: len(v)]
        if owner.start is not None:
            keys[:, :, owner.start : owner.longest] = k
            values[:, :, owner.start : owner.longest] = v
        else:
            keys[owner.rows, :, owner.positions] = k.transpose(1, 2)
            values[owner.rows, :, owner.positions] = v.transpose(1, 2)
        return keys[:, :, : owner.longest], values[:, :, : owner.longest], owner.mask


class KVCache:
    """`mask`, `positions` and `start` describe the tokens of the latest `advance`."""

    positions: Tensor  # (T,) if all rows are equally long, else (B, T)
    start: int | None  # the first position if all rows are equally long, the usual and faster case
    mask: Tensor | None  # what each token may attend to, (T, longest) or (B, 1, T, longest); None: everything

    def __init__(
        self, *, batch: int, n_layer: int, n_head: int, head_size: int, block_size: int,
        dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu",
    ) -> None:  # fmt: skip
        self.dtype, self.device = dtype, torch.device(device)
        self.lengths = [0] * batch
        self.longest = 0
        self.block_size = block_size
        self.layers = [LayerCache(self, (batch, n_head, block_size, head_size)) for _ in range(n_layer)]
        # What a copy head reads: the tokens and their hidden states.
        self.tokens = torch.zeros(batch, block_size, dtype=torch.int64, device=device)
        self.hidden = torch.zeros(batch, block_size, n_head * head_size, dtype=dtype, device=device)

    @property
    def rows(self) -> Tensor:
        """(B, 1)"""
        return torch.arange(len(self.lengths), device=self.device)[:, None]

    def remember(self, tokens: Tensor, hidden: Tensor) -> None:
        """Store (B, T) tokens and (B, T, C) hidden states for a copy head, at the positions of the latest `advance`."""
        positions = self.positions.expand(tokens.shape)
        self.tokens[self.rows, positions] = tokens
        self.hidden[self.rows, positions] = hidden

    def advance(self, tokens: int) -> Tensor:
        """Make room for `tokens` more tokens in every row; return their positions, (T,) or (B, T).

        Raises ValueError if a row would become longer than the block size.
        """
        before = self.lengths
        self.lengths = [length + tokens for length in before]
        self.longest = max(self.lengths)
        if self.longest > self.block_size:
            raise ValueError(f"a row of {self.longest} tokens does not fit into a cache of {self.block_size}")
        seen = torch.arange(self.longest, device=self.device)
        if min(before) == max(before):
            self.start = before[0]
            self.positions = seen[self.start :]
            self.mask = seen <= self.positions[:, None] if tokens > 1 else None
        else:
            self.start = None
            self.positions = torch.tensor(before, device=self.device)[:, None] + torch.arange(
                tokens, device=self.device
            )
            self.mask = seen <= self.positions[:, None, :, None]
        return self.positions

    def shorten(self, lengths: Sequence[int]) -> None:
        """Set each row's true length: prompts of different lengths are written with padding, which is dropped here."""
        self.lengths = list(lengths)
        self.longest = max(self.lengths, default=0)

    def add(self, other: KVCache) -> None:
        """Take in the rows of another cache of this model, after those that are there."""
        n, rows = len(self.lengths), len(other.lengths)
        if n + rows > len(self.tokens):
            self._make_room(max(n + rows, 2 * n))
        for mine, theirs in zip(self._tensors(), other._tensors(), strict=True):
            mine[n : n + rows] = theirs[:rows]
        self.shorten([*self.lengths, *other.lengths])

    def remove(self, row: int) -> None:
        """Let go of a row; the last one takes its place."""
        last = len(self.lengths) - 1
        if row != last:
            for tensor in self._tensors():
                tensor[row] = tensor[last]
            self.lengths[row] = self.lengths[last]
        self.shorten(self.lengths[:last])

    def _tensors(self) -> list[Tensor]:
        return [self.tokens, self.hidden, *(part for layer in self.layers for part in (layer.keys, layer.values))]

    def _make_room(self, rows: int) -> None:
        self.tokens, self.hidden = (_longer(tensor, rows) for tensor in (self.tokens, self.hidden))
        for layer in self.layers:
            layer.keys, layer.values = _longer(layer.keys, rows), _longer(layer.values, rows)


def _longer(tensor: Tensor, rows: int) -> Tensor:
    return torch.cat([tensor, tensor.new_zeros(rows - len(tensor), *tensor.shape[1:])])
