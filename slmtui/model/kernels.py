"""Fast kernels for the two ends of a language model, where most of the time goes: the token embedding and the loss.

With GPT-2's 50,257 tokens and a width of 32 to 128, nine tenths of a step's arithmetic is the product of the hidden
states with the output matrix. `F.linear` + `F.cross_entropy` write the full logits (412 MB in phase 4) and pass over
them half a dozen times; `linear_cross_entropy` never materialises them. It splits the positions into chunks and the
vocabulary into tiles, so that each tile is multiplied, exponentiated, summed and multiplied again while it is still in
the cache. Both gradients are complete at the end of the forward pass, after three products and one exponential per
logit, which is the minimum.

A tile is `weight[tile] @ hidden.T`, of shape (tile, rows): this was the fastest of the orientations tried, and the
products are accumulated directly in the gradients (numbers in docs/log.md). The softmax does not subtract the maximum
first; a chunk whose sums leave the range in which that is exact is recomputed by the plain formula.

Shapes: N positions, C = n_embd, V = n_vocab.
"""

import math
import threading
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from slmtui.model.size import ROWS, takes_plain_formula

TILE_LOGITS = 1 << 20  # logits in a tile: 4 MB, which fit in the caches
BLOCK = 1024  # vocabulary rows of the weight's gradient in each product of a batched multiplication

LOG2_E = 1.4426950408889634
# While the sums of exponentials are in this range, underflow has lost less than 1e-13 of the sum, and nothing has
# overflowed.
SAFE_SUM = (1e-20, 1e25)
SMALLEST_NORMAL = 1.2e-38


def linear_cross_entropy(hidden: Tensor, weight: Tensor, targets: Tensor, *, bf16: bool = False) -> Tensor:
    """The mean cross-entropy of `hidden @ weight.T` against `targets`: a scalar, in nats per token.

    hidden   (N, C)  floating point
    weight   (V, C)  the output matrix, without bias
    targets  (N,)    int64, each in [0, V)

    With `bf16` the matrix products take bfloat16 operands and accumulate in float32; sums, loss and gradients are
    float32 in any case. Without gradients (`torch.no_grad`) only the loss is computed. On other devices than the CPU,
    and for a small vocabulary (size.py), this is `F.linear` and `F.cross_entropy`. Raises ValueError if the shapes do
    not fit together.
    """
    if hidden.shape[1] != weight.shape[1] or targets.shape != hidden.shape[:1]:
        raise ValueError(
            "linear_cross_entropy: hidden (N, C), weight (V, C) and targets (N,) do not fit together: "
            f"{tuple(hidden.shape)}, {tuple(weight.shape)}, {tuple(targets.shape)}"
        )
    if hidden.device.type != "cpu" or takes_plain_formula(hidden.shape[0], weight.shape[0]):
        return _plain(hidden, weight, targets, bf16)
    hidden = hidden.to(weight.dtype)  # autocast may have left it in bfloat16
    if torch.is_grad_enabled() and (hidden.requires_grad or weight.requires_grad):
        return _differentiable_loss(hidden, weight, targets, bf16)
    return _forward(hidden, weight, targets, bf16, None, None)


class DecodeHead:
    """`output(hidden)` for the few rows of a generation step: (B, C) -> (B, V).

    output  a linear layer without bias, its weight (V, C)

    On the CPU, the speed depends on how fast the weight can be read. With several rows, the product is faster with the
    weight on the left; with one row, a transposed copy is read four times as fast (docs/log.md). The copy is made anew
    when the weight has changed.
    """

    def __init__(self, output: nn.Linear) -> None:
        self.output = output
        self.transposed: Tensor | None = None  # (C, V)
        self.copied: tuple[Tensor, int] | None = None  # the weight that was transposed, and its version

    def __call__(self, hidden: Tensor) -> Tensor:
        weight = self.output.weight
        if hidden.device.type != "cpu":
            return F.linear(hidden, weight)
        if len(hidden) > 1:
            return (weight @ hidden.t()).t().contiguous()
        if self.transposed is None or not self._is_copy_of(weight):
            self.transposed, self.copied = weight.t().contiguous(), (weight, weight._version)
        if hidden.shape[1] % 2:
            return hidden @ self.transposed
        # Split into two halves of the width, so that two threads read it: torch computes a single row in one thread.
        halves = hidden.view(1, 2, -1).transpose(0, 1), self.transposed.view(2, -1, len(weight))
        return torch.bmm(*halves).sum(0)

    def _is_copy_of(self, weight: Tensor) -> bool:
        return self.copied is not None and self.copied[0] is weight and self.copied[1] == weight._version


def token_cross_entropy(hidden: Tensor, weight: Tensor, targets: Tensor, *, bf16: bool = False) -> Tensor:
    """The cross-entropy of each target, (N,); `linear_cross_entropy` gives their mean. Uses the plain formula, on the
    logits of one chunk of positions at a time.
    """
    kind = torch.bfloat16 if bf16 else weight.dtype
    factor = weight.to(kind)
    return torch.cat(
        [
            F.cross_entropy(F.linear(rows.to(kind), factor).to(weight.dtype), at, reduction="none")
            for rows, at in zip(torch.split(hidden, ROWS), torch.split(targets, ROWS), strict=True)
        ]
    )


