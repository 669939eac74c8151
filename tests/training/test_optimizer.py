"""Schedule, clipping and decay, against their definitions."""

from __future__ import annotations

import copy
import math
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Literal

import pytest
import torch
from torch import Tensor

from slmtui.config.phase import OptimizerSection, TrainingSection
from slmtui.model.gpt import GPT, GPTConfig, initial_gpt
from slmtui.training.optimizer import (
    AdamW,
    PublicAdamW,
    build_optimizer,
    clip_gradients,
    decay_factor,
    learning_rate_at,
    load_optimizer_state,
    optimizer_state,
)


@pytest.fixture
def model() -> GPT:
    torch.manual_seed(0)
    model = initial_gpt(GPTConfig(n_vocab=11, n_layer=1, n_head=2, n_embd=8, block_size=4), seed=1)
    for parameter in model.parameters():
        parameter.grad = torch.randn_like(parameter)
    return model


def global_norm(model: GPT) -> float:
    return math.sqrt(sum(float(p.grad.double().square().sum()) for p in model.parameters() if p.grad is not None))


def test_the_cosine_warms_up_peaks_and_ends_at_its_floor() -> None:
    settings = TrainingSection(max_iters=100, learning_rate=1.0, warmup_iters=10, min_lr=0.1, schedule="cosine")
    rates = [learning_rate_at(step, settings) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9] == rates[10] == 1.0
    assert rates[55] == pytest.approx(0.55)
    assert rates[100] == pytest.approx(0.1)
    assert all(a >= b for a, b in pairwise(rates[10:]))


def test_constant_is_constant() -> None:
    settings = TrainingSection(max_iters=10, learning_rate=0.5, schedule="constant")
    assert {learning_rate_at(step, settings) for step in range(11)} == {0.5}


def test_clipping_bounds_the_global_norm_and_reports_the_one_before(model: GPT) -> None:
    before = global_norm(model)
    assert clip_gradients(model, OptimizerSection(grad_clip=0.5), step=0).item() == pytest.approx(before, rel=1e-5)
    assert global_norm(model) == pytest.approx(0.5, rel=1e-4)


def test_small_gradients_and_no_limit_are_left_alone(model: GPT) -> None:
    before = global_norm(model)
    clip_gradients(model, OptimizerSection(grad_clip=2 * before), step=0)
    clip_gradients(model, OptimizerSection(grad_clip=0.0), step=0)
    assert global_norm(model) == pytest.approx(before)


@pytest.mark.parametrize(("step", "scale"), [(0, 2**16), (1999, 2**16), (2000, 2**17), (4000, 2**18)])
def test_the_published_flaw_clips_scaled_gradients(model: GPT, step: int, scale: int) -> None:
    clip_gradients(model, OptimizerSection(clip_scaled_gradients=True), step=step)
    assert global_norm(model) == pytest.approx(1 / scale, rel=1e-4)


def test_only_matrices_decay_unless_all_shall(model: GPT) -> None:
    decayed, kept = build_optimizer(model, OptimizerSection()).groups
    assert {p.dim() for p in decayed.parameters} == {2}
    assert {p.dim() for p in kept.parameters} == {1}
    assert (decayed.weight_decay, kept.weight_decay) == (0.1, 0.0)
    (everything,) = build_optimizer(model, OptimizerSection(decay_on="all")).groups
    assert len(everything.parameters) == len(list(model.parameters()))


def missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch, "_fused_adamw_")


def changed(monkeypatch: pytest.MonkeyPatch) -> None:
    def other_arguments(parameters: list[Tensor], gradients: list[Tensor], *, lr: float) -> None:
        raise AssertionError("called with other arguments than it takes")

    monkeypatch.setattr(torch, "_fused_adamw_", other_arguments)


