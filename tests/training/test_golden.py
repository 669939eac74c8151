"""The five published phases on a neutral corpus: every loss to 0.0005, in phase 0, which is chaotic, to 0.02.

Under another torch than that of constraints.txt the bounds are wider (tests/digits.py).
tests/golden/ holds the corpus and the losses of a textbook loop that follows the published protocol to the letter.
`make test` compares the two phases that are quick, and of the other three the first updates: first_steps.json has their
losses and gradient norms, of the program that the textbook's losses were compared with. `make soak` compares them all
to the end. REMAKE_GOLDEN=1 writes first_steps.json anew; only after the soak was green.
"""

import json
import os
from itertools import takewhile
from pathlib import Path

import pytest

from slmtui.config.phase_file import load_phase
from slmtui.training import events
from slmtui.training.hardware import choose_machine
from slmtui.training.prepare import prepare_dataset
from slmtui.training.state import Training
from slmtui.training.trainer import train, update
from tests.digits import bound, other_torch

GOLDEN = Path(__file__).parents[1] / "golden"
PHASES = Path(__file__).parents[2] / "phases"
EXPECTED = json.loads((GOLDEN / "golden.json").read_text())
FIRST_STEPS = GOLDEN / "first_steps.json"
TOLERANCE = {"phase0": 0.02}
WHOLE = {"phase1": 100, "phase2": 50}  # steps in `make test`: enough to see a wrong draw, clip or kernel
N_FIRST = {"phase0": 3, "phase3": 5, "phase4": 3}


def start(name: str, max_iters: int) -> Training:
    """The phase on the golden corpus, before its first step."""
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
    return training


def agree(name: str, max_iters: int) -> None:
    rows = list(takewhile(lambda row: row["step"] <= max_iters, EXPECTED[name]["losses"]))
    evaluations = [event for event in train(start(name, max_iters)) if isinstance(event, events.Evaluation)]
    assert [e.step for e in evaluations] == [row["step"] for row in rows]
    for evaluation, row in zip(evaluations, rows, strict=True):
        tolerance = bound(TOLERANCE.get(name, 0.0005))
        assert evaluation.train_loss == pytest.approx(row["train"], abs=tolerance), other_torch()
        assert evaluation.val_loss == pytest.approx(row["val"], abs=tolerance), other_torch()


@pytest.mark.long
@pytest.mark.parametrize("name", WHOLE)
def test_golden_losses(name: str) -> None:
    agree(name, WHOLE[name])


@pytest.mark.parametrize("name", N_FIRST)
def test_golden_first_steps(name: str) -> None:
    """The first batches' losses, and the norms of their gradients before they are clipped."""
    training = start(name, EXPECTED[name]["max_iters"])
    steps = [update(training) for _ in range(N_FIRST[name])]
    now = {"losses": [step.loss for step in steps], "grad_norms": [step.grad_norm for step in steps]}
    golden = json.loads(FIRST_STEPS.read_text()) if FIRST_STEPS.exists() else {}
    if os.environ.get("REMAKE_GOLDEN"):
        golden[name] = {what: [round(value, 5) for value in values] for what, values in now.items()}
        lines = (f"{json.dumps(phase)}: {json.dumps(golden[phase])}" for phase in sorted(golden))
        FIRST_STEPS.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    assert now["losses"] == pytest.approx(golden[name]["losses"], abs=bound(0.0005)), other_torch()
    assert now["grad_norms"] == pytest.approx(golden[name]["grad_norms"], rel=bound(0.001)), other_torch()


@pytest.mark.soak
@pytest.mark.parametrize("name", EXPECTED)
def test_golden_losses_to_the_end(name: str) -> None:
    agree(name, EXPECTED[name]["max_iters"])
