"""Rotary positions (Su et al. 2021, "RoFormer"): q and k are turned by angles that grow with the position."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

ROTARY_BASE = 10_000.0  # of the wavelengths: from 2 pi tokens to nearly this times 2 pi


class Rotation:
    """Turns q and k, pair by pair, so that q · k depends on how far apart they are, not on where.

    The pairs are (i, i + D/2), as in GPT-NeoX and Hugging Face's LLaMA. positions: (T,) or (B, T).
    """

    def __init__(self, positions: Tensor, head_size: int) -> None:
        exponents = torch.arange(0, head_size, 2, device=positions.device) / head_size
        angles = positions[..., None] * ROTARY_BASE**-exponents  # (T, D/2) or (B, T, D/2)
        if positions.dim() == 2:
            angles = angles[:, None]  # (B, 1, T, D/2): the same for all heads
        self.cos, self.sin = angles.cos(), angles.sin()

    def __call__(self, x: Tensor) -> Tensor:
        """(B, H, T, D) -> the same shape and dtype."""
        return _differentiable(x, self.cos, self.sin)


class _Turning(torch.autograd.Function):
    """The gradient is turned back. By hand, which takes a third of what autograd takes for the formula."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        ctx.save_for_backward(cos, sin)
        return _turned(x, cos, sin)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None]:
        cos, sin = ctx.saved_tensors
        return _turned(upstream, cos, -sin), None, None


_differentiable: Callable[..., Tensor] = _Turning.apply


def _turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    turned = torch.empty(x.shape, dtype=cos.dtype, device=x.device)
    (first, second), (to_first, to_second) = x.to(cos.dtype).chunk(2, dim=-1), turned.chunk(2, dim=-1)
    torch.mul(first, cos, out=to_first).addcmul_(second, sin, value=-1)
    torch.mul(second, cos, out=to_second).addcmul_(first, sin)
    return turned.to(x.dtype)
