"""What is computed in one pass is what torch computes, to the rounding of bfloat16."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from slmtui.model import fused
from slmtui.model.gpt import GPT, GPTConfig, initial_gpt
from slmtui.model.rotary import Rotation

ROUNDING = 2**-8  # of bfloat16, relative


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)


def norms(x: Tensor, y: Tensor) -> float:
    """How far y is from x, relative."""
    return float((x.float() - y.float()).norm() / x.float().norm().clamp(min=1e-9))


def in_bf16(function: Callable[..., Tensor], *inputs: Tensor) -> list[Tensor]:
    """What comes of it, and the gradient of each input by fixed weights of that."""
    given = [x.clone().requires_grad_() for x in inputs]
    with torch.autocast("cpu", torch.bfloat16):
        y = function(*given)
    y.backward(torch.linspace(-1, 1, y.numel()).view(y.shape).to(y.dtype))  # type: ignore[no-untyped-call]
    return [y.detach(), *(x.grad for x in given if x.grad is not None)]


def in_fp32(function: Callable[..., Tensor], *inputs: Tensor) -> list[Tensor]:
    given = [x.float().clone().requires_grad_() for x in inputs]
    y = function(*given)
    y.backward(torch.linspace(-1, 1, y.numel()).view(y.shape))  # type: ignore[no-untyped-call]
    return [y.detach(), *(x.grad for x in given if x.grad is not None)]


def normed(x: Tensor, weight: Tensor) -> Tensor:
    norm = fused.RMSNorm(x.shape[-1], eps=1e-5)
    del norm.weight
    norm.weight = weight  # type: ignore[assignment]
    return norm(x)  # type: ignore[no-any-return]


@pytest.mark.parametrize("shape", [(1, 1, 8), (3, 5, 24), (2, 7, 33)])
def test_rms_norm(shape: tuple[int, ...]) -> None:
    x, weight = 3 * torch.randn(shape), torch.rand(shape[-1]) + 0.5
    exact = in_fp32(lambda x, weight: F.rms_norm(x, weight.shape, weight, 1e-5), x, weight)
    found = in_bf16(normed, x, weight)
    assert found[0].dtype == torch.bfloat16
    assert found[1].dtype == torch.float32
    for one, other in zip(exact, found, strict=True):
        assert norms(one, other) < ROUNDING


def test_a_norm_in_float32_is_torchs() -> None:
    x, weight = torch.randn(2, 3, 8), torch.rand(8)
    assert torch.equal(normed(x, weight), F.rms_norm(x, (8,), weight, 1e-5))


@pytest.mark.parametrize("width", [4, 24, 172])
def test_swiglu(width: int) -> None:
    x = (4 * torch.randn(3, 5, 2 * width)).bfloat16()
    x[0, 0, :4] = torch.tensor([100.0, -100.0, 0.0, -20.0])

    def formula(x: Tensor) -> Tensor:
        gate, value = x.chunk(2, dim=-1)
        return F.silu(gate) * value

    exact, found = in_fp32(formula, x), in_bf16(fused.swiglu, x)
    for one, other in zip(exact, found, strict=True):
        assert other.dtype == torch.bfloat16
        assert torch.isfinite(other).all()
        assert norms(one, other) < ROUNDING


@pytest.mark.parametrize(("heads", "size"), [(1, 2), (2, 16), (3, 32)])
def test_into_heads(heads: int, size: int) -> None:
    B, T, C = 2, 9, heads * size
    qkv, rotation = torch.randn(B, T, 3 * C).bfloat16(), Rotation(torch.arange(T), size)

    def formula(qkv: Tensor) -> Tensor:
        q, k, v = (part.view(B, T, heads, size).transpose(1, 2) for part in qkv.split(C, dim=2))  # type: ignore[no-untyped-call]
        return torch.stack([rotation(q), rotation(k), v])

    def one_pass(qkv: Tensor) -> Tensor:
        return torch.stack(fused.into_heads(qkv, rotation, heads))

    (exact, exact_gradient), (found, gradient) = in_fp32(formula, qkv), in_bf16(one_pass, qkv)
    assert torch.allclose(found, exact, atol=1e-6)
    assert norms(exact_gradient, gradient) < ROUNDING


def test_rows_that_do_not_lie_one_after_the_other() -> None:
    x, weight = torch.randn(6, 4, 5).transpose(1, 2), torch.rand(4)
    qkv, rotation = torch.randn(9, 2, 12).bfloat16().transpose(0, 1), Rotation(torch.arange(9), 4)
    for function, inputs in (
        (normed, (x, weight)),
        (fused.swiglu, (x.bfloat16(),)),
        (lambda qkv: torch.stack(fused.into_heads(qkv, rotation, 1)), (qkv,)),
    ):
        scattered = in_bf16(function, *inputs)
        together = in_bf16(function, *(one.contiguous() for one in inputs))
        assert all(torch.equal(one, other) for one, other in zip(scattered, together, strict=True))


def llama(**more: object) -> GPT:
    values = {"n_vocab": 50, "n_layer": 2, "n_head": 2, "n_embd": 24, "block_size": 16, "copy_head": True} | more
    return initial_gpt(GPTConfig(positions="rotary", norm="rms", mlp="swiglu", **values), 0).train()  # type: ignore[arg-type]


def gradients(model: GPT, idx: Tensor) -> dict[str, Tensor]:
    model.zero_grad()
    model.loss(idx[:, :-1], idx[:, 1:], bf16=True).backward()  # type: ignore[no-untyped-call]
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("n_head", [1, 2, 4])
def test_a_network_has_the_gradients_that_torch_computes(n_head: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model, idx = llama(n_head=n_head), torch.randint(50, (5, 17))
    found = gradients(model, idx)
    monkeypatch.setattr(fused, "applies", lambda _: False)
    by_torch = gradients(model, idx)
    assert found.keys() == by_torch.keys()
    for name, gradient in by_torch.items():
        assert norms(gradient, found[name]) < 0.03, name


def test_in_so_many_threads_it_is_the_same_each_time() -> None:
    idx = torch.randint(50, (5, 17))
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        first, second = gradients(llama(), idx), gradients(llama(), idx)
        assert all(torch.equal(first[name], second[name]) for name in first)
