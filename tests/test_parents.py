"""A training that starts from a model (`model.init_from`)."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from slmtui.cli import main
from slmtui.commands.headless import train_phases
from slmtui.config.phase import Phase
from slmtui.config.phase_file import PhaseError, parse_phase
from slmtui.detach import start_detached
from slmtui.insight.judging.examiner import dataset_of
from slmtui.insight.report.build import build_report, write_report
from slmtui.runs.checkpoint import load_checkpoint
from slmtui.runs.run import Run
from slmtui.runs.summary import summarise
from slmtui.session import begin, resume
from slmtui.training import events
from tests.conftest import MakePhase
from tests.runs.trained import train_to_the_end

CHILD = """\
[phase]
name = "child"
[data]
source = "{source}"
[model]
init_from = "{parent}"
[training]
max_iters = 4
batch_size = 4
learning_rate = 1e-2
device = "cpu"
precision = "fp32"
threads = 1
[evaluation]
interval = 2
[sampling]
prompts = ["def "]
tokens = 5
"""

BPE = ("tokenizer.kind=bpe", "tokenizer.vocab_size=300")


def child(corpus: Path, parent: str, *overrides: str) -> Phase:
    return parse_phase(CHILD.format(source=corpus, parent=parent), "child.toml", overrides)


def trained(phase: Phase, checkpoints: Path) -> Run:
    session = begin(phase, checkpoints)
    for _ in session.events:
        pass
    return session.run


def started(run: Run) -> events.RunStarted:
    first = next(run.events())
    assert isinstance(first, events.RunStarted)
    return first


def evaluations(run: Run) -> list[events.Evaluation]:
    return [event for event in run.events() if isinstance(event, events.Evaluation)]


@pytest.mark.parametrize("mixes", ["model.ngram_mix=0", "model.ngram_mix=0.3"])
@pytest.mark.parametrize("shape", [("model.copy_head=true",), BPE])
def test_a_child_starts_at_its_parents_loss(
    make_phase: MakePhase, tmp_path: Path, corpus: Path, mixes: str, shape: tuple[str, ...]
) -> None:
    parent = train_to_the_end(make_phase, tmp_path, mixes, *shape)
    best = load_checkpoint(parent.best_file)
    run = trained(child(corpus, "tiny-001", mixes), tmp_path)
    first = evaluations(run)[0]
    assert first.step == 0
    assert (first.val_loss, first.mixed_loss) == (best.val_loss, best.mixed_loss)
    assert started(run).parent == f"tiny-001@{best.step}"
    last = load_checkpoint(run.last_file)
    assert last.tokenizer.fingerprint == best.tokenizer.fingerprint
    assert last.step == 4
    assert not torch.equal(last.model.lm_head.weight, best.model.lm_head.weight)


def test_the_steps_that_are_timed_leave_its_parents_weights_alone(
    make_phase: MakePhase, tmp_path: Path, corpus: Path
) -> None:
    parent = train_to_the_end(make_phase, tmp_path, "training.max_iters=4")
    stream = begin(child(corpus, "tiny-001", "training.max_minutes=5"), tmp_path).events
    first = next(event for event in stream if isinstance(event, events.Evaluation))
    assert first.val_loss == load_checkpoint(parent.best_file).val_loss


def test_keys_that_are_left_out_are_the_parents(make_phase: MakePhase, tmp_path: Path, corpus: Path) -> None:
    train_to_the_end(make_phase, tmp_path, *BPE, "training.max_iters=4")
    frozen = trained(child(corpus, "latest"), tmp_path).phase()
    assert (frozen.model.n_layer, frozen.model.n_embd, frozen.model.block_size) == (2, 16, 8)
    assert (frozen.tokenizer.kind, frozen.tokenizer.vocab_size) == ("bpe", 300)
    assert frozen.model.init_from == "tiny-001@4"


def test_all_that_does_not_fit_is_said_at_once(make_phase: MakePhase, tmp_path: Path, corpus: Path) -> None:
    train_to_the_end(make_phase, tmp_path, "training.max_iters=4")
    wrong = ("model.n_embd=32", "model.n_head=2", "model.copy_head=true", *BPE)
    with pytest.raises(PhaseError) as refused:
        begin(child(corpus, "tiny-001", *wrong), tmp_path)
    assert str(refused.value).splitlines() == [
        "--set model.n_embd=32: does not fit the model to start from, tiny-001@4 (got 32), "
        "allowed: 16, or leave it out",
        "--set model.copy_head=true: does not fit the model to start from, tiny-001@4 (got true), "
        "allowed: false, or leave it out",
        '--set tokenizer.kind=bpe: does not fit the model to start from, tiny-001@4 (got "bpe"), '
        'allowed: "gpt2-compact", or leave it out',
    ]
    assert [path.name for path in tmp_path.glob("*-00?")] == ["tiny-001"]


def test_a_vocabulary_without_ends_learns_no_documents(make_phase: MakePhase, tmp_path: Path, corpus: Path) -> None:
    train_to_the_end(make_phase, tmp_path, "training.max_iters=4", "data.join=published")
    with pytest.raises(PhaseError, match=r'data.join: does not fit .* \(got "documents"\), allowed: "published"'):
        begin(child(corpus, "tiny-001"), tmp_path)
    trained(child(corpus, "tiny-001", "data.join=published"), tmp_path)


def test_a_model_goes_on_to_other_text(make_phase: MakePhase, tmp_path: Path) -> None:
    """In the parent's vocabulary, in which characters that it never met are bytes."""
    train_to_the_end(make_phase, tmp_path, "training.max_iters=4", "tokenizer.kind=characters")
    other = tmp_path / "other"
    other.mkdir()
    for i in range(6):
        (other / f"{i}.txt").write_text(f"Übung {i}: größer als zuvor, und schöner.\n" * 5)
    run = trained(child(other, "tiny-001"), tmp_path)
    assert started(run).data.n_vocab == load_checkpoint(tmp_path / "tiny-001" / "best.pt").tokenizer.n_vocab
    saved = load_checkpoint(run.best_file)
    assert saved.tokenizer.decode(saved.tokenizer.encode("größer")) == "größer"


