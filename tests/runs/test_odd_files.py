"""What stands where a file of a run should be, and is none: a pipe, a device, a link, a folder. Nothing hangs on it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from slmtui.cli import main
from slmtui.console.phase_drafts import Drafts
from slmtui.console.screens.complete.prompt_history import PromptHistory
from slmtui.output import ExitStatus
from slmtui.runs.run import Run
from tests.written_runs import done_run

NO_FILE = "neither a file nor a folder"
LINK = "a link, which is not followed here"


@pytest.fixture(autouse=True)
def no_hang() -> Iterator[None]:
    """A pipe that is waited for ends the test."""

    def hung(*_: object) -> None:
        raise AssertionError("it waits for a pipe")

    before = signal.signal(signal.SIGALRM, hung)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return done_run(tmp_path / "runs", "tiny-001")


def put_in_place(path: Path, make: Callable[[Path], None]) -> None:
    path.unlink(missing_ok=True)
    make(path)


def told(run: Run, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    status = main([*words, "--checkpoints", str(run.folder.parent)])
    return status, capsys.readouterr().err


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def copied(path: Path) -> None:
    path.symlink_to(Path("/etc/hostname"))


@pytest.mark.parametrize(("make", "reason"), [(os.mkfifo, NO_FILE), (endless, LINK), (dangling, LINK), (copied, LINK)])
@pytest.mark.parametrize("words", [["runs"], ["watch", "tiny-001"], ["report", "tiny-001"]])
def test_a_log_that_is_no_file_is_named(
    run: Run, words: list[str], make: Callable[[Path], None], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    put_in_place(run.log_file, make)
    assert f"{run.log_file}: cannot be read ({reason})" in told(run, capsys, *words)[1]


@pytest.mark.parametrize(("make", "reason"), [(os.mkfifo, NO_FILE), (endless, NO_FILE), (dangling, "leads nowhere")])
@pytest.mark.parametrize("command", ["complete", "examine"])
def test_a_checkpoint_that_is_no_file_is_named(
    run: Run, command: str, make: Callable[[Path], None], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    put_in_place(run.best_file, make)
    status, said = told(run, capsys, command, "tiny-001")
    assert status == ExitStatus.USAGE
    assert f"{run.best_file}: cannot be read: " in said
    assert reason in said


def test_a_folder_in_the_place_of_a_checkpoint(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    put_in_place(run.best_file, Path.mkdir)
    assert f"{run.best_file}: cannot be read: Is a directory" in told(run, capsys, "complete", "tiny-001")[1]


@pytest.mark.parametrize("make", [os.mkfifo, endless, dangling])
def test_an_examination_that_is_no_file_is_passed_over(
    run: Run, make: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    put_in_place(run.folder / "examination.json", make)
    assert told(run, capsys, "report", "tiny-001")[0] == ExitStatus.DONE


@pytest.mark.parametrize("name", ["lock", "control.jsonl", "last.pt"])
def test_a_run_is_not_resumed_through_a_pipe(run: Run, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    lines = run.log_file.read_bytes().splitlines(keepends=True)
    run.log_file.write_bytes(b"".join(lines[:-1]))  # it was killed
    put_in_place(run.folder / name, os.mkfifo)
    status, said = told(run, capsys, "--headless", "--resume", "tiny-001")
    assert status == ExitStatus.USAGE
    assert NO_FILE in said
    assert name in said or name == "lock"


def test_prompts_are_remembered_in_a_file_only(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    for make in (os.mkfifo, lambda path: path.symlink_to(precious)):
        put_in_place(tmp_path / "prompts", make)
        history = PromptHistory(tmp_path / "prompts")
        history.add("def ")
        assert history.prompts == ["def "]
    assert precious.read_text() == "precious"


def test_a_phase_that_is_a_pipe_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe.toml")
    for words in (["check"], ["--headless"], ["inspect"], ["suggest"]):
        assert main([*words, "pipe.toml"]) == ExitStatus.USAGE
        assert f"pipe.toml: cannot be read: {NO_FILE}" in capsys.readouterr().err
    drafts = Drafts(tmp_path)
    drafts.look()
    assert NO_FILE in drafts[tmp_path / "pipe.toml"].complaint
