"""A log or a folder of runs that cannot be read ends in a sentence, whichever command meets it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from slmtui.cli import main
from slmtui.output import ExitStatus
from slmtui.runs.index import RunIndex
from slmtui.runs.run import Run, newest_first, newest_runs
from tests.closed import close
from tests.written_runs import done_run


@pytest.fixture
def unreadable(tmp_path: Path) -> Run:
    """A run with a folder in the place of its log, which no user can read, not even root."""
    run = done_run(tmp_path, "phase1-001")
    run.log_file.unlink()
    run.log_file.mkdir()
    run.last_file.unlink()
    return run


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["runs"], ExitStatus.DONE),
        (["watch", "phase1-001"], ExitStatus.USAGE),
        (["report", "phase1-001"], ExitStatus.USAGE),
        (["--headless", "--resume", "phase1-001"], ExitStatus.USAGE),
    ],
)
def test_each_command_names_the_log_and_the_reason(
    unreadable: Run, words: list[str], status: ExitStatus, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--checkpoints", str(unreadable.folder.parent)]) == status
    assert f"{unreadable.log_file}: cannot be read (Is a directory)" in capsys.readouterr().err


def test_a_list_shows_the_run_as_damaged_until_its_log_can_be_read(unreadable: Run) -> None:
    index = RunIndex(unreadable.folder.parent)
    (listed,) = index.look()
    assert (listed.state, listed.problem) == ("damaged", "events.jsonl: cannot be read (Is a directory)")
    unreadable.log_file.rmdir()
    (listed,) = index.look()
    assert (listed.state, listed.problem) == ("crashed", "")


def link(path: Path) -> None:
    path.symlink_to("nowhere")


def test_a_run_that_may_not_be_looked_into_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    closed, other = done_run(tmp_path, "a-001"), done_run(tmp_path, "b-001")
    close(closed.folder, monkeypatch)
    assert newest_runs(tmp_path) == [other]
    index = RunIndex(tmp_path)
    assert [(run.name, run.state) for run in index.look()] == [("a-001", "damaged"), ("b-001", "done")]
    assert main(["runs", "--checkpoints", str(tmp_path)]) == ExitStatus.DONE
    told = capsys.readouterr()
    assert told.err == f"{closed.folder}: phase.toml cannot be read (Permission denied)\n"
    assert "b-001" in told.out
    assert main(["watch", "a-001", "--checkpoints", str(tmp_path)]) == ExitStatus.USAGE
    assert f"{closed.folder}: phase.toml cannot be read (Permission denied)" in capsys.readouterr().err
    monkeypatch.undo()
    assert [(run.name, run.state) for run in index.look()] == [("a-001", "done"), ("b-001", "done")]


@pytest.mark.parametrize(
    ("make", "reason"),
    [(Path.mkdir, "Is a directory"), (os.mkfifo, "neither a file nor a folder"), (link, "a link, which is not")],
)
def test_a_run_whose_phase_is_no_file_is_named(
    tmp_path: Path, make: Callable[[Path], None], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = done_run(tmp_path, "a-001")
    run.phase_file.unlink()
    make(run.phase_file)
    for words in (["runs"], ["watch", "a-001"], ["report", str(run.folder)]):
        main([*words, "--checkpoints", str(tmp_path)])
        told = capsys.readouterr().err
        assert f"{run.folder}: phase.toml cannot be read ({reason}" in told
        assert "no runs in" not in told


def test_a_damaged_run_is_not_followed_by_no_runs_yet(unreadable: Run, capsys: pytest.CaptureFixture[str]) -> None:
    main(["runs", "--checkpoints", str(unreadable.folder.parent)])
    assert "no runs in" not in capsys.readouterr().err


@pytest.mark.parametrize("name", ["x" * 5000, f"elsewhere/{'x' * 5000}", "two\nlines", f"{'x' * 5000}.pt"])
@pytest.mark.parametrize("command", ["watch", "report", "complete", "examine"])
def test_the_name_of_no_run_is_shown_on_one_short_line(
    tmp_path: Path, command: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, name, "--checkpoints", str(tmp_path)]) == ExitStatus.USAGE
    told = capsys.readouterr().err
    assert "no such " in told
    assert told.count("\n") == 1
    assert len(told) < 500


def test_a_run_that_is_being_deleted_is_not_the_newest(tmp_path: Path) -> None:
    gone, older, newer = (done_run(tmp_path, f"{name}-001") for name in "abc")
    os.utime(older.phase_file, (1, 1))
    gone.delete()
    assert newest_first([gone, older, newer]) == [newer, older, gone]


@pytest.mark.parametrize("lose", [Path.unlink, lambda log: log.write_bytes(b"")])
def test_a_run_that_has_lost_its_log_is_not_sent_to_resume(
    tmp_path: Path, lose: Callable[[Path], object], capsys: pytest.CaptureFixture[str]
) -> None:
    run = done_run(tmp_path, "a-001")
    run.last_file.write_bytes(b"a checkpoint")
    lose(run.log_file)
    said = f"a-001: {run.log_file} is gone or empty, so the training cannot go on; its model can be used: "
    assert main(["watch", "a-001", "--checkpoints", str(tmp_path)]) == ExitStatus.FAILED
    told = capsys.readouterr().err
    assert told.startswith(said)
    assert "--resume" not in told
    assert main(["--resume", "a-001", "--checkpoints", str(tmp_path)]) == ExitStatus.USAGE
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "said"), [("nosuch", "nosuch: no such run in"), ("nosuch.pt", "nosuch.pt: no such checkpoint")]
)
def test_a_wrong_name_does_not_wait_for_torch(
    tmp_path: Path, name: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in ("slmtui.inference.generation", "slmtui.runs.checkpoint"):
        monkeypatch.setitem(sys.modules, module, None)  # importing it would fail
    assert main(["complete", name, "--checkpoints", str(tmp_path)]) == ExitStatus.USAGE
    assert said in capsys.readouterr().err