def test_the_texts_of_a_child_are_known_again_in_its_parents_vocabulary(
    make_phase: MakePhase, tmp_path: Path, corpus: Path
) -> None:
    """For what is asked of a model and its texts later: copies, what is known by heart, lines completed."""
    train_to_the_end(make_phase, tmp_path, "training.max_iters=4", *BPE)
    (corpus / "orders.py").write_text("something_else = 1\n" * 30)
    saved = load_checkpoint(trained(child(corpus, "tiny-001"), tmp_path).best_file)
    assert dataset_of(saved).tokenizer.fingerprint == saved.tokenizer.fingerprint
    assert main(["examine", "child-001", "--samples", "2", "--places", "2", "--checkpoints", str(tmp_path)]) == 0


@pytest.mark.parametrize("block_size", [4, 8, 20])
def test_a_window_may_be_shorter_or_longer(
    make_phase: MakePhase, tmp_path: Path, corpus: Path, block_size: int
) -> None:
    train_to_the_end(make_phase, tmp_path, "training.max_iters=4")
    parent = load_checkpoint(tmp_path / "tiny-001" / "best.pt").model.tensors()["wpe.weight"]
    session = begin(child(corpus, "tiny-001", f"model.block_size={block_size}"), tmp_path)
    positions = session.training.model.tensors()["wpe.weight"]
    assert len(positions) == block_size
    assert all(torch.equal(row, parent[at % 8]) for at, row in enumerate(positions))
    session.events.close()  # type: ignore[attr-defined]


