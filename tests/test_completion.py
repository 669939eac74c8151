"""Completion, as the program answers it, and as real shells show it where they are at hand."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from slmtui.cli import main
from slmtui.commands import COMMANDS
from slmtui.commands.completion import VARIABLE
from slmtui.runs.tags import set_tags
from tests.patience import PATIENCE
from tests.terminal import ROOT, Terminal

SHELLS = {
    "bash": ["bash", "--noprofile", "--norc", "-i"],
    "zsh": ["zsh", "-f", "-i"],
}
PREPARE = {"bash": "", "zsh": "autoload -U compinit && compinit -u; "}


@pytest.fixture
def project(tmp_path: Path, tiny_toml: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder with two phases and two folders of runs, as the current folder."""
    (tmp_path / "phases").mkdir()
    for name in ("tiny", "other"):
        (tmp_path / "phases" / f"{name}.toml").write_text(tiny_toml)
    for run in ("checkpoints/tiny-001", "checkpoints/tiny-002", "old/older-007"):
        (tmp_path / run).mkdir(parents=True)
        (tmp_path / run / "phase.toml").write_text(tiny_toml)
    set_tags(tmp_path / "checkpoints", {"good": "tiny-002"})
    monkeypatch.chdir(tmp_path)
    return tmp_path


PHASES = ["phases/other.toml", "phases/tiny.toml"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", [*COMMANDS, *PHASES]),
        ("r", ["runs", "report"]),
        ("--che", ["--checkpoints"]),
        ("runs --", ["--all", "--json", "--checkpoints", "--help"]),
        ("watch ", ["tiny-001", "tiny-002", "good", "latest", "best"]),
        ("tag tiny-001 ", ["good"]),
        ("watch --checkpoints old ", ["older-007", "latest", "best"]),
        ("--checkpoints old report older-007 ol", ["older-007"]),
        ("--resume tiny-002 --resume tiny-001", ["tiny-001"]),
        ("--checkpoints old r", ["runs", "report"]),
        ("--headless phases/t", ["phases/tiny.toml"]),
        ("--headless phases/tiny.toml ", PHASES),
        ("check phases/", PHASES),
        ("completion ", ["bash", "zsh", "fish"]),
        ("--glyphs b", ["braille", "block"]),
    ],
)
def test_what_may_come_next(
    project: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, line: str, expected: list[str]
) -> None:
    words = line.split(" ")
    monkeypatch.setenv(VARIABLE, "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "\n".join(["slmtui", *words]))
    monkeypatch.setenv("COMP_CWORD", str(len(words)))
    assert main([]) == 0
    assert capfd.readouterr().out.split() == [f"plain,{word}" for word in expected]


@pytest.mark.parametrize("command", ["complete", "examine", "serve", "report", "distill", "watch", "export"])
def test_cells_are_offered_where_they_may_be_named(
    project: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    phase = (project / "checkpoints" / "tiny-001" / "phase.toml").read_text()
    for name, study in (("s.01-001", "s"), ("s.01-002", "s"), ("s.02-001", "s"), ("s.03-001", "")):
        (project / "checkpoints" / name).mkdir()
        of_study = phase.replace("[phase]", f'[phase]\nstudy = "{study}"', 1) if study else phase
        (project / "checkpoints" / name / "phase.toml").write_text(of_study)
    monkeypatch.setenv(VARIABLE, "bash_complete")
    monkeypatch.setenv("COMP_WORDS", f"slmtui\n{command}\ns")
    monkeypatch.setenv("COMP_CWORD", "2")
    assert main([]) == 0
    offered = ["s.01-001", "s.01-002", "s.02-001", "s.03-001"]
    offered += ["s/01", "s/02"] if command not in ("watch", "export") else []
    assert capfd.readouterr().out.split() == [f"plain,{word}" for word in offered]


@pytest.mark.parametrize(
    ("line", "kind"), [("runs --checkpoints ", "dir"), ("complete best.", "file"), ("data/", "file")]
)
def test_the_shell_completes_paths(
    project: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, line: str, kind: str
) -> None:
    words = line.split(" ")
    monkeypatch.setenv(VARIABLE, "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "\n".join(["slmtui", *words]))
    monkeypatch.setenv("COMP_CWORD", str(len(words)))
    assert main([]) == 0
    assert capfd.readouterr().out == f"{kind},{words[-1]}\n"


def test_what_no_completion_script_would_ask_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(VARIABLE, "bash_complete")
    monkeypatch.delenv("COMP_WORDS", raising=False)
    assert main([]) == 2
    assert capsys.readouterr().err == (
        f"slmtui: {VARIABLE} is for completion scripts, which set COMP_WORDS and COMP_CWORD, too; unset it\n"
    )


def test_completion_imports_neither_torch_nor_textual(project: Path) -> None:
    code = (
        "import sys\nfrom slmtui.cli import main\nmain([])\n"
        "sys.exit('torch' in sys.modules or 'numpy' in sys.modules or 'textual' in sys.modules)"
    )
    environment = with_slmtui(project) | {VARIABLE: "bash_complete", "COMP_WORDS": "slmtui\nwatch\n", "COMP_CWORD": "2"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=PATIENCE
    )
    assert (done.returncode, done.stdout.split()[0]) == (0, "plain,tiny-001"), done.stderr


def with_slmtui(project: Path) -> dict[str, str]:
    """An environment with a `slmtui` on its path."""
    program = project / "bin" / "slmtui"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m slmtui "$@"\n')
    program.chmod(0o755)
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": path, "PYTHONPATH": str(ROOT), "TERM": "xterm", "HOME": str(project)}


@pytest.mark.parametrize("shell", SHELLS)
def test_tab_completes(project: Path, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here")
    master, slave = os.openpty()
    process = subprocess.Popen(
        SHELLS[shell], cwd=project, env=with_slmtui(project), stdin=slave, stdout=slave, stderr=slave,
        start_new_session=True,
    )  # fmt: skip
    terminal = Terminal(process, master, (120, 40))
    try:
        terminal.press(f'{PREPARE[shell]}PS1="> "; eval "$(slmtui completion {shell})"', "enter")
        for typed, completed in [
            ("slmtui ru", "> slmtui runs"),
            ("slmtui runs --ch", "> slmtui runs --checkpoints"),
            ("slmtui --checkpoints old watch o", "> slmtui --checkpoints old watch older-007"),
            ("slmtui check phases/t", "> slmtui check phases/tiny.toml"),
        ]:
            terminal.until(lambda: terminal.text.rstrip().endswith("\n>"), "an empty line to type in")
            terminal.press(typed, "\t")
            terminal.until_seen(completed)
            terminal.press("\x15")  # ctrl+u: an empty line
    finally:
        process.kill()
        process.wait()
        os.close(master)
        os.close(slave)


@pytest.mark.skipif(shutil.which("fish") is None, reason="there is no fish here")
def test_fish_completes(project: Path) -> None:
    script = 'slmtui completion fish | source; complete -C "slmtui --checkpoints old watch o"; complete -C "slmtui ru"'
    done = subprocess.run(
        ["fish", "--no-config", "-c", script], cwd=project, env=with_slmtui(project), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == ["older-007", "runs"], done.stderr
