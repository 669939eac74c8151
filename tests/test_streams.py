"""What the command line does where stdin, stdout or stderr is closed, full, of another alphabet, or not text."""

from __future__ import annotations

import io
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from slmtui.cli import main
from slmtui.runs.run import Run

ROOT = Path(__file__).parents[1]
needs_dev_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")


@pytest.fixture
def project(tmp_path: Path, tiny_toml: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a finished run of three steps."""
    (tmp_path / "tiny.toml").write_text(tiny_toml)
    monkeypatch.chdir(tmp_path)
    assert main(["--headless", "tiny.toml", "--set", "training.max_iters=3"]) == 0
    return tmp_path


def shell(project: Path, arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        f"exec {sys.executable} -m slmtui {arguments}", shell=True, cwd=project, capture_output=True, timeout=120,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip


@needs_dev_full
@pytest.mark.parametrize("command", ["runs", "complete latest --tokens 2 <tiny.toml", "--help", "--version"])
def test_a_full_disk_below_stdout_is_said(project: Path, command: str) -> None:
    done = shell(project, f"{command} >/dev/full")
    assert done.returncode == 2
    assert done.stderr.decode().splitlines()[-1] == "slmtui: stdout cannot be written: No space left on device"


@needs_dev_full
def test_a_full_disk_below_stderr_is_no_traceback(project: Path) -> None:
    assert shell(project, "check nothing.toml 2>/dev/full").returncode == 2


@pytest.mark.parametrize("closed", [">&-", "<&- >&- 2>&-"])
def test_a_training_does_without_streams(project: Path, closed: str) -> None:
    done = shell(project, f"--headless tiny.toml --set training.max_iters=3 {closed}")
    assert done.returncode == 0
    first, second = Run(project / "checkpoints/tiny-001"), Run(project / "checkpoints/tiny-002")
    assert [event.step for event in second.events()] == [event.step for event in first.events()]
    assert b"Traceback" not in done.stdout + done.stderr


def test_a_closed_stderr_leaves_stdout_as_it_was(project: Path) -> None:
    assert shell(project, "runs 2>&-").stdout == shell(project, "runs").stdout


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