def embed(idx: Tensor, weight: Tensor, positions: Tensor | None = None) -> Tensor:
    """`F.embedding(idx, weight) + positions`: idx (B, T), weight (V, C), positions (T, C) or (B, T, C), or None, ->
    (B, T, C).

    For a weight tied to the output matrix. On the CPU its gradient is added directly to the rows of `weight.grad`,
    which by then holds the output matrix's share; autograd would allocate and add a whole (V, C) matrix for it. The
    gradient is therefore set by `backward()` but not returned by `torch.autograd.grad`.
    """
    learned = weight if positions is None else positions
    if idx.device.type != "cpu" or not (torch.is_grad_enabled() and learned.requires_grad):
        embedded = F.embedding(idx, weight)
        return embedded if positions is None else embedded + positions
    # Without positions, a number of no effect has autograd come back here.
    return _tied_embedding(idx, [weight], torch.zeros((), requires_grad=True) if positions is None else positions)


class _TiedEmbedding(torch.autograd.Function):
    """The weight is passed in a list to hide it from autograd, which would otherwise expect a gradient from here."""

    @staticmethod
    def forward(ctx: Any, idx: Tensor, weight: list[Tensor], positions: Tensor) -> Tensor:
        ctx.idx, ctx.weight, ctx.positions_shape = idx, weight[0], positions.shape
        return F.embedding(idx, weight[0].detach()) + positions

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[None, None, Tensor]:
        weight: Tensor = ctx.weight
        if weight.grad is None:
            weight.grad = torch.zeros_like(weight)
        weight.grad.index_add_(0, ctx.idx.flatten(), upstream.flatten(0, 1).to(weight.dtype))
        return None, None, upstream.sum_to_size(ctx.positions_shape)


