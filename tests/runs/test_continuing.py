"""More steps for a run that is over: `slmtui continue`, and `+` on Runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from slmtui.cli import main
from slmtui.commands import together
from slmtui.insight.report.build import build_report, write_report
from slmtui.output import ExitStatus
from slmtui.runs.checkpoint import load_checkpoint
from slmtui.runs.run import Run
from slmtui.training import events
from tests.conftest import MakePhase
from tests.runs.trained import stop_at, train_to_the_end

Captured = pytest.CaptureFixture[str]


def happened(run: Run) -> tuple[events.RunStarted, list[events.Evaluation], events.RunFinished]:
    first, *rest, last = run.events()
    assert isinstance(first, events.RunStarted)
    assert isinstance(last, events.RunFinished)
    return first, [event for event in rest if isinstance(event, events.Evaluation)], last


def test_a_finished_run_gets_more_steps_in_a_run_of_its_own(
    make_phase: MakePhase, tmp_path: Path, capsys: Captured
) -> None:
    parent = train_to_the_end(make_phase, tmp_path, "phase.study=mine")
    before = {path.name: path.read_bytes() for path in parent.folder.iterdir()}
    best = load_checkpoint(parent.best_file)
    assert main(["continue", "tiny-001", "--steps", "40", "--checkpoints", str(tmp_path)]) == ExitStatus.DONE
    said = capsys.readouterr().err
    assert "tiny-001: going on for 40 steps in a run of its own; the learning rate rises to 0.005 in 2 steps, " in said
    assert "50 % of its parent's, and falls to 0 along a cosine\n" in said
    assert {path.name: path.read_bytes() for path in parent.folder.iterdir()} == before
    started, evaluations, end = happened(Run(tmp_path / "tiny-002"))
    assert started.parent == f"tiny-001@{best.step}"
    assert evaluations[0].val_loss == best.val_loss
    assert (end.step, end.reason) == (40, "completed")
    assert started.phase["phase"]["study"] == ""
    assert started.phase["training"]["learning_rate"] == pytest.approx(5e-3)


def test_it_goes_on_until_a_loss_is_reached(make_phase: MakePhase, tmp_path: Path, capsys: Captured) -> None:
    parent = train_to_the_end(make_phase, tmp_path, "training.max_iters=4", "training.schedule=constant")
    wanted = load_checkpoint(parent.best_file).val_loss - 0.1
    command = ["continue", "latest", "--until-val", str(wanted), "--steps", "1000", "--checkpoints", str(tmp_path)]
    assert main(command) == ExitStatus.DONE
    run = Run(tmp_path / "tiny-002")
    started, evaluations, end = happened(run)
    assert end.reason == "early stopping"
    assert evaluations[-1].val_loss <= wanted < evaluations[-2].val_loss
    assert started.phase["training"]["learning_rate"] == 1e-2
    assert main(["continue", "latest", "--until-val", str(wanted), "--checkpoints", str(tmp_path)]) == ExitStatus.USAGE
    assert "tiny-002 has a validation loss of " in capsys.readouterr().err
    write_report(build_report([run]), tmp_path / "report.md")
    report = (tmp_path / "report.md").read_text()
    assert f"validation loss was as low as it was to be, {wanted:g}." in report
    assert "topped too early" not in report


def test_a_loss_that_its_parent_has_reached_does_not_end_it(make_phase: MakePhase, tmp_path: Path) -> None:
    parent = train_to_the_end(make_phase, tmp_path, "early_stopping.target=5.5")
    assert happened(parent)[-1].reason == "early stopping"
    assert main(["continue", parent.name, "--steps", "8", "--checkpoints", str(tmp_path)]) == ExitStatus.DONE
    _, _, end = happened(Run(tmp_path / "tiny-002"))
    assert (end.step, end.reason) == (8, "completed")


def test_several_processes_go_on_from_the_run_that_was_meant(
    make_phase: MakePhase, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of them is told a run's own name: `latest` would mean another one once the first has begun."""
    asked: list[list[str]] = []

    def started(n: int, arguments: list[str]) -> int:
        asked.append(arguments)
        return n

    monkeypatch.setattr(together, "train_together", started)
    parent = train_to_the_end(make_phase, tmp_path)
    capsys.readouterr()
    command = ["continue", "latest", "--steps", "8", "--until-val", "0.1", "--checkpoints", str(tmp_path)]
    assert main([*command, "--nproc", "3"]) == 3
    assert capsys.readouterr().err == ""  # the first process says it
    ((*arguments, last),) = asked
    assert last == parent.name
    assert main([*arguments, last]) == ExitStatus.DONE
    assert "tiny-001: going on for 8 steps" in capsys.readouterr().err
    assert happened(Run(tmp_path / "tiny-002"))[0].phase["early_stopping"]["target"] == 0.1
    assert main(["continue", "nothing", "--steps", "8", "--checkpoints", str(tmp_path), "--nproc", "3"]) == 2
    assert len(asked) == 1


def test_what_is_not_over_is_not_continued(make_phase: MakePhase, tmp_path: Path, capsys: Captured) -> None:
    stop_at(make_phase, tmp_path, 6)
    more = ["--checkpoints", str(tmp_path), "--steps", "4"]
    assert main(["continue", "tiny-001", *more]) == ExitStatus.USAGE
    said = capsys.readouterr().err
    assert "tiny-001 is not over, so it needs no run of its own to go on: slmtui --headless --resume tiny-001" in said
    assert main(["continue", "tiny-001", "--checkpoints", str(tmp_path)]) == ExitStatus.USAGE
    assert "how far? Give --steps N, or --until-val X, or both." in capsys.readouterr().err
    assert main(["continue", "tiny-001", "--until-val", "nan", "--checkpoints", str(tmp_path)]) == ExitStatus.USAGE
    assert "'nan' is not a loss, a number of at least 0." in capsys.readouterr().err
    assert [path.name for path in tmp_path.glob("tiny-*")] == ["tiny-001"]


def test_a_damaged_model_is_refused_before_anything_is_said(
    make_phase: MakePhase, tmp_path: Path, capsys: Captured
) -> None:
    run = train_to_the_end(make_phase, tmp_path)
    run.best_file.write_bytes(b"nothing of that kind")
    capsys.readouterr()
    assert main(["continue", run.name, "--checkpoints", str(tmp_path), "--steps", "4"]) == ExitStatus.USAGE
    said = capsys.readouterr().err
    assert "not a checkpoint" in said
    assert "going on" not in said
