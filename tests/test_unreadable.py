"""A log or a folder of runs that cannot be read ends in a sentence, whichever command meets it."""

from __future__ import annotations

from pathlib import Path

import pytest

from slmtui.cli import main
from slmtui.output import ExitStatus
from slmtui.runs.index import RunIndex
from slmtui.runs.run import Run, newest_runs
from tests.written_runs import done_run


@pytest.fixture
def unreadable(tmp_path: Path) -> Run:
    """A run with a folder in the place of its log, which no user can read, not even root."""
    run = done_run(tmp_path, "phase1-001")
    run.log_file.unlink()
    run.log_file.mkdir()
    run.last.unlink()
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


def test_a_run_that_may_not_be_looked_into_hides_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed, other = done_run(tmp_path, "a-001"), done_run(tmp_path, "b-001")
    is_file = Path.is_file

    def refusing(path: Path) -> bool:
        if path.parent == closed.folder:
            raise PermissionError(13, "Permission denied", str(path))
        return is_file(path)

    monkeypatch.setattr(Path, "is_file", refusing)
    assert newest_runs(tmp_path) == [other]
