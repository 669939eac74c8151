"""The habits of a command line: where options may stand, what is said of a mistyped word, and where it is run."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from pkgutil import iter_modules

import pytest

from slmtui import commands
from slmtui.cli import main
from slmtui.commands.runs import HEADER, MIXED, aligned, cells, fitting
from slmtui.runs.summary import RunSummary
from tests.patience import PATIENCE
from tests.processes import Processes
from tests.terminal import ROOT, SlmtuiTerminal

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def project(tmp_path: Path, tiny_toml: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder with one tiny phase, as the current folder, and a run of it that was never begun, in old/."""
    (tmp_path / "phases").mkdir()
    (tmp_path / "phases" / "tiny.toml").write_text(tiny_toml)
    (tmp_path / "old" / "tiny-007").mkdir(parents=True)
    (tmp_path / "old" / "tiny-007" / "phase.toml").write_text(tiny_toml)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_each_command_has_a_module_and_each_module_is_known() -> None:
    modules = {module.name for module in iter_modules(commands.__path__)}
    assert modules == commands.COMMANDS.keys() | {"options", "train", "headless", "together", "outcomes"}


@pytest.mark.parametrize("name", commands.COMMANDS)
def test_help_begins_with_how_it_is_called(name: str, capsys: Captured) -> None:
    assert main(["--help", name]) == 0
    assert capsys.readouterr().out.startswith(f"Usage: slmtui {name} [OPTIONS]")


@pytest.mark.parametrize("name", ["complete", "export", "serve", "tag"])
def test_help_says_what_names_a_run(name: str, capsys: Captured) -> None:
    assert main([name, "--help"]) == 0
    assert "RUN is the name of a run, a tag, the path of its folder" in capsys.readouterr().out


def test_help_says_once_how_it_is_called_and_names_the_defaults(capsys: Captured) -> None:
    for name in commands.COMMANDS:
        assert main([name, "--help"]) == 0
        assert f"\n  slmtui {name} [" not in (out := capsys.readouterr().out)
        assert f"\n  slmtui {name}:" not in out
    assert main(["examine", "--help"]) == 0
    out = capsys.readouterr().out
    assert "\n  Count what a run's model writes" in out
    assert all(f"(default: {default})" in " ".join(out.split()) for default in (200, 16, 42))


def test_the_first_run_is_trained_with_what_is_here(project: Path, capsys: Captured) -> None:
    assert main(["runs"]) == 0
    assert capsys.readouterr().err.endswith("train one with: slmtui --headless phases/tiny.toml\n")
    (project / "phases" / "tiny.toml").unlink()
    assert main(["runs"]) == 0
    told = "train one with: slmtui suggest FOLDER -o mine.toml, then slmtui --headless mine.toml\n"
    assert capsys.readouterr().err.endswith(told)


def test_runs_leaves_columns_out_for_a_narrow_terminal() -> None:
    summary = RunSummary("phase1-001", step=600, max_iters=600, parameters=1_234_567, best_val_loss=3.2, gap=0.4)
    rows = [(*HEADER, *MIXED, "counting"), cells(summary, "done", n_mixed=len(MIXED))]
    assert fitting(rows, None) == (rows, [])
    shown, left_out = fitting(rows, 80)
    assert all(len(line) <= 80 for line in aligned(shown))
    assert left_out[:2] == ["counting", "parameters"]
    assert shown[0][:3] == ("run", "state", "step")
    assert set(shown[0]) >= {"best val", "gap", "verdict", "b/byte"}