def public_optimizer(model: GPT, settings: OptimizerSection, without: Callable[[pytest.MonkeyPatch], None]) -> AdamW:
    """What is built where the private operator is not as we know it. The public class has it back when it steps."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        without(monkeypatch)
        optimizer = build_optimizer(model, settings)
    assert isinstance(optimizer, PublicAdamW)
    return optimizer


def draw_gradients(*models: GPT) -> None:
    for parameters in zip(*(model.parameters() for model in models), strict=True):
        gradient = torch.randn_like(parameters[0])
        for parameter in parameters:
            parameter.grad = gradient.clone()


def assert_equal(one: GPT, other: GPT) -> None:
    assert all(torch.equal(p, q) for p, q in zip(one.parameters(), other.parameters(), strict=True))


def test_updates_are_those_of_torchs_adamw_to_the_bit(model: GPT) -> None:
    twin = copy.deepcopy(model)
    ours = build_optimizer(model, OptimizerSection(decay_on="all", weight_decay=0.3))
    assert not isinstance(ours, PublicAdamW)
    theirs = torch.optim.AdamW(twin.parameters(), lr=0.01, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.3, fused=True)
    for _ in range(3):
        draw_gradients(model, twin)
        ours.step(0.01)
        theirs.step()
    assert_equal(model, twin)


@pytest.mark.parametrize("without", [missing, changed])
def test_without_the_private_operator_every_update_is_the_same(
    model: GPT, without: Callable[[pytest.MonkeyPatch], None]
) -> None:
    twin = copy.deepcopy(model)
    settings = OptimizerSection(weight_decay=0.3)
    private, public = build_optimizer(model, settings), public_optimizer(twin, settings, without)
    before = [p._version for p in twin.parameters()]
    for rate, factor in ((0.01, 1.0), (0.02, 1.5), (0.005, 1.0)):
        draw_gradients(model, twin)
        private.step(rate, factor)
        public.step(rate, factor)
    assert_equal(model, twin)
    assert all(p._version > version for p, version in zip(twin.parameters(), before, strict=True))
    public.zero_grad()
    assert all(p.grad is None for p in twin.parameters())


@pytest.mark.parametrize(("schedule", "share"), [("rate", 0.3 * 0.0025), ("root", 0.3 * 0.005)])
def test_the_decay_falls_with_the_rate_or_with_its_root(
    model: GPT, schedule: Literal["rate", "root"], share: float
) -> None:
    settings = OptimizerSection(weight_decay=0.3, weight_decay_schedule=schedule, decay_on="all")
    before = [p.detach().clone() for p in model.parameters()]
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)  # so that nothing else moves them
    build_optimizer(model, settings).step(0.0025, decay_factor(0.0025, 0.01, settings))
    for parameter, was in zip(model.parameters(), before, strict=True):
        torch.testing.assert_close(parameter.detach(), was * (1 - share))
    assert decay_factor(0.01, 0.01, settings) == 1.0
    assert decay_factor(0.0, 0.01, settings) == 1.0


@pytest.mark.parametrize("to_public", [True, False])
def test_the_state_moves_between_the_two(model: GPT, to_public: bool) -> None:
    """A checkpoint does not say which of the two wrote it, and need not."""

    def build(model: GPT, public: bool) -> AdamW:
        settings = OptimizerSection()
        return public_optimizer(model, settings, missing) if public else build_optimizer(model, settings)

    first = build(model, public=not to_public)
    first.step(0.01)
    twin = copy.deepcopy(model)
    second = build(twin, public=to_public)
    load_optimizer_state(second, twin, optimizer_state(first, model))
    for _ in range(2):
        draw_gradients(model, twin)
        first.step(0.01)
        second.step(0.01)
    assert_equal(model, twin)
    states = [optimizer_state(optimizer, of) for optimizer, of in ((first, model), (second, twin))]
    assert states[0].keys() == states[1].keys() == dict(model.named_parameters()).keys()
    for one, other in zip(*(state.values() for state in states), strict=True):
        assert one.keys() == other.keys() == {"step", "exp_avg", "exp_avg_sq"}
        assert all(torch.equal(one[key], other[key]) for key in one)


def test_a_run_and_its_completions_do_without_torchs_compiler(tiny_toml: str, tmp_path: Path) -> None:
    """Importing it takes longer than many a short training."""
    phase = tmp_path / "tiny.toml"
    phase.write_text(tiny_toml)
    arguments = ["--headless", str(phase), "--checkpoints", str(tmp_path / "runs")]
    command = (
        "import sys; from slmtui.cli import main\n"
        f"assert main({arguments!r}) == 0\n"
        f"assert main(['complete', 'latest', 'def', '--tokens', '2', *{arguments[2:]!r}]) == 0\n"
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", command], check=False, cwd=tmp_path).returncode == 0
