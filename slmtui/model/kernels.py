"""The loss of a language model, computed where the time goes: the output matrix.

With GPT-2's 50,257 tokens and a width of 32 to 128, nine tenths of a step's arithmetic is the product of the
hidden states with the output matrix, and the full logits (412 MB in phase 4) are written and walked half a
dozen times by `F.linear` + `F.cross_entropy` and their backward. `linear_cross_entropy` never has them whole:
it goes through the positions in chunks and through the vocabulary in tiles, so that each tile is multiplied,
exponentiated, summed and multiplied again while it lies in the cache. Both gradients are ready when the
forward pass ends: three products and one exponential per logit, which is the least there is.

A tile is `weight[tile] @ hidden.T`, shape (tile, rows): of all orientations and libraries tried this is the
fastest (docs/log.md). The softmax is taken without subtracting the maximum first; a chunk whose sums leave
the range in which that is exact is done again by the plain formula.
"""

import math
import threading
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

ROWS = 256  # positions per chunk: as many as keep the chunk's exponentials near the last-level cache
TILE = 2048  # vocabulary rows per tile: ROWS x TILE products lie in the second-level cache

LOG2_E = 1.4426950408889634
# With sums of exponentials in this range, what underflowed is less than 1e-13 of the sum and nothing
# overflowed.
SAFE_SUM = (1e-20, 1e25)
SMALLEST_NORMAL = 1.2e-38


def linear_cross_entropy(hidden: Tensor, weight: Tensor, targets: Tensor, *, bf16: bool = False) -> Tensor:
    """The mean cross-entropy of `hidden @ weight.T` against `targets`: a scalar, in nats per token.

    hidden   (N, C)  floating point
    weight   (V, C)  the output matrix, without bias
    targets  (N,)    int64, each in [0, V)

    With `bf16` the products take bfloat16 factors and accumulate in float32; sums, loss and
    gradients are float32 in any case. Without gradients (`torch.no_grad`) only the loss is computed. Off the
    CPU, and where the logits are small enough to stay in the cache anyway, this is `F.linear` and
    `F.cross_entropy`.
    """
    rows, vocabulary = hidden.shape[0], weight.shape[0]
    if hidden.shape[1] != weight.shape[1] or targets.shape != (rows,):
        raise ValueError(
            "linear_cross_entropy: hidden (N, C), weight (V, C) and targets (N,) do not fit together: "
            f"{tuple(hidden.shape)}, {tuple(weight.shape)}, {tuple(targets.shape)}"
        )
    if hidden.device.type != "cpu" or rows * vocabulary <= ROWS * TILE:
        return _plain(hidden, weight, targets, bf16)
    hidden = hidden.to(weight.dtype)  # autocast may have left it in bfloat16
    if torch.is_grad_enabled() and (hidden.requires_grad or weight.requires_grad):
        return _differentiable(hidden, weight, targets, bf16)
    return _forward(hidden, weight, targets, bf16, None, None)


def _plain(hidden: Tensor, weight: Tensor, targets: Tensor, bf16: bool) -> Tensor:
    """The textbook's formula, full logits and all."""
    if bf16:
        hidden, weight = hidden.bfloat16(), weight.bfloat16()
    return F.cross_entropy(F.linear(hidden, weight).float(), targets)


