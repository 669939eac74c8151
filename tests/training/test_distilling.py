"""Distillation: a network learns from what others would have said, and its run says from whom."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from slmtui.cli import main
from slmtui.config.phase_file import PhaseError
from slmtui.data.tokenizer import ByteTokenizer
from slmtui.errors import UserError
from slmtui.model.gpt import GPT, GPTConfig, initial_gpt
from slmtui.runs.checkpoint import load_model
from slmtui.runs.run import Run
from slmtui.runs.summary import summarise
from slmtui.session import begin, resume
from slmtui.training import events
from slmtui.training.prepare import prepare_dataset
from slmtui.training.teacher import WEIGHT, Teacher
from tests.conftest import MakePhase


def network(seed: int, *, copy_head: bool = False) -> GPT:
    model = initial_gpt(GPTConfig(n_vocab=257, n_layer=1, n_head=2, n_embd=8, block_size=12, copy_head=copy_head), seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(8)
    return model


def train(make_phase: MakePhase, checkpoints: Path, *overrides: str) -> Run:
    session = begin(make_phase("sampling.prompts=[]", *overrides), checkpoints)
    for _ in session.events:
        pass
    return session.run


@pytest.mark.parametrize("copy_head", [False, True])
def test_the_loss_is_that_of_the_formula_and_its_gradient_reaches_every_weight(copy_head: bool) -> None:
    teacher, student = network(1), network(2, copy_head=copy_head)
    idx, targets = torch.randint(0, 9, (2, 2, 12), generator=torch.Generator().manual_seed(0))
    loss = Teacher(("a@1",), teacher.eval(), ByteTokenizer(end=True)).loss(student, idx, targets)
    taught, own = (torch.cat(list(model.distributions(idx))) for model in (teacher, student))
    text = -own.log().gather(1, targets.reshape(-1, 1)).mean()
    soft = -(taught * own.log()).sum(dim=1).mean()
    assert loss.item() == pytest.approx(((1 - WEIGHT) * text + WEIGHT * soft).item(), rel=1e-5)
    assert text.item() == pytest.approx(student.loss(idx, targets).item(), rel=1e-5)
    loss.backward()  # type: ignore[no-untyped-call]
    assert all(weight.grad is not None for weight in student.parameters())
    with torch.no_grad():  # along its gradient it falls as the gradient says
        slope = sum((weight.grad**2).sum().item() for weight in student.parameters() if weight.grad is not None)
        for weight in student.parameters():
            assert weight.grad is not None
            weight.sub_(1e-4 / slope * weight.grad)
        after = Teacher(("a@1",), teacher, ByteTokenizer(end=True)).loss(student, idx, targets)
    assert (loss - after).item() == pytest.approx(1e-4, rel=0.3)


def test_a_student_comes_closer_to_its_teacher_than_training_on_the_text_does(
    make_phase: MakePhase, tmp_path: Path
) -> None:
    teacher = train(make_phase, tmp_path, "phase.name=teacher", "training.max_iters=100", "evaluation.interval=50")
    asked = ("training.seed=7", "training.max_iters=60", "evaluation.interval=60")
    alone = train(make_phase, tmp_path, "phase.name=alone", *asked)
    taught = train(make_phase, tmp_path, "phase.name=taught", 'training.distill_from="teacher-001"', *asked)
    tokens = prepare_dataset(alone.phase()).train.tokens[:64].astype("int64")
    idx = torch.from_numpy(tokens).view(8, 8)

    def distance(run: Run) -> float:
        """Kullback and Leibler's, of the teacher's predictions from those of a run's network."""
        models = (load_model(teacher.best_file).model, load_model(run.last_file).model)
        with torch.no_grad():
            wanted, found = (torch.cat(list(model.distributions(idx))) for model in models)
        return (wanted * (wanted.log() - found.log())).sum().item()

    assert distance(taught) < 0.9 * distance(alone)
    started = next(taught.events())
    assert isinstance(started, events.RunStarted)
    step = load_model(teacher.best_file).step
    assert started.teacher == summarise(taught)[0].teacher == f"teacher-001@{step}"
    assert taught.phase().training.distill_from == (f"teacher-001@{step}",)
    assert next(alone.events()).teacher is None  # type: ignore[union-attr]


def test_a_distillation_that_was_cut_off_ends_as_if_it_had_not_been(make_phase: MakePhase, tmp_path: Path) -> None:
    asked = ('training.distill_from="teacher-001"', "model.dropout=0.1")
    weights = []
    for name in ("whole", "cut"):
        train(make_phase, tmp_path / name, "phase.name=teacher")
        session = begin(make_phase("sampling.prompts=[]", *asked), tmp_path / name)
        for event in session.events:
            if name == "cut" and isinstance(event, events.Step) and event.step == 6:
                session.events.close()  # type: ignore[attr-defined]
                break
        if name == "cut":
            for _ in resume(session.run).events:
                pass
        weights.append(load_model(session.run.best_file).model.state_dict())
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])
    session = begin(make_phase("sampling.prompts=[]", *asked), tmp_path / "cut")
    for event in session.events:
        if isinstance(event, events.Step) and event.step == 6:
            session.events.close()  # type: ignore[attr-defined]
            break
    Run(tmp_path / "cut" / "teacher-001").best_file.unlink()
    Run(tmp_path / "cut" / "teacher-001").last_file.unlink()
    with pytest.raises(PhaseError, match=r"distill_from: teacher-001 has no checkpoint yet"):
        resume(session.run)


def test_another_vocabulary_and_no_teacher_are_refused(make_phase: MakePhase, tmp_path: Path) -> None:
    train(make_phase, tmp_path, "phase.name=teacher")
    named = 'training.distill_from="teacher-001"'
    with pytest.raises(UserError, match=r"has another vocabulary \(gpt2-compact of \d+ tokens, here bytes"):
        begin(make_phase(named, "tokenizer.kind=bytes"), tmp_path)
    with pytest.raises(PhaseError, match=r"training\.distill_from.*nobody: no such run"):
        begin(make_phase('training.distill_from="nobody"'), tmp_path)
    assert not (tmp_path / "tiny-001").exists()


def test_a_cell_is_distilled_by_one_command(
    make_phase: MakePhase, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in (1, 2):
        train(make_phase, tmp_path, "phase.name=s.01", "phase.study=s", f"training.seed={seed}")
    checkpoints = ["--checkpoints", str(tmp_path)]
    assert main(["distill", "s/1", "--set", "training.max_iters=4", *checkpoints]) == 0
    out, err = capsys.readouterr()
    assert "s-01-distilled: learns from s.01-001 and s.01-002" in err
    assert "learning from s.01-001@" in out
    run = Run(tmp_path / "s-01-distilled-001")
    assert (run.phase().phase.study, run.phase().training.max_iters) == ("", 4)
    assert len(run.phase().training.distill_from) == 2
    assert main(["report", "s-01-distilled-001", *checkpoints]) == 0
    assert "**Learned from:** s.01-001@" in capsys.readouterr().out
    assert main(["distill", "s.01-001", "--set", "training.max_iters=4", *checkpoints]) == 0
    assert Run(tmp_path / "s.01-001-distilled-001").phase().training.distill_from[0].startswith("s.01-001@")