def test_the_main_help_names_all_commands(capsys: Captured) -> None:
    assert main(["-h"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Usage: slmtui [OPTIONS] [COMMAND | PHASE.toml …]\n")
    assert all(f"\n  {name} " in out for name in commands.COMMANDS)
    assert "130 interrupted" in out


@pytest.mark.parametrize(
    "arguments",
    [
        ["runs", "--checkpoints", "old", "--json"],
        ["--checkpoints", "old", "runs", "--json"],
        ["--checkpoints=old", "--json", "runs"],
        ["--json", "runs", "--checkpoints", "old"],
    ],
)
def test_options_may_stand_before_the_command(project: Path, capsys: Captured, arguments: list[str]) -> None:
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "tiny-007"


def test_the_value_of_an_option_is_no_command(project: Path, capsys: Captured) -> None:
    (project / "old").rename("runs")
    assert main(["--checkpoints", "runs", "runs", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "tiny-007"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rnus"], "slmtui: rnus: neither a command nor a phase file. Did you mean slmtui runs?"),
        (["tinny"], "slmtui: tinny: neither a command nor a phase file. Did you mean phases/tiny.toml?"),
        (["phases/tiny"], "slmtui: phases/tiny: neither a command nor a phase file. Did you mean phases/tiny.toml?"),
        (["xyzzy"], "slmtui: xyzzy: neither a command nor a phase file. Commands: check, inspect, "),
        (["--headless", "phases/tiny.toml", "cheque"], "slmtui: cheque: neither a command nor a phase file."),
        (["--", "runs"], "slmtui: runs: neither a command nor a phase file. Did you mean slmtui runs?"),
        (["phases"], "slmtui: phases: a folder, not a phase file; for a phase of its text: slmtui suggest phases -o "),
    ],
)
def test_a_word_that_is_nothing_is_told_what_it_could_be(
    project: Path, capsys: Captured, arguments: list[str], said: str
) -> None:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(said)
    assert not (project / "checkpoints").exists()


@pytest.mark.parametrize(
    ("arguments", "asked", "meant"),
    [
        (["--chekpoints", "old", "runs"], "slmtui", "--checkpoints"),
        (["runs", "--chekpoints", "old"], "slmtui runs", "--checkpoints"),
        (["complete", "latest", "--temprature", "0"], "slmtui complete", "--temperature"),
    ],
)
def test_a_mistyped_option_gets_the_nearest(
    project: Path, capsys: Captured, arguments: list[str], asked: str, meant: str
) -> None:
    assert main(arguments) == 2
    problem, remedy = capsys.readouterr().err.splitlines()
    assert problem.startswith(f"{asked}: No such option")
    assert "Did you mean" in problem
    assert meant in problem
    assert remedy == f"See what it takes: {asked} --help"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["watch"], "slmtui watch: Missing argument 'RUN'."),
        (["runs", "latest"], "slmtui runs: Got unexpected extra argument (latest)"),
        (["--headless", "runs"], "slmtui runs: takes no --headless"),
        (["--resume", "latest", "phases/tiny.toml"], "slmtui: --resume continues a run exactly as it was"),
        (["--detach", "--json"], "slmtui: --detach prints nothing of the training"),
    ],
)
def test_usage_is_said_with_the_command(project: Path, capsys: Captured, arguments: list[str], said: str) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith(said)


def test_a_prompt_may_begin_with_a_dash(project: Path, capsys: Captured) -> None:
    assert main(["--headless", "phases/tiny.toml", "--set", "training.max_iters=1"]) == 0
    capsys.readouterr()
    assert main(["complete", "latest", "--tokens", "1", "--json", "--", "-x", "--json"]) == 0
    assert [json.loads(line)["prompt"] for line in capsys.readouterr().out.splitlines()] == ["-x", "--json"]


def test_commands_that_are_printed_find_the_run_again(project: Path, capsys: Captured) -> None:
    few = ["--set", "training.max_iters=30", "--set", "training.learning_rate=3e-2"]  # enough to learn something
    assert main(["--headless", "phases/tiny.toml", "--checkpoints", "my runs", *few]) == 0
    assert "try it: slmtui complete tiny-001 --checkpoints 'my runs' \"your prompt\"" in capsys.readouterr().out
    assert main(["--headless", "phases/tiny.toml", *few]) == 0
    assert 'try it: slmtui complete tiny-001 "your prompt"' in capsys.readouterr().out
    assert main(["watch", "tiny-007", "--checkpoints", "old"]) == 3
    assert capsys.readouterr().err.endswith("Resume it with: slmtui --headless --resume tiny-007 --checkpoints old\n")
    assert main(["runs", "--checkpoints", "none"]) == 0
    assert capsys.readouterr().err.endswith("slmtui --headless phases/tiny.toml --checkpoints none\n")


