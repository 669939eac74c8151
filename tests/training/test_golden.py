"""The five published phases on a neutral corpus: every loss to 0.0005, in phase 0, which is chaotic, to 0.02.

Under another torch than that of constraints.txt the bounds are wider (tests/digits.py).
tests/golden/ holds the corpus and the losses of a textbook loop that follows the published protocol to the letter.
"""

import json
from itertools import takewhile
from pathlib import Path

import pytest

from slmtui.config.phase_file import load_phase
from slmtui.training import events
from slmtui.training.hardware import choose_machine
from slmtui.training.prepare import prepare_dataset
from slmtui.training.state import Training
from slmtui.training.trainer import train
from tests.digits import bound, other_torch

GOLDEN = Path(__file__).parents[1] / "golden"
PHASES = Path(__file__).parents[2] / "phases"
EXPECTED = json.loads((GOLDEN / "golden.json").read_text())
TOLERANCE = {"phase0": 0.02}
# CI goes as far as it needs to see a wrong draw, a wrong clip or a wrong kernel; the soak goes to the end.
STEPS_IN_CI = {"phase0": 10, "phase1": 100, "phase2": 50, "phase3": 25, "phase4": 10}


def losses(name: str, max_iters: int) -> list[events.Evaluation]:
    expected = EXPECTED[name]
    phase = load_phase(
        PHASES / f"{name}.toml",
        [
            f"data.source={GOLDEN / 'corpus.txt'}",
            f"training.max_iters={max_iters}",
            f"evaluation.interval={expected['eval_interval']}",
            "sampling.prompts=[]",
            "training.threads=1",  # the tests beside this one have the other cores
        ],
    )
    dataset = prepare_dataset(phase)
    assert len(dataset.train.tokens) == expected["train_tokens"]
    assert len(dataset.val.tokens) == expected["val_tokens"]
    training = Training.start(phase, dataset, choose_machine(phase.training))
    assert sum(p.numel() for p in training.model.parameters()) == expected["parameters"]
    return [event for event in train(training) if isinstance(event, events.Evaluation)]


def agree(name: str, max_iters: int) -> None:
    rows = list(takewhile(lambda row: row["step"] <= max_iters, EXPECTED[name]["losses"]))
    evaluations = losses(name, max_iters)
    assert [e.step for e in evaluations] == [row["step"] for row in rows]
    for evaluation, row in zip(evaluations, rows, strict=True):
        tolerance = bound(TOLERANCE.get(name, 0.0005))
        assert evaluation.train_loss == pytest.approx(row["train"], abs=tolerance), other_torch()
        assert evaluation.val_loss == pytest.approx(row["val"], abs=tolerance), other_torch()


@pytest.mark.long
@pytest.mark.parametrize("name", EXPECTED)
def test_golden_losses(name: str) -> None:
    agree(name, STEPS_IN_CI[name])


@pytest.mark.soak
@pytest.mark.parametrize("name", EXPECTED)
def test_golden_losses_to_the_end(name: str) -> None:
    agree(name, EXPECTED[name]["max_iters"])