class _LinearCrossEntropy(torch.autograd.Function):
    """Computes both gradients in `forward`; `backward` only hands them over."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor, bf16: bool) -> Tensor:
        needs_hidden, needs_weight = ctx.needs_input_grad[:2]
        hidden_grad = torch.empty_like(hidden) if needs_hidden else None
        weight_grad = torch.empty_like(weight) if needs_weight else None
        loss = _forward(hidden, weight, targets, bf16, hidden_grad, weight_grad)
        ctx.gradients = hidden_grad, weight_grad
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        if ctx.gradients is None:
            raise RuntimeError("linear_cross_entropy: backward runs once, its gradients are handed over")
        hidden_grad, weight_grad = ctx.gradients
        ctx.gradients = None  # the only owner from here on is the caller, so .grad takes them without a copy
        if upstream.item() != 1.0:
            hidden_grad = None if hidden_grad is None else hidden_grad.mul_(upstream)
            weight_grad = None if weight_grad is None else weight_grad.mul_(upstream)
        return hidden_grad, weight_grad, None, None


_differentiable: Callable[[Tensor, Tensor, Tensor, bool], Tensor] = _LinearCrossEntropy.apply


def _forward(
    hidden: Tensor,
    weight: Tensor,
    targets: Tensor,
    bf16: bool,
    hidden_grad: Tensor | None,
    weight_grad: Tensor | None,
) -> Tensor:
    """The loss; the gradients' buffers, where given, are overwritten with them.

    For position i with logits z and s = sum(exp(z)):  loss = log(s) - z[target],
    d loss / d hidden = exp(z) / s @ weight - weight[target],  and so for the weight. The division by s is
    left to the (rows, C) side of each product, and the targets' share is added once at the end, row by row.
    """
    hidden, weight = hidden.detach(), weight.detach()
    total = hidden.new_zeros(())
    count = hidden.shape[0]
    kind = torch.bfloat16 if bf16 else hidden.dtype
    factor = weight if kind == weight.dtype else _kept("weight", weight.shape, kind).copy_(weight)
    scaled = (hidden * LOG2_E).to(kind)  # exp2 takes a third of the time of exp
    for first in range(0, count, ROWS):
        chunk = slice(first, min(first + ROWS, count))
        exponentials = _kept("exponentials", (weight.shape[0], chunk.stop - chunk.start), kind)
        chunk_grad = None if hidden_grad is None else hidden_grad[chunk]
        sums = _exponentials(scaled[chunk], factor, exponentials, chunk_grad)
        at_target = exponentials[targets[chunk], torch.arange(len(sums))].to(sums.dtype)
        if not _safe(sums, at_target):
            total += _plain_chunk(hidden[chunk], weight, targets[chunk], exponentials, chunk_grad)
            sums.fill_(1.0)
        else:
            total += (sums / at_target).log().sum()
            if chunk_grad is not None:
                chunk_grad /= sums[:, None]
        if weight_grad is not None:
            share = (hidden[chunk] / (sums * count)[:, None]).to(kind)
            _accumulate(exponentials, share, weight_grad, overwrite=first == 0)
    if weight_grad is not None:
        weight_grad.index_add_(0, targets, hidden, alpha=-1.0 / count)
    if hidden_grad is not None:
        hidden_grad.sub_(weight[targets]).div_(count)
    return total / count


def _exponentials(scaled: Tensor, weight: Tensor, exponentials: Tensor, product: Tensor | None) -> Tensor:
    """Fill `exponentials` (V, rows) with 2 ** (weight @ scaled.T); return their sums (rows,).

    `product` (rows, C), where given, becomes exponentials.T @ weight.
    """
    sums = torch.zeros(scaled.shape[0], dtype=torch.promote_types(scaled.dtype, torch.float32))
    if product is not None:
        product.zero_()
    columns = scaled.t()
    for tile_weight, tile in zip(_tiles(weight), _tiles(exponentials), strict=True):
        torch.mm(tile_weight, columns, out=tile)
        torch.exp2(tile, out=tile)
        sums += tile.sum(0, dtype=sums.dtype)
        if product is None:
            continue
        if product.dtype == tile.dtype:
            torch.addmm(product, tile.t(), tile_weight, out=product)
        else:
            product += torch.mm(tile.t(), tile_weight)
    return sums


def _accumulate(exponentials: Tensor, share: Tensor, weight_grad: Tensor, *, overwrite: bool) -> None:
    """weight_grad (V, C) becomes, or is increased by, exponentials (V, rows) @ share (rows, C)."""
    for tile, grad in zip(_tiles(exponentials), _tiles(weight_grad), strict=True):
        if grad.dtype != tile.dtype:
            product = torch.mm(tile, share, out=_kept("product", grad.shape, tile.dtype))
            grad.copy_(product) if overwrite else grad.add_(product)
        elif overwrite:
            torch.mm(tile, share, out=grad)
        else:
            torch.addmm(grad, tile, share, out=grad)


def _tiles(matrix: Tensor) -> tuple[Tensor, ...]:
    return torch.split(matrix, TILE)


def _safe(sums: Tensor, at_target: Tensor) -> bool:
    """Whether no exponential that matters left the range of float32."""
    low, high = sums.aminmax()
    return SAFE_SUM[0] < low.item() and high.item() < SAFE_SUM[1] and at_target.min().item() > SMALLEST_NORMAL


def _plain_chunk(
    hidden: Tensor, weight: Tensor, targets: Tensor, probabilities: Tensor, product: Tensor | None
) -> Tensor:
    """What `_exponentials` does, for logits of any size; returns the sum of the losses.

    `probabilities` and `product` come out already divided by their sums.
    """
    logits = F.linear(hidden, weight)
    loss = F.cross_entropy(logits, targets, reduction="sum")
    softmax = logits.softmax(1)
    probabilities.copy_(softmax.t())
    if product is not None:
        torch.mm(softmax, weight, out=product)
    return loss


_buffers = threading.local()  # one set for each thread: the console may evaluate while another thread trains


def _kept(name: str, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """A buffer of this thread's, contents arbitrary: fresh memory costs a page fault for every 4 KB."""
    size = math.prod(shape)
    kept: Tensor | None = getattr(_buffers, name, None)
    if kept is None or kept.dtype != dtype or kept.numel() < size:
        kept = torch.empty(size, dtype=dtype)
        setattr(_buffers, name, kept)
    return kept[:size].view(shape)