@pytest.mark.parametrize(
    ("arguments", "name", "lines"),
    [
        (["--headless", "nowhere.toml"], "slmtui: nowhere.toml", 1),
        (["--headless", "broken.toml"], "slmtui: broken.toml:3: model.n_layer", 2),
        (["--headless", "broken.toml", "phases/tiny.toml"], "slmtui: broken.toml:3: model.n_layer", 2),
        (["inspect", "broken.toml"], "slmtui: broken.toml:3: model.n_layer", 2),
        (["runs", "--jsn"], "slmtui runs: ", 2),
    ],
)
def test_an_error_begins_with_the_name_of_the_program_however_many_lines_it_has(
    project: Path, capsys: Captured, arguments: list[str], name: str, lines: int
) -> None:
    (project / "broken.toml").write_text('[model]\n\nn_layer = "four"\nn_head = 0\n[phase]\nname = "broken"\n')
    assert main(arguments) == 2
    told = capsys.readouterr().err.splitlines()
    assert told[0].startswith(name)
    assert len(told) == lines
    assert not any(line.startswith("slmtui") for line in told[1:])


def test_check_takes_folders_and_without_one_the_phases(project: Path, tiny_toml: str, capsys: Captured) -> None:
    deeper = project / "phases" / "deeper"
    deeper.mkdir()
    (deeper / "other.toml").write_text(tiny_toml)
    (project / "phases" / "notes.txt").write_text("not a phase")
    assert main(["check", "--json"]) == 0
    of_the_project = [json.loads(line)["file"] for line in capsys.readouterr().out.splitlines()]
    assert of_the_project == ["phases/deeper/other.toml", "phases/tiny.toml"]
    (deeper / "other.toml").write_text("[phase]\n")
    assert main(["check", "phases/deeper", "phases/tiny.toml"]) == 2
    out, err = capsys.readouterr()
    assert out.startswith("phases/tiny.toml: valid")
    assert err.startswith("phases/deeper/other.toml")


def test_check_answers_once_for_a_file_that_is_named_twice(project: Path, capsys: Captured) -> None:
    (project / "phases" / "link.toml").symlink_to("tiny.toml")  # another name
    for words in (["phases", "phases/tiny.toml"], ["phases", "./phases"], ["phases", str(project / "phases")]):
        assert main(["check", "--json", *words]) == 0
        answers = [json.loads(line)["file"] for line in capsys.readouterr().out.splitlines()]
        assert answers == ["phases/link.toml", "phases/tiny.toml"]


def test_check_says_where_there_is_nothing_to_check(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["check"]) == 2
    assert "set up a project with: slmtui init" in capsys.readouterr().err
    assert main(["check", "."]) == 2
    assert capsys.readouterr().err == "slmtui: .: no phase files (*.toml) below this folder\n"