class _LinearCrossEntropy(torch.autograd.Function):
    """Computes both gradients in `forward`; `backward` only returns them."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor, bf16: bool) -> Tensor:
        needs_hidden, needs_weight = ctx.needs_input_grad[:2]
        hidden_grad = torch.empty_like(hidden) if needs_hidden else None
        weight_grad = _gradient_buffer(weight) if needs_weight else None
        loss = _forward(hidden, weight, targets, bf16, hidden_grad, weight_grad)
        ctx.gradients = hidden_grad, weight_grad
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        if ctx.gradients is None:
            raise RuntimeError("linear_cross_entropy: backward can run only once, since it gives its gradients away")
        hidden_grad, weight_grad = ctx.gradients
        ctx.gradients = None  # the caller is now the only owner, so .grad takes them without a copy
        if upstream.item() != 1.0:
            hidden_grad = None if hidden_grad is None else hidden_grad.mul_(upstream)
            weight_grad = None if weight_grad is None else weight_grad.mul_(upstream)
        return hidden_grad, weight_grad, None, None


_differentiable_loss: Callable[[Tensor, Tensor, Tensor, bool], Tensor] = _LinearCrossEntropy.apply
_tied_embedding: Callable[[Tensor, list[Tensor], Tensor], Tensor] = _TiedEmbedding.apply


def _plain(hidden: Tensor, weight: Tensor, targets: Tensor, bf16: bool) -> Tensor:
    """The textbook formula, with full logits."""
    kind = torch.bfloat16 if bf16 else weight.dtype
    logits = F.linear(hidden.to(kind), weight.to(kind))
    return F.cross_entropy(logits.float() if bf16 else logits, targets)


def _forward(
    hidden: Tensor,
    weight: Tensor,
    targets: Tensor,
    bf16: bool,
    hidden_grad: Tensor | None,
    weight_grad: Tensor | None,
) -> Tensor:
    """The loss; the gradients are written to the buffers if these are given.

    For a position with logits z and s = sum(exp(z)):  loss = log(s) - z[target],
    d loss / d hidden = exp(z) / s @ weight - weight[target],  and similarly for the weight. The division by s is
    applied to the (rows, C) side of each product, and the targets' share is added once at the end, row by row.
    """
    hidden, weight = hidden.detach(), weight.detach()
    total = hidden.new_zeros(())
    count = hidden.shape[0]
    kind = torch.bfloat16 if bf16 else hidden.dtype
    factor = weight if kind == weight.dtype else _scratch("weight", weight.shape, kind).copy_(weight)
    scaled = (hidden * LOG2_E).to(kind)  # for exp2, which takes a third as long as exp
    for first in range(0, count, ROWS):
        chunk = slice(first, min(first + ROWS, count))
        rows, chunk_grad = hidden[chunk], None if hidden_grad is None else hidden_grad[chunk]
        exponentials = _scratch("exponentials", (weight.shape[0], len(rows)), kind)
        sums = _exponentials(scaled[chunk], factor, exponentials, chunk_grad)
        at_target = exponentials[targets[chunk], torch.arange(len(rows))].to(sums.dtype)
        if _safe(sums, at_target):
            total += (sums / at_target).log().sum()
            if chunk_grad is not None:
                chunk_grad /= sums[:, None]
        else:
            total += _plain_chunk(rows, weight, targets[chunk], exponentials, chunk_grad)
            sums.fill_(1.0)
        if weight_grad is not None:
            share = (rows / (sums * count)[:, None]).to(kind)
            _accumulate(exponentials, share, weight_grad, overwrite=first == 0)
    if weight_grad is not None:
        weight_grad.index_add_(0, targets, hidden, alpha=-1.0 / count)
    if hidden_grad is not None:
        hidden_grad.sub_(weight[targets]).div_(count)
    return total / count


def _exponentials(scaled: Tensor, weight: Tensor, exponentials: Tensor, product: Tensor | None) -> Tensor:
    """Fill `exponentials` (V, rows) with 2 ** (weight @ scaled.T); return their sums (rows,).

    `product` (rows, C), if given, is set to exponentials.T @ weight.
    """
    sums = torch.zeros(scaled.shape[0], dtype=torch.promote_types(scaled.dtype, torch.float32))
    if product is not None:
        product.zero_()
    for tile_weight, tile in zip(_tiles(weight, len(scaled)), _tiles(exponentials, len(scaled)), strict=True):
        torch.mm(tile_weight, scaled.t(), out=tile)
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
    """Set weight_grad (V, C) to exponentials (V, rows) @ share (rows, C), or add the product to it."""
    if weight_grad.dtype == exponentials.dtype:
        n_blocks, beta = len(weight_grad) // BLOCK, 0 if overwrite else 1
        blocks, rest = weight_grad[: n_blocks * BLOCK], weight_grad[n_blocks * BLOCK :]
        factors, last = exponentials[: n_blocks * BLOCK], exponentials[n_blocks * BLOCK :]
        blocks, factors = blocks.view(n_blocks, BLOCK, share.shape[1]), factors.view(n_blocks, BLOCK, len(share))
        torch.baddbmm(blocks, factors, share.expand(n_blocks, -1, -1), beta=beta, out=blocks)
        torch.addmm(rest, last, share, beta=beta, out=rest)
        return
    for tile, grad in zip(_tiles(exponentials, len(share)), _tiles(weight_grad, len(share)), strict=True):
        product = torch.mm(tile, share, out=_scratch("product", grad.shape, tile.dtype))
        grad.copy_(product) if overwrite else grad.add_(product)


def _tiles(matrix: Tensor, rows: int) -> tuple[Tensor, ...]:
    """Tiles of a round number of vocabulary rows: odd shapes are a tenth slower."""
    return torch.split(matrix, max(1, TILE_LOGITS // rows // 1024) * 1024)


def _safe(sums: Tensor, at_target: Tensor) -> bool:
    """Whether every exponential that matters is within the range of float32."""
    low, high = sums.aminmax()
    return SAFE_SUM[0] < low.item() and high.item() < SAFE_SUM[1] and at_target.min().item() > SMALLEST_NORMAL


def _plain_chunk(
    hidden: Tensor, weight: Tensor, targets: Tensor, probabilities: Tensor, product: Tensor | None
) -> Tensor:
    """Does what `_exponentials` does, for logits of any size; returns the sum of the losses.

    `probabilities` and `product` are already divided by the sums.
    """
    logits = F.linear(hidden, weight)
    loss = F.cross_entropy(logits, targets, reduction="sum")
    softmax = logits.softmax(1)
    probabilities.copy_(softmax.t())
    if product is not None:
        torch.mm(softmax, weight, out=product)
    return loss


_buffers = threading.local()  # one set per thread: the console may evaluate while another thread trains


def _scratch(name: str, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """A scratch buffer of this thread, contents arbitrary; reused because new memory costs a page fault per 4 KB."""
    size, key = math.prod(shape), f"{name} {dtype}"
    buffer: Tensor | None = getattr(_buffers, key, None)
    if buffer is None or buffer.numel() < size:
        buffer = torch.empty(size, dtype=dtype)
        setattr(_buffers, key, buffer)
    return buffer[:size].view(shape)


def _gradient_buffer(weight: Tensor) -> Tensor:
    """Memory for the gradient of `weight`: that of the previous step, unless something still refers to it."""
    buffer: Tensor | None = getattr(_buffers, "weight_grad", None)
    if buffer is None or buffer.shape != weight.shape or buffer.dtype != weight.dtype or _is_shared(buffer):
        buffer = torch.empty_like(weight, memory_format=torch.contiguous_format)
        _buffers.weight_grad = buffer
    return buffer.view_as(buffer)  # a separate tensor on the same memory, which autograd may take over as .grad


def _is_shared(tensor: Tensor) -> bool:
    """Whether any other tensor refers to this one's memory; always true if this torch does not count references."""
    try:
        return bool(torch._C._storage_Use_Count(tensor.untyped_storage()._cdata) > 2)
    except (AttributeError, TypeError):  # the function is private and may be missing or have another signature
        return True
