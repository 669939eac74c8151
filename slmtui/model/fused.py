"""Parts of a block that are trained in bfloat16 on a CPU, each in one pass through memory (fused_kernels.py).

Where `applies` does not hold, torch computes the same formulas.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from slmtui.model.rotary import Rotation
from slmtui.model.threads import for_each, for_each_share


def applies(x: Tensor) -> bool:
    """Whether x is computed with in bfloat16, on a CPU."""
    return x.device.type == "cpu" and torch.is_autocast_enabled("cpu") and x.dtype in (torch.float32, torch.bfloat16)


class RMSNorm(nn.RMSNorm):
    """RMSNorm of what a product in bfloat16 takes next."""

    def forward(self, x: Tensor) -> Tensor:
        """(…, C) -> the same shape; bfloat16 where that is computed with."""
        if x.dtype == torch.float32 and applies(x):
            assert self.eps is not None
            return _rms_norm(x, self.weight, self.eps)
        return super().forward(x)


def swiglu(x: Tensor) -> Tensor:
    """(…, 2 W), gate and value, bfloat16 -> (…, W)."""
    return _swiglu(x)


def into_heads(qkv: Tensor, rotation: Rotation, n_head: int) -> tuple[Tensor, Tensor, Tensor]:
    """(B, T, 3 C) in bfloat16 -> q and k, turned by their positions (T,), and v: (B, H, T, D) each, float32."""
    q, k, v = _into_heads(qkv, rotation.cos, rotation.sin, n_head).unbind(1)
    return q, k, v


class _RMSNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        from slmtui.model.fused_kernels import rms_norm  # numba, which other networks do not need

        y = torch.empty(x.shape, dtype=torch.bfloat16)
        given, scales, written = _rows(x).numpy(), weight.detach().numpy(), _bits(_rows(y))
        inverse = np.empty(len(given), np.float32)

        def work(some: slice) -> None:
            rms_norm(given[some], scales, np.float32(eps), written[some], inverse[some])

        for_each_share(work, len(given))
        ctx.save_for_backward(x, weight)
        ctx.inverse = inverse
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, Tensor, None]:
        from slmtui.model.fused_kernels import rms_norm_backward

        x, weight = ctx.saved_tensors
        by_x, by_weight = torch.empty(x.shape), dict[int, NDArray[Any]]()  # of each share, by its first row
        given, rows, written = _bits(_rows(upstream)), _rows(x).numpy(), _rows(by_x).numpy()
        scales = weight.detach().numpy()

        def work(some: slice) -> None:
            own = np.zeros(len(scales), np.float32)
            rms_norm_backward(given[some], rows[some], scales, ctx.inverse[some], written[some], own)
            by_weight[some.start] = own

        for_each_share(work, len(rows))
        in_order = [by_weight[start] for start in sorted(by_weight)]
        return by_x, torch.from_numpy(np.sum(in_order, axis=0)), None


class _SwiGLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        from slmtui.model.fused_kernels import swiglu

        y = torch.empty(*x.shape[:-1], x.shape[-1] // 2, dtype=torch.bfloat16)
        given, written = _bits(_rows(x)), _bits(_rows(y))
        for_each_share(lambda some: swiglu(given[some], written[some]), len(given))
        ctx.save_for_backward(x)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        from slmtui.model.fused_kernels import swiglu_backward

        (x,) = ctx.saved_tensors
        by_x = torch.empty(x.shape, dtype=torch.bfloat16)
        given, rows, written = _bits(_rows(upstream)), _bits(_rows(x)), _bits(_rows(by_x))
        for_each_share(lambda some: swiglu_backward(given[some], rows[some], written[some]), len(rows))
        return by_x


class _IntoHeads(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, qkv: Tensor, cos: Tensor, sin: Tensor, n_head: int) -> Tensor:
        from slmtui.model.fused_kernels import into_heads

        B, T, width = qkv.shape
        heads = torch.empty(B, 3, n_head, T, width // (3 * n_head))
        given, written, turns = _bits(qkv.contiguous()), heads.numpy(), (cos.numpy(), sin.numpy())

        def work(b: int) -> None:
            into_heads(given[b], turns[0], turns[1], written[b])

        for_each(work, B)
        ctx.turns, ctx.width = turns, width
        return heads

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None, None]:
        from slmtui.model.fused_kernels import out_of_heads

        B, _, _, T, _ = upstream.shape
        by_qkv = torch.empty(B, T, ctx.width, dtype=torch.bfloat16)
        given, written = upstream.contiguous().numpy(), _bits(by_qkv)
        cos, sin = ctx.turns

        def work(b: int) -> None:
            out_of_heads(given[b], cos, sin, written[b])

        for_each(work, B)
        return by_qkv, None, None, None


_rms_norm: Callable[[Tensor, Tensor, float], Tensor] = _RMSNorm.apply
_swiglu: Callable[[Tensor], Tensor] = _SwiGLU.apply
_into_heads: Callable[[Tensor, Tensor, Tensor, int], Tensor] = _IntoHeads.apply


def _rows(x: Tensor) -> Tensor:
    """(…, n) -> (N, n), without a copy if x is contiguous."""
    return x.detach().contiguous().view(-1, x.shape[-1])


def _bits(x: Tensor) -> NDArray[np.uint16]:
    """bfloat16 as NumPy can have it."""
    return x.detach().view(torch.uint16).numpy()