def test_init_without_a_folder_sets_up_this_one(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init"]) == 0
    assert capsys.readouterr().out == ".: phases/, studies/ and data/chromadb/ are there. Next: slmtui\n"
    (tmp_path / "phases" / "quick.toml").write_text("mine")
    assert main(["init"]) == 2
    assert "already exists" in capsys.readouterr().err
    assert (tmp_path / "phases" / "quick.toml").read_text() == "mine"


def test_without_a_terminal_nothing_is_trained_that_was_not_named(project: Path, capsys: Captured) -> None:
    (project / "phases" / "tiny.toml").rename(project / "phases" / "quick.toml")
    why = "slmtui: the console needs a terminal, for its keys and its screen; train without it: "
    assert main([]) == 2  # stdin is no terminal under pytest
    assert capsys.readouterr() == ("", f"{why}slmtui --headless phases/quick.toml\n")
    (project / "phases" / "quick.toml").unlink()
    assert main(["--checkpoints", "other"]) == 2
    then = "slmtui suggest FOLDER -o mine.toml, then slmtui --headless mine.toml --checkpoints other"
    assert capsys.readouterr() == ("", f"{why}{then}\n")
    assert not (project / "checkpoints").exists()


@pytest.mark.parametrize("stream", [1, 2], ids=["stdout", "stderr"])
def test_the_console_is_shown_on_what_is_left_of_the_terminal(project: Path, processes: Processes, stream: int) -> None:
    with (project / "kept").open("wb") as file:
        terminal = SlmtuiTerminal(processes, cwd=project, redirected={stream: file.fileno()})
    try:
        terminal.until_seen("Phases", "Studies", "? help")
        terminal.press("q")
        assert terminal.wait() == 0
        assert terminal.is_clean()
    finally:
        terminal.close()
    assert (project / "kept").read_bytes() == b""
    assert not list((project / "checkpoints").glob("*/events.jsonl"))


def test_what_changes_a_phase_needs_one(project: Path, processes: Processes) -> None:
    terminal = SlmtuiTerminal(processes, "--set", "training.max_iters=3", cwd=project)
    try:
        assert terminal.wait() == 2
        assert "--set and --until are for phases that are named; this names none" in terminal.text
    finally:
        terminal.close()


@pytest.mark.parametrize(("kind", "told"), [("dumb", "TERM is dumb"), ("", "TERM is not set")])
def test_a_terminal_that_shows_no_screen_starts_no_training(project: Path, kind: str, told: str) -> None:
    (project / "phases" / "tiny.toml").rename(project / "phases" / "quick.toml")
    master, slave = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "slmtui"], cwd=project, stdin=slave, stdout=slave, stderr=slave, timeout=PATIENCE,
        env=os.environ | {"PYTHONPATH": str(ROOT), "TERM": kind},
    )  # fmt: skip
    os.close(slave)
    said = os.read(master, 1 << 16).decode()
    os.close(master)
    assert done.returncode == 2
    assert said == (
        f"slmtui: this terminal cannot show the console ({told}); train without it: "
        "slmtui --headless phases/quick.toml\r\n"
    )
    assert not (project / "checkpoints").exists()


def test_on_windows_it_says_what_it_needs() -> None:
    code = (
        "import sys\nsys.platform = 'win32'\nsys.modules |= {'fcntl': None, 'termios': None, 'slmtui.cli': None}\n"
        "from slmtui.__main__ import main\nsys.exit(main())"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "WSL" in line


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["complete", "latest", "--tokens"], "slmtui complete: Option '--tokens' requires an argument.\n"),
        (["--headless", "runs"], "slmtui runs: takes no --headless.\n"),
        (["check", "--detach"], "slmtui check: takes no --detach.\n"),
        (["runs", "--jsn"], "slmtui runs: No such option '--jsn'. Did you mean '--json'?\n"),
        (["--set"], "slmtui: Option '--set' requires an argument.\n"),
    ],
)
def test_a_wrong_option_is_named_with_the_help_of_its_command(
    project: Path, capsys: Captured, arguments: list[str], said: str
) -> None:
    assert main(arguments) == 2
    asked = said.partition(":")[0]
    assert capsys.readouterr().err == f"{said}See what it takes: {asked} --help\n"


def test_a_signal_while_the_data_is_read_ends_it_at_once(
    project: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        pytest.fail("it was not heeded")

    monkeypatch.setattr("slmtui.session.prepare_dataset", endless)
    assert main(["--headless", "phases/tiny.toml"]) == 130
    assert capsys.readouterr().err == (
        "tiny: reading and tokenizing its text …\ntiny: interrupted before its training began\n"
    )
    assert not (project / "checkpoints").exists()


def test_a_source_that_is_named_twice_is_read_once(project: Path, capsys: Captured) -> None:
    sources = json.dumps(["corpus"] * 3)
    assert main(["inspect", "phases/tiny.toml", "--json", "--set", f"data.source={sources}"]) == 0
    thrice = capsys.readouterr().out
    assert main(["inspect", "phases/tiny.toml", "--json", "--set", 'data.source="corpus"']) == 0
    assert capsys.readouterr().out == thrice
