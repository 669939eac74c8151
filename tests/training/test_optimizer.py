"""Schedule, clipping and decay, against their definitions."""

from __future__ import annotations

import copy
import math
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from slmtui.config.phase import OptimizerSection, TrainingSection
from slmtui.model.gpt import GPT, GPTConfig, initial_gpt
from slmtui.training.optimizer import build_optimizer, clip_gradients, learning_rate_at


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


def test_updates_are_those_of_torchs_adamw_to_the_bit(model: GPT) -> None:
    twin = copy.deepcopy(model)
    ours = build_optimizer(model, OptimizerSection(decay_on="all", weight_decay=0.3))
    theirs = torch.optim.AdamW(twin.parameters(), lr=0.01, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.3, fused=True)
    for _ in range(3):
        for parameter, other in zip(model.parameters(), twin.parameters(), strict=True):
            parameter.grad = torch.randn_like(parameter)
            other.grad = parameter.grad.clone()
        ours.step(0.01)
        theirs.step()
    for parameter, other in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(parameter, other)


def test_a_run_does_without_torchs_compiler(tiny_toml: str, tmp_path: Path) -> None:
    """Importing it takes longer than many a short training."""
    phase = tmp_path / "tiny.toml"
    phase.write_text(tiny_toml)
    arguments = ["--headless", str(phase), "--checkpoints", str(tmp_path / "runs")]
    command = (
        "import sys; from slmtui.cli import main\n"
        f"assert main({arguments!r}) == 0\n"
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", command], check=False, cwd=tmp_path).returncode == 0