def test_a_checkpoint_is_named_by_its_step_or_its_file(make_phase: MakePhase, tmp_path: Path, corpus: Path) -> None:
    runs = tmp_path / "runs"
    parent = train_to_the_end(make_phase, runs, "training.learning_rate=1")
    best, last = load_checkpoint(parent.best_file), load_checkpoint(parent.last_file)
    assert best.step < last.step == 12
    at_the_end = trained(child(corpus, "tiny-001@12"), runs)
    assert started(at_the_end).parent == "tiny-001@12"
    assert evaluations(at_the_end)[0].val_loss == last.val_loss
    elsewhere = trained(child(corpus, str(parent.folder)), tmp_path / "elsewhere")
    assert started(elsewhere).parent == f"tiny-001@{best.step}"
    assert elsewhere.phase().model.init_from == f"{parent.folder}@{best.step}"
    kept = tmp_path / "kept.pt"
    kept.write_bytes(parent.best_file.read_bytes())
    from_file = trained(child(corpus, str(kept)), tmp_path / "elsewhere")
    assert started(from_file).parent == "kept.pt"
    assert evaluations(from_file)[0].val_loss == best.val_loss
    with pytest.raises(PhaseError, match=r"child.toml:\d+: model.init_from: tiny-001@9+….*: no such run"):
        begin(child(corpus, f"tiny-001@{'9' * 5000}"), runs)
    with pytest.raises(
        PhaseError, match=rf"child.toml:\d+: model.init_from: tiny-001 keeps no checkpoint of step 7, "
        rf"only of step {best.step} "
        r"\(best.pt\) and 12 \(last.pt\)",
    ):  # fmt: skip
        begin(child(corpus, "tiny-001@7"), runs)
    with pytest.raises(PhaseError, match=r"child.toml:\d+: model.init_from: other-001: no such run in .* \(there: "):
        begin(child(corpus, "other-001"), runs)


def test_a_child_is_resumed_to_the_same_end(make_phase: MakePhase, tmp_path: Path, corpus: Path) -> None:
    """Killed before its first checkpoint, or after it."""
    train_to_the_end(make_phase, tmp_path, "training.max_iters=4")
    whole = trained(child(corpus, "tiny-001"), tmp_path)
    for kill_after in (1, 8):
        session = begin(child(corpus, "tiny-001"), tmp_path)
        for _ in range(kill_after):
            next(session.events)
        session.events.close()  # type: ignore[attr-defined]
        assert session.run.last_file.exists() == (kill_after > 1)
        for _ in resume(session.run).events:
            pass
        ended, undisturbed = (load_checkpoint(run.last_file).model.tensors() for run in (session.run, whole))
        assert all(torch.equal(ended[name], undisturbed[name]) for name in undisturbed)
        assert started(session.run).parent == started(whole).parent


def test_what_became_of_the_parents_loss_is_said(
    make_phase: MakePhase, tmp_path: Path, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for steps in (4, 60):
        train_to_the_end(make_phase, tmp_path, f"training.max_iters={steps}")
    train_phases([child(corpus, "tiny-001"), child(corpus, "tiny-002")], tmp_path, as_json=False)
    better, worse = (Run(tmp_path / name) for name in ("child-001", "child-002"))
    first, *_, last = evaluations(better)
    printed = capsys.readouterr().out
    gain = f"the best is {first.val_loss - last.val_loss:.2f} nats better"
    assert f"parent: tiny-001@4 has {first.val_loss:.4f} on the same split; {gain}\n" in printed
    assert "starting from tiny-001@4" in printed
    write_report(build_report([better]), tmp_path / "better.md")
    report = (tmp_path / "better.md").read_text()
    assert f"**Against tiny-001@4:** its weights, with which this training started, have {first.val_loss:.4f}" in report
    assert f"on the same text; {gain}." in report

    parent = started(worse).parent
    kept = "no step made it better, and best.pt still holds its weights"
    assert f"parent: {parent} has {evaluations(worse)[0].val_loss:.4f} on the same split; {kept}\n" in printed
    write_report(build_report([worse]), tmp_path / "worse.md")
    report = (tmp_path / "worse.md").read_text()
    assert f"on the same text; {kept}." in report
    assert "What is wrong, the worst first: worse than the model that it started from" in report
    assert f"best.pt holds the weights of {parent}" in report
    assert summarise(worse)[0].parent == parent


def test_a_detached_child_has_what_its_parent_has(
    make_phase: MakePhase, tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it leaves out is settled before its run is made, since a frozen phase leaves nothing out."""
    train_to_the_end(make_phase, tmp_path, "training.max_iters=4", *BPE)
    monkeypatch.setattr("slmtui.detach.resume_detached", lambda *_: 1)
    (run,), _ = start_detached([child(corpus, "tiny-001")], tmp_path, lambda _: None)
    for _ in resume(run).events:
        pass
    assert started(run).parent == "tiny-001@4"
    assert (run.phase().model.n_embd, run.phase().tokenizer.kind) == (16, "bpe")
