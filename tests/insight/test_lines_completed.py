"""gate.min_characters_saved: lines are completed once, at the end, with the best model, and the gate judges that."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slmtui.cli import main
from slmtui.config.limits import GATE_PLACES, SEED
from slmtui.errors import UserError
from slmtui.insight.judging.completing import characters_saved
from slmtui.insight.report.build import build_report
from slmtui.insight.report.markdown import to_markdown
from slmtui.output import ExitStatus
from slmtui.runs.checkpoint import load_model
from slmtui.runs.control import send
from slmtui.runs.history import RunHistory
from slmtui.runs.run import Run
from slmtui.session import begin, resume
from slmtui.training import events
from slmtui.training.control import Command
from slmtui.training.prepare import prepare_dataset
from tests.conftest import MakePhase

GATE = "gate.min_characters_saved={}"


def measured(run: Run) -> list[events.CharactersSaved]:
    return [event for event in run.events() if isinstance(event, events.CharactersSaved)]


@pytest.mark.parametrize("mix", ["0", "0.5"])
def test_the_best_model_completes_lines_at_the_end(make_phase: MakePhase, tmp_path: Path, mix: str) -> None:
    phase = make_phase(GATE.format(0.0), f"model.ngram_mix={mix}")
    session = begin(phase, tmp_path)
    *_, found, _, last = [event for event in session.events if not isinstance(event, events.Warned)]
    assert isinstance(found, events.CharactersSaved)
    assert isinstance(last, events.RunFinished)
    expected = characters_saved(
        load_model(session.run.best_file).model, prepare_dataset(phase), places=GATE_PLACES, seed=SEED
    )
    assert expected is not None
    assert (found.places, found.share, found.error) == (expected[0], expected[1].value, expected[1].error)
    assert found.best_step == last.best_step


def test_without_the_limit_nothing_is_completed(make_phase: MakePhase, tmp_path: Path) -> None:
    session = begin(make_phase(), tmp_path)
    assert not any(isinstance(event, events.CharactersSaved) for event in session.events)


def test_a_run_below_the_limit_fails_and_its_report_says_by_how_much(
    tiny_toml: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.toml").write_text(tiny_toml)
    assert main(["--headless", "tiny.toml", "--set", GATE.format(1.0)]) == ExitStatus.GATE
    out, err = capsys.readouterr()
    assert "gate failed: min_characters_saved = 1 is not kept: completions save 0." in err
    assert "lines completed by the best model (step " in out
    run = Run(tmp_path / "checkpoints" / "tiny-001")
    (found,) = measured(run)
    said = f"min_characters_saved = 1 is not kept: completions save {found.share:.4f}"
    assert said.replace("_", "") in to_markdown(build_report([run]), []).replace("\\", "").replace("_", "")
    assert main(["watch", "tiny-001"]) == ExitStatus.GATE
    assert main(["--headless", "tiny.toml", "--set", GATE.format(0.0)]) == 0


def test_a_run_that_was_stopped_and_resumed_has_it_of_its_last_end(make_phase: MakePhase, tmp_path: Path) -> None:
    session = begin(make_phase(GATE.format(0.0), "sampling.prompts=[]"), tmp_path)
    for event in session.events:
        if isinstance(event, events.Evaluation) and event.step == 4:
            send(session.run.control_file, Command("stop"))
    (first,) = measured(session.run)
    history = RunHistory(session.run)
    history.refresh()
    assert history.saved == first
    for _ in resume(session.run).events:
        pass
    history = RunHistory(session.run)
    history.refresh()
    assert history.saved == measured(session.run)[-1]
    assert history.saved is not None
    assert history.saved.step == 12 > first.step
    assert json.loads(events.to_json(first))["event"] == "characters_saved"


def test_a_limit_on_a_text_without_lines_is_refused(make_phase: MakePhase, corpus: Path, tmp_path: Path) -> None:
    for file in corpus.iterdir():
        file.unlink()
    (corpus / "a.txt").write_text("something to learn\n" * 90 + " \n\t\n" * 200)
    with pytest.raises(UserError, match="asks for completions of lines"):
        begin(make_phase(GATE.format(0.1)), tmp_path)
