"""A batch that is computed in parts (`training.accumulate`): the same losses, in less memory."""

from __future__ import annotations

import pytest

from slmtui.data.dataset import Dataset
from slmtui.errors import UserError
from slmtui.insight.estimates import memory_needed
from slmtui.model.dropout import Part
from slmtui.training.batches import parts_of_batch
from slmtui.training.hardware import choose_machine
from slmtui.training.prepare import prepare_dataset
from slmtui.training.state import Training
from slmtui.training.trainer import update
from tests.conftest import MakePhase

SETTINGS = "training.batch_size=5", "training.precision=fp32", "training.threads=1"


def steps(make_phase: MakePhase, *more: str, accumulate: int) -> list[tuple[float, float]]:
    """The loss and the norm of the gradients of a few steps."""
    phase = make_phase(*SETTINGS, *more, f"training.accumulate={accumulate}")
    dataset: Dataset = prepare_dataset(phase)
    training = Training.start(phase, dataset, choose_machine(phase.training))
    return [(step.loss, step.grad_norm) for step in (update(training) for _ in range(4))]


@pytest.mark.parametrize("accumulate", [2, 5])
@pytest.mark.parametrize(
    "more",
    [
        ("model.dropout=0.3",),
        ("model.dropout=0.3", "model.attention_dropout=0.0", "model.copy_head=true", "model.positions=rotary"),
    ],
)
def test_a_batch_in_parts_has_the_losses_of_the_whole(
    make_phase: MakePhase, more: tuple[str, ...], accumulate: int
) -> None:
    whole, parts = (steps(make_phase, *more, accumulate=n) for n in (1, accumulate))
    for one, other in zip(whole, parts, strict=True):
        assert other == pytest.approx(one, rel=2e-5)
    assert len({loss for loss, _ in whole}) == 4


def test_parts_are_of_about_the_same_size() -> None:
    assert parts_of_batch(5, 2) == [Part(slice(0, 2), 5), Part(slice(2, 5), 5)]
    assert parts_of_batch(4, 1) == [Part(slice(0, 4), 4)]


def test_more_parts_than_windows_are_refused(make_phase: MakePhase) -> None:
    with pytest.raises(UserError, match=r"more parts than windows \(got 6 with batch_size = 5\), allowed: a whole"):
        make_phase("training.batch_size=5", "training.accumulate=6")


def test_parts_are_estimated_to_need_the_memory_of_one(make_phase: MakePhase) -> None:
    large, small = make_phase("training.batch_size=64"), make_phase("training.batch_size=16")
    parts = make_phase("training.batch_size=64", "training.accumulate=4")
    assert memory_needed(parts, 500) == memory_needed(small, 500) != memory_needed(large, 500)
