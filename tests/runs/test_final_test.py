"""The test side (data.test): kept out of everything, and looked at once, at the end, with the best model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from slmtui.cli import main
from slmtui.console.screens.train.view import progress_line
from slmtui.data.dataset import SideTokens
from slmtui.errors import UserError
from slmtui.model.gpt import GPT
from slmtui.model.mixture import NgramMixture
from slmtui.runs import final_test
from slmtui.runs.block_losses import BlockSums, block_sums
from slmtui.runs.checkpoint import load_model
from slmtui.runs.control import send
from slmtui.runs.history import RunHistory
from slmtui.runs.run import Run
from slmtui.runs.summary import summarise
from slmtui.session import begin, resume
from slmtui.training import events
from slmtui.training.control import Command
from slmtui.training.evaluation import side_losses
from slmtui.training.events import Event
from slmtui.training.prepare import prepare_dataset
from tests.conftest import MakePhase

TEST = 'data.test=["parcels.py"]'
KEPT_OUT = (TEST, 'data.validation=["routes.py"]')


def train_to_the_end(make_phase: MakePhase, checkpoints: Path, *overrides: str) -> Run:
    session = begin(make_phase(*overrides), checkpoints)
    for _ in session.events:
        pass
    return session.run


def final_tests(run: Run) -> list[events.FinalTest]:
    return [event for event in run.events() if isinstance(event, events.FinalTest)]


@pytest.mark.parametrize("mix", ["0", "0.3"])
def test_the_best_model_is_tested_at_the_end(make_phase: MakePhase, tmp_path: Path, mix: str) -> None:
    phase = make_phase(TEST, f"model.ngram_mix={mix}", "training.learning_rate=0.2")
    session = begin(phase, tmp_path)
    happened = list(session.events)
    *_, found, _, last = [e for e in happened if not isinstance(e, events.Warned)]
    assert isinstance(found, events.FinalTest)
    assert isinstance(last, events.RunFinished)
    assert final_tests(session.run) == [found]
    side = prepare_dataset(phase).test
    assert side is not None
    saved = load_model(session.run.best_file)
    ngram = saved.model.mixture.ngram_losses(side.tokens) if isinstance(saved.model.mixture, NgramMixture) else None
    losses = side_losses(saved.model, side, ngram)
    assert found.test_loss == pytest.approx(losses.network, rel=1e-6)
    assert found.mixed_loss == (None if losses.static is None else pytest.approx(losses.static, rel=1e-6))
    assert (found.best_step, found.tokens) == (last.best_step, side.n_text_tokens)
    assert (found.mixed_loss is None) == (mix == "0")


def test_without_a_test_side_there_is_no_test(make_phase: MakePhase, tmp_path: Path) -> None:
    assert final_tests(train_to_the_end(make_phase, tmp_path)) == []


def is_about_the_test(event: Event) -> bool:
    """How many tokens it has is known, and said."""
    return isinstance(event, events.Warned) and event.code == "tiny_test"


def test_no_word_of_the_test_text_gets_into_training_or_judgement(
    make_phase: MakePhase, tmp_path: Path, corpus: Path
) -> None:
    """Two test texts of equal length, of which one repeats the training text and one has tokens that no other has."""
    logs: list[list[Event]] = []
    models = []
    size = len((corpus / "parcels.py").read_text())
    for name, text in (("own", (corpus / "orders.py").read_text()), ("strange", "Ж≠zq" * size)):
        (corpus / "parcels.py").write_text(text[:size])
        overrides = (*KEPT_OUT, "model.ngram_mix=0.3", 'data.split="by-document"')
        run = train_to_the_end(make_phase, tmp_path / name, *overrides)
        logs.append(list(run.events()))
        models.append(load_model(run.best_file))
    one, two = (
        [e for e in log if not isinstance(e, events.RunStarted | events.FinalTest) and not is_about_the_test(e)]
        for log in logs
    )
    assert one == two
    assert models[0].tokenizer.fingerprint == models[1].tokenizer.fingerprint
    first, second = (log[0] for log in logs)
    assert isinstance(first, events.RunStarted)
    assert isinstance(second, events.RunStarted)
    assert first.data.facts == second.data.facts
    assert first.data.val_text == second.data.val_text
    assert first.data.fingerprint != second.data.fingerprint
    easy, hard = (e.test_loss for log in logs for e in log if isinstance(e, events.FinalTest))
    assert easy < hard


def test_a_run_that_is_resumed_is_tested_at_its_end_alone(
    make_phase: MakePhase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train_to_the_end(make_phase, tmp_path / "whole", TEST)
    looked_at = []

    def look(model: GPT, side: SideTokens, *arguments: Any, **options: Any) -> BlockSums:
        looked_at.append(side.n_text_tokens)
        return block_sums(model, side, *arguments, **options)

    monkeypatch.setattr(final_test, "block_sums", look)
    for command in ("interrupt", "stop"):
        session = begin(make_phase(TEST), tmp_path / command)
        for event in session.events:
            if isinstance(event, events.Step) and event.step == 6:
                send(session.run.control_file, Command("stop")) if command == "stop" else session.events.close()  # type: ignore[attr-defined]
        assert final_tests(session.run) == []
        assert not looked_at
        for _ in resume(session.run).events:
            pass
        assert final_tests(session.run) == final_tests(whole)
        assert len(looked_at) == 2, "the test side once, and the validation side beside it"
        looked_at.clear()


def test_a_run_that_was_stopped_says_that_the_test_is_to_come(
    make_phase: MakePhase, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session = begin(make_phase(TEST), tmp_path)
    for event in session.events:
        if isinstance(event, events.Step) and event.step == 6:
            send(session.run.control_file, Command("stop"))
    main(["watch", "latest", "--checkpoints", str(tmp_path)])
    assert "test: not looked at yet; that is done once, when the training is over" in capsys.readouterr().out
    main(["report", "latest", "--checkpoints", str(tmp_path)])
    assert "**Test:** not looked at yet" in capsys.readouterr().out


def test_it_is_shown_wherever_a_run_is(
    make_phase: MakePhase, tmp_path: Path, tiny_toml: str, capsys: pytest.CaptureFixture[str]
) -> None:
    phase = tmp_path / "tiny.toml"
    phase.write_text(tiny_toml)
    folder = str(tmp_path / "runs")
    assert main(["--headless", str(phase), "--set", TEST, "--checkpoints", folder]) == 0
    out = capsys.readouterr().out
    run = Run(tmp_path / "runs" / "tiny-001")
    (found,) = final_tests(run)
    assert f"test, the best model (step {found.best_step}): loss {found.test_loss:.4f}" in out
    assert found.flattered is not None
    (line,) = [line for line in out.splitlines() if line.startswith("test: ")]
    assert line.startswith(f"test: loss {found.test_loss:.4f}, {found.bits_per_byte:.2f} bits/byte")
    assert f"validation flattered by {found.flattered:.2f}".replace("-", "−") in line
    assert f"{found.tokens} kept for the test" in out
    main(["watch", "latest", "--checkpoints", folder])
    assert f"test: loss {found.test_loss:.4f}" in capsys.readouterr().out
    main(["runs", "--json", "--checkpoints", folder])
    assert json.loads(capsys.readouterr().out)["test_loss"] == found.test_loss
    assert summarise(run)[0].test_bits_per_byte == found.bits_per_byte
    main(["runs", "--checkpoints", folder])
    header, row = capsys.readouterr().out.splitlines()
    assert header.split("  ")[-1].strip() == "test b/byte"
    assert row.split()[-1] == f"{found.bits_per_byte:.2f}"
    history = RunHistory(run)
    history.refresh()
    assert f"test {found.test_loss:.3f}, {found.bits_per_byte:.2f} b/byte" in progress_line(
        history, history.summary, 120
    )
    main(["report", "latest", "--checkpoints", folder])
    report = capsys.readouterr().out
    assert f"looked at once, at the end, the model of step {found.best_step} has {found.test_loss:.4f} nats" in report


def test_a_best_model_that_is_gone_is_said(make_phase: MakePhase, tmp_path: Path) -> None:
    session = begin(make_phase(TEST), tmp_path)
    happened, removing = [], False
    for event in session.events:
        happened.append(event)
        if isinstance(event, events.Step) and event.step == 6:
            removing = True
        if removing:
            session.run.best_file.unlink(missing_ok=True)
    (warned,) = [e.message for e in happened if isinstance(e, events.Warned) and e.code == "no_test"]
    assert warned == f"the test side was not looked at: {session.run.best_file}: no such checkpoint"
    assert final_tests(session.run) == []


def test_a_share_is_tested_with_its_interval_and_how_far_validation_flattered(
    make_phase: MakePhase, tmp_path: Path
) -> None:
    phase = make_phase("data.test_fraction=0.3")
    run = train_to_the_end(make_phase, tmp_path, "data.test_fraction=0.3")
    (found,) = final_tests(run)
    dataset = prepare_dataset(phase)
    assert dataset.test is not None
    model = load_model(run.best_file).model
    test, val = (block_sums(model, side, dataset.tokenizer) for side in (dataset.test, dataset.val))
    assert found.nats == pytest.approx(test.nats["network"])
    assert sum(test.n_bytes) == len(dataset.tokenizer.decode(dataset.test.tokens[1:], "").encode())
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.bits_per_byte < found.high
    assert found.flattered == pytest.approx(test.bits_per_byte["network"] - val.bits_per_byte["network"])
    summary, _ = summarise(run)
    assert (summary.test_low, summary.flattered) == (found.low, found.flattered)


def test_the_test_can_fail_the_gate(make_phase: MakePhase, tmp_path: Path) -> None:
    gate = "gate.max_test_bits_per_byte="
    for limit, failed in (("20", False), ("0.1", True)):
        run = train_to_the_end(make_phase, tmp_path / limit, TEST, gate + limit)
        assert summarise(run)[0].gate_failed is failed
    with pytest.raises(UserError, match=r"set data\.test_fraction or data\.test, or take the limit out"):
        begin(make_phase(gate + "3"), tmp_path)
