"""What the command line does where stdin, stdout or stderr is closed, full, of another alphabet, or not text."""

from __future__ import annotations

import io
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from slmtui.cli import main
from slmtui.runs.run import Run
from tests.conftest import trained_project
from tests.patience import PATIENCE
from tests.processes import Processes

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained_project(tmp_path_factory.mktemp("trained"), "--set", "training.max_iters=3")


@pytest.fixture
def project(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a finished run of three steps, as the current folder."""
    folder = Path(shutil.copytree(trained, tmp_path / "project"))
    monkeypatch.chdir(folder)
    return folder


def in_a_shell(project: Path, arguments: str) -> subprocess.CompletedProcess[bytes]:
    """With a fresh interpreter; the other processes here are forks, whose streams `tests/forking.py` opens."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.run(
        f"exec {sys.executable} -m slmtui {arguments}", shell=True, cwd=project, capture_output=True, timeout=PATIENCE,
        env=environment | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip


@pytest.fixture
def dev_full() -> Iterator[int]:
    """A file that takes nothing, as on a full disk."""
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    with open("/dev/full", "wb") as file:  # noqa: PTH123
        yield file.fileno()


@pytest.mark.parametrize("command", ["runs", "complete latest --tokens 2", "--help", "--version"])
def test_a_full_disk_below_stdout_is_said(project: Path, processes: Processes, dev_full: int, command: str) -> None:
    with Path("tiny.toml").open() as prompts:
        done = processes.run(*command.split(), cwd=project, streams={0: prompts.fileno(), 1: dev_full})
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "slmtui: stdout cannot be written: No space left on device"


def test_a_full_disk_below_stderr_is_no_traceback(project: Path, processes: Processes, dev_full: int) -> None:
    assert processes.run("check", "nothing.toml", cwd=project, streams={2: dev_full}).returncode == 2


@pytest.mark.usefixtures("dev_full")
def test_a_full_disk_is_said_by_a_fresh_interpreter(project: Path) -> None:
    done = in_a_shell(project, "--version >/dev/full")
    assert (done.returncode, done.stderr) == (2, b"slmtui: stdout cannot be written: No space left on device\n")
    assert in_a_shell(project, "check nothing.toml 2>/dev/full").returncode == 2


def same_steps(project: Path) -> bool:
    first, second = Run(project / "checkpoints/tiny-001"), Run(project / "checkpoints/tiny-002")
    return [event.step for event in second.events()] == [event.step for event in first.events()]


def test_a_training_does_without_stdout(project: Path, processes: Processes) -> None:
    done = processes.run("--headless", "tiny.toml", "--set", "training.max_iters=3", cwd=project, streams={1: None})
    assert done.returncode == 0
    assert same_steps(project)
    assert "Traceback" not in done.stderr


def test_a_training_does_without_streams(project: Path) -> None:
    """A fresh interpreter: the files that the imports open must not get the descriptors of the streams."""
    assert in_a_shell(project, "--headless tiny.toml --set training.max_iters=3 <&- >&- 2>&-").returncode == 0
    assert same_steps(project)


def test_a_closed_stderr_leaves_stdout_as_it_was(project: Path, processes: Processes) -> None:
    assert processes.run("runs", cwd=project, streams={2: None}).stdout == processes.run("runs", cwd=project).stdout


def test_a_terminal_of_another_alphabet_gets_escapes(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stdout)
    assert main(["complete", "latest", "日本", "--tokens", "1"]) == 0
    assert stdout.buffer.getvalue().startswith(rb"\u65e5\u672c")


def test_a_prompt_that_is_no_text_is_refused_by_its_line(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    capsys.readouterr()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"def\nab\xff\n")))
    assert main(["complete", "latest", "--json", "--tokens", "1"]) == 2
    out, err = capsys.readouterr()
    assert json.loads(out)["prompt"] == "def"
    assert err.splitlines()[-1] == "slmtui: stdin:2: not UTF-8: byte 0xff at 3"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["runs", "--checkpoints", "tiny.toml"], "tiny.toml is a file, not a folder of runs"),
        (["suggest", "corpus", "--set", "data.source=x"], "--set data.source contradicts corpus"),
        (["suggest", "corpus", "-o", "nowhere/deeper/x.toml"], "there is no folder nowhere"),
        (
            ["--headless", "tiny.toml", "--set", "sampling.samples=3", "--set", "sampling.prompts=[]"],
            "give it a prompt",
        ),
    ],
)
def test_contradictions_are_named(
    project: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(arguments) == 2
    assert message in capsys.readouterr().err
    assert not (project / "checkpoints/tiny-002/events.jsonl").exists()


@pytest.mark.parametrize("option", [["--seed", str(2**64)], ["--top-p", "0"], ["--top-p", "1.5"], ["--tokens", "0"]])
def test_options_say_what_they_take(project: Path, capsys: pytest.CaptureFixture[str], option: list[str]) -> None:
    assert main(["complete", "latest", "def", *option]) == 2
    assert f"slmtui complete: Invalid value for '{option[0]}': {option[1]} is not a " in capsys.readouterr().err


def test_prompts_may_stand_behind_options(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["complete", "latest", "--tokens", "1", "def", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["prompt"] == "def"


def test_completions_of_several_prompts_are_apart(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["complete", "latest", "def", "import", "--tokens", "1"]) == 0
    assert "\n\nimport" in capsys.readouterr().out


def test_a_suggestion_for_a_text_outside_can_be_trained_as_it_is(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "inner").mkdir()
    monkeypatch.chdir(project / "inner")
    assert main(["suggest", "../corpus", "-o", "mine.toml"]) == 0
    said = capsys.readouterr().err.splitlines()[-1]
    arguments = shlex.split(said.partition("Train it: slmtui ")[2])
    assert arguments == ["--headless", "mine.toml"]
    assert main([*arguments, "--set", "training.max_iters=1", "--set", "evaluation.interval=1"]) == 0
    assert "patterns" not in Path("mine.toml").read_text()  # those of the sample corpus have no business here
