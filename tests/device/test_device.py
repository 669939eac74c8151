"""What has to hold on every device: `pytest tests/device --device cuda` (or mps) runs it on a GPU."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from slmtui.inference.batch import Sampling
from slmtui.inference.generation import generate
from slmtui.runs.checkpoint import load_checkpoint
from slmtui.runs.run import Run
from slmtui.session import begin, resume
from slmtui.training import events
from slmtui.training.hardware import choose_machine
from slmtui.training.prepare import prepare_dataset
from slmtui.training.state import Training
from slmtui.training.trainer import train
from tests.conftest import MakePhase

GPT2 = ()
LLAMA = (
    "model.positions=rotary", "model.norm=rms", "model.mlp=swiglu", "model.copy_head=true", "tokenizer.kind=bpe",
    "tokenizer.vocab_size=320",
)  # fmt: skip
STEPS = ("training.max_iters=8", "evaluation.interval=4", "training.warmup_iters=0", "training.precision=fp32")


@pytest.fixture
def device(request: pytest.FixtureRequest) -> str:
    name: str = request.config.getoption("--device")
    return name


def losses(make_phase: MakePhase, device: str, *overrides: str) -> list[float]:
    """Of each batch, and of both sides at each evaluation."""
    phase = make_phase(*STEPS, *overrides, f"training.device={device}")
    training = Training.start(phase, prepare_dataset(phase), choose_machine(phase.training))
    assert training.model.device.type == device
    found = []
    for event in train(training):
        if isinstance(event, events.Step):
            found.append(event.loss)
        if isinstance(event, events.Evaluation):
            found += [event.train_loss, event.val_loss]
            found += [loss for loss in (event.mixed_loss, event.adaptive_loss) if loss is not None]
    return found


@pytest.mark.parametrize(
    "overrides",
    [GPT2, LLAMA, (*LLAMA, "model.ngram_mix=0.3"), (*LLAMA, "model.context_mixing=true")],
    ids=["gpt2", "llama", "n-grams", "counts"],
)
def test_it_has_the_losses_of_a_cpu_in_one_thread(
    make_phase: MakePhase, device: str, overrides: tuple[str, ...]
) -> None:
    on_cpu = losses(make_phase, "cpu", *overrides, "training.threads=1")
    assert on_cpu[-1] < on_cpu[0] - 0.1
    assert losses(make_phase, device, *overrides) == pytest.approx(on_cpu, rel=2e-3)


@pytest.mark.parametrize("overrides", [GPT2, LLAMA], ids=["gpt2", "llama"])
def test_bf16_is_near_fp32(make_phase: MakePhase, device: str, overrides: tuple[str, ...]) -> None:
    exact = losses(make_phase, device, *overrides)
    rounded = losses(make_phase, device, *overrides, "training.precision=bf16")
    assert rounded == pytest.approx(exact, rel=2e-2)
    assert rounded != exact


@pytest.mark.parametrize("overrides", [GPT2, LLAMA], ids=["gpt2", "llama"])
def test_a_batch_in_parts_is_the_whole_batch(make_phase: MakePhase, device: str, overrides: tuple[str, ...]) -> None:
    batch = ("training.batch_size=4", "model.dropout=0.2")
    whole = losses(make_phase, device, *overrides, *batch)
    parts = losses(make_phase, device, *overrides, *batch, "training.accumulate=2")
    assert parts == pytest.approx(whole, rel=1e-3)


def finished(make_phase: MakePhase, device: str, checkpoints: Path, *overrides: str, stop: int | None = None) -> Run:
    """A run on this device with dropout and samples; broken off after the checkpoint of a step, and gone on with."""
    session = begin(
        make_phase(
            *STEPS, *LLAMA, *overrides, "model.dropout=0.2", 'sampling.prompts=["def "]', f"training.device={device}",
        ),
        checkpoints,
    )  # fmt: skip
    for event in session.events:
        if isinstance(event, events.Checkpoint) and event.step == stop and event.kind == "last":
            session.events.close()  # type: ignore[attr-defined]
            break
    if stop is not None:
        list(resume(session.run).events)
    return session.run


def story(run: Run) -> list[float]:
    return [event.loss for event in run.events() if isinstance(event, events.Step)]


def test_a_run_that_was_broken_off_goes_on_as_if_it_had_not_been(
    make_phase: MakePhase, device: str, tmp_path: Path
) -> None:
    whole = finished(make_phase, device, tmp_path / "whole")
    broken = finished(make_phase, device, tmp_path / "broken", stop=4)
    assert len(story(whole)) == 8
    assert story(broken) == pytest.approx(story(whole), rel=1e-4)


def test_a_completion_is_that_of_a_cpu(make_phase: MakePhase, device: str, tmp_path: Path) -> None:
    saved = load_checkpoint(finished(make_phase, device, tmp_path).last_file)
    prompts = [saved.tokenizer.encode_prompt(text) for text in ("def ", "import json\n\n\ndef load")]
    found = []
    for name in ("cpu", device):
        model = saved.model.to(name).eval()
        with torch.no_grad():
            drawn = generate(model, prompts, 20, Sampling(temperature=0.0), range(2))
            found.append([draw.tokens.tolist() for draw in drawn])
    assert found[0] == found[1]


def test_dropout_from_another_kind_of_device_is_drawn_anew(make_phase: MakePhase, device: str) -> None:
    phase = make_phase(*STEPS, "model.dropout=0.2", f"training.device={device}")
    dataset = prepare_dataset(phase)
    training = Training.start(phase, dataset, choose_machine(phase.training))
    state = training.state_dict()
    for dropout in (torch.zeros(16 if device == "cpu" else 5056, dtype=torch.uint8), training.dropout.get_state()):
        other = Training.start(phase, dataset, choose_machine(phase.training))
        other.load_state_dict(state | {"dropout": dropout})
        losses = [event.loss for event in train(other) if isinstance(event, events.Step)]
        assert len(losses) == 8
