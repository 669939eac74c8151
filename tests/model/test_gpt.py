"""The parts that a network may be made of: each as its paper has it, and generation's cache changes nothing of it."""

from __future__ import annotations

import cmath
from dataclasses import replace
from itertools import product
from typing import Any, get_args

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from slmtui.config.limits import MlpKind
from slmtui.config.phase import Phase
from slmtui.config.recorded_phase import recorded_phase
from slmtui.inference.batch import Sampling
from slmtui.inference.generation import generate
from slmtui.model import gpt
from slmtui.model.gpt import GPT, MLP, GPTConfig, initial_gpt
from slmtui.model.rotary import Rotation
from slmtui.training.state import model_config
from tests.conftest import MakePhase

CONFIG = GPTConfig(n_vocab=50, n_layer=2, n_head=2, n_embd=16, block_size=12)
PARTS: list[dict[str, Any]] = [
    {"positions": positions, "norm": norm, "mlp": mlp}
    for positions, norm, mlp in product(("learned", "rotary"), ("layer", "rms"), ("gelu", "gelu_tanh", "swiglu"))
]
FREE = Sampling(temperature=1.0, top_k=0, top_p=1.0)


def sharp(config: GPTConfig) -> GPT:
    """With weights large enough that its predictions differ from place to place."""
    model = initial_gpt(config, seed=1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(8.0 if parameter.dim() == 2 else 1.0)
    return model.eval()


@pytest.mark.parametrize("parts", PARTS, ids=lambda parts: "-".join(parts.values()))
@pytest.mark.parametrize("copy_head", [False, True])
@torch.no_grad()
def test_the_cache_predicts_what_reading_the_whole_window_does(parts: dict[str, Any], copy_head: bool) -> None:
    """Rows of different lengths, up to the block size and beyond."""
    model = sharp(replace(CONFIG, copy_head=copy_head, **parts))
    rows = [np.array([3]), np.arange(5), np.arange(11)]
    for draw in generate(model, rows, 16, FREE, [1, 2, 3]):
        for i, row in enumerate(rows):
            window = torch.from_numpy(row[None, -CONFIG.block_size :])
            *_, whole = model.distributions(window, first=window.size(1) - 1)
            torch.testing.assert_close(draw.probabilities[i], whole[-1], atol=1e-5, rtol=1e-4)
        rows = [np.append(row, int(token)) for row, token in zip(rows, draw.tokens, strict=True)]


@pytest.mark.parametrize("parts", PARTS, ids=lambda parts: "-".join(parts.values()))
@torch.no_grad()
def test_no_prediction_depends_on_what_comes_later(parts: dict[str, Any]) -> None:
    model = sharp(replace(CONFIG, **parts))
    idx = torch.arange(12)[None]
    changed = idx.clone()
    changed[0, 7:] += 20
    assert torch.allclose(model(idx)[0, :7], model(changed)[0, :7], atol=1e-6)
    assert not torch.allclose(model(idx)[0, 7], model(changed)[0, 7], atol=1e-2)


def scores(q: Tensor, k: Tensor, first: int) -> Tensor:
    """Rotated q · k at the positions from `first` on, (B, H, T, T)."""
    rotation = Rotation(torch.arange(first, first + q.size(2)), q.size(3))
    return rotation(q) @ rotation(k).transpose(-2, -1)


@pytest.mark.parametrize("size", [16, 64])
def test_attention_in_bf16_is_trained_with_gradients_that_are_near(size: int) -> None:
    """Small heads in float32, large ones with torch's own kernel; without gradients both with that."""
    torch.manual_seed(0)
    q, k, v = (torch.randn(2, 3, 40, size, requires_grad=True) for _ in range(3))
    upstream = torch.randn(2, 3, 40, size)
    expected = torch.autograd.grad(gpt.causal_attention(q, k, v), (q, k, v), upstream)
    with torch.autocast("cpu", torch.bfloat16):
        y = gpt.causal_attention(q.bfloat16(), k.bfloat16(), v.bfloat16())
        assert y.dtype == (torch.float32 if size < 64 else torch.bfloat16)
        with torch.no_grad():
            assert gpt.causal_attention(q.bfloat16(), k.bfloat16(), v.bfloat16()).dtype == torch.bfloat16
    for found, near in zip(torch.autograd.grad(y, (q, k, v), upstream.to(y.dtype)), expected, strict=True):
        assert (found - near).norm() < 0.02 * near.norm()


@pytest.mark.parametrize("positions", [torch.arange(5), torch.arange(10).view(2, 5)])
def test_the_gradient_of_a_rotation_is_that_of_its_formula(positions: Tensor) -> None:
    rotation = Rotation(positions, 6)
    x = torch.randn(2, 3, 5, 6, requires_grad=True)
    first, second = x.chunk(2, dim=-1)
    turned = [first * rotation.cos - second * rotation.sin, second * rotation.cos + first * rotation.sin]
    expected, upstream = torch.cat(turned, dim=-1), torch.randn(2, 3, 5, 6)
    torch.testing.assert_close(rotation(x), expected)
    (found,), (gradient,) = (torch.autograd.grad(y, x, upstream) for y in (rotation(x), expected))
    torch.testing.assert_close(found, gradient)
    assert rotation(x.bfloat16()).dtype == torch.bfloat16


def test_rotary_attention_sees_distances_and_no_places() -> None:
    q, k = torch.randn(2, 2, 3, 9, 8, generator=torch.Generator().manual_seed(0)).unbind()
    assert torch.allclose(scores(q, k, first=0), scores(q, k, first=1000), atol=1e-3)
    same = torch.ones(1, 1, 9, 8)
    by_distance = scores(same, same, first=0)[0, 0]
    assert torch.allclose(by_distance[5, 2], by_distance[8, 5], atol=1e-5)
    assert by_distance[5, 5] > by_distance[5, 4] + 0.1


def test_a_rotation_turns_each_pair_as_a_complex_number() -> None:
    x = torch.randn(1, 1, 1, 6, generator=torch.Generator().manual_seed(0))
    turned = Rotation(torch.tensor([5]), 6)(x)[0, 0, 0].tolist()
    for i in range(3):
        before = complex(x[0, 0, 0, i], x[0, 0, 0, i + 3])
        after = before * cmath.exp(5j * 10_000 ** (-2 * i / 6))
        assert (turned[i], turned[i + 3]) == pytest.approx((after.real, after.imag), abs=1e-5)


@torch.no_grad()
def test_each_activation_is_what_its_paper_says() -> None:
    x = torch.linspace(-4, 4, 32).view(1, 2, 16)
    for kind in get_args(MlpKind):
        mlp = MLP(replace(CONFIG, mlp=kind))
        torch.nn.init.normal_(mlp.c_fc.weight, generator=torch.Generator().manual_seed(0))
        inner = mlp.c_fc(x)
        if kind == "gelu":
            inner = 0.5 * inner * (1 + torch.erf(inner / 2**0.5))
        elif kind == "gelu_tanh":
            inner = 0.5 * inner * (1 + torch.tanh((2 / torch.pi) ** 0.5 * (inner + 0.044715 * inner**3)))
        else:
            gate, value = inner[..., : inner.size(-1) // 2], inner[..., inner.size(-1) // 2 :]
            inner = gate * torch.sigmoid(gate) * value
        assert torch.allclose(mlp(x), mlp.c_proj(inner), atol=1e-5), kind


@torch.no_grad()
def test_rms_norm_divides_by_the_root_of_the_mean_square() -> None:
    norm = initial_gpt(replace(CONFIG, norm="rms"), seed=0).ln_f
    (weight,) = norm.parameters()
    torch.nn.init.normal_(weight)
    x = torch.randn(3, 16) + 5
    expected = x / (x.square().mean(-1, keepdim=True) + 1e-5).sqrt() * weight
    assert torch.allclose(norm(x), expected, atol=1e-5)


@pytest.mark.parametrize("n_vocab", [50, 3000])
def test_without_learned_positions_every_gradient_is_autograds(n_vocab: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedding's share of the tied matrix does not pass through autograd."""
    config = replace(CONFIG, n_vocab=n_vocab, positions="rotary")
    idx = torch.randint(0, n_vocab, (40, 13), generator=torch.Generator().manual_seed(0))

    def gradients() -> dict[str, Tensor]:
        model = initial_gpt(config, seed=2)
        model.loss(idx[:, :-1], idx[:, 1:]).backward()  # type: ignore[no-untyped-call]
        return {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}

    ours = gradients()
    monkeypatch.setattr(gpt, "embed", F.embedding)
    theirs = gradients()
    assert ours.keys() == theirs.keys() == dict(initial_gpt(config, seed=2).named_parameters()).keys()
    for name, gradient in ours.items():
        assert torch.allclose(gradient, theirs[name], atol=1e-6), name


def test_runs_from_before_there_was_a_choice_are_gpt2s(make_phase: MakePhase) -> None:
    values = make_phase().values()
    for key in ("positions", "norm", "mlp"):
        del values["model"][key]
    assert model_config(recorded_phase(values), 50) == model_config(make_phase(), 50)
    assert model_config(Phase.model_validate(values), 50) == replace(CONFIG, block_size=8)
