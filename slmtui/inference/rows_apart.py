"""Each row of a batch is computed as it would be alone, to the last bit: who is in the batch changes nothing.

A product of many rows adds up in another order than that of one, and attention over a padded row in another order than
over the row itself. Here each row is a product of its own, of the same shape however many there are, and attends to
itself. What is done number by number, or along a row (layer norm, GELU, softmax), needs nothing. On small models that
costs little, since the calls are what takes the time; numbers are in docs/log.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from slmtui.inference.kv_cache import KVCache


class RowsApart(TorchFunctionMode):
    """While it is entered, a model reads one more token of each of B rows, (B, 1), with this key/value cache."""

    def __init__(self, cache: KVCache) -> None:
        super().__init__()
        self._cache = cache

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is F.linear:
            return _linear(*args, **(kwargs or {}))
        if func is F.scaled_dot_product_attention:
            return self._attention(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))

    def _attention(self, q: Tensor, k: Tensor, v: Tensor, attn_mask: Tensor | None = None) -> Tensor:
        """q (B, H, 1, D), k and v (B, H, longest, D) -> (B, H, 1, D)."""
        if attn_mask is None:  # all are equally long: each head of each row is computed by itself
            return F.scaled_dot_product_attention(q, k, v)
        rows = [
            F.scaled_dot_product_attention(q[i : i + 1], k[i : i + 1, :, :n], v[i : i + 1, :, :n])
            for i, n in enumerate(self._cache.lengths)
        ]
        return torch.cat(rows)


def _linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """x (B, 1, C), weight (N, C), bias (N,) -> (B, 1, N)."""
    return torch.baddbmm(bias, x, weight.t().expand(len(x), -1, -1))
