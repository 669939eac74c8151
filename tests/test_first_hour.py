"""docs/first-hour.md: its commands are run, its keys are keys of the console, its links lead somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from textual.binding import Binding

from slmtui.cli import main
from slmtui.console.app import Console
from slmtui.console.base import MODES
from slmtui.console.finding import keys_of
from tests.conftest import trained_project

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/first-hour.md").read_text()
COMMANDS = [
    line for block in re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL) for line in block.splitlines() if line
]
NAMES = {"question_mark": "?", "slash": "/"}  # of keys that a person calls otherwise
EVERYWHERE = {"tab", "esc", "enter", "◆"}  # and a sign of the screens


def test_its_commands_do_what_they_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project = trained_project(tmp_path)
    capsys.readouterr()
    monkeypatch.chdir(project)
    assert len(COMMANDS) == 4
    for command in COMMANDS:
        assert main(shlex.split(command)[1:]) == 0, f"{command}\n{capsys.readouterr().err}"
        assert capsys.readouterr().out.strip() or "-o " in command, command
    assert "<html" in (project / "first-hour.html").read_text()


def test_its_keys_are_keys_of_the_console() -> None:
    bindings = [*Binding.make_bindings(Console.BINDINGS), *(key.binding for mode in MODES for key in keys_of(mode))]
    known = {NAMES.get(key, key) for binding in bindings for key in binding.key.split(",")} | EVERYWHERE
    named = {
        span
        for span in re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL))
        if len(span) == 1 or span in ("tab", "esc", "enter")
    }
    assert len(named) > 10
    assert named <= known | {"space"}


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", PAGE))))
def test_what_is_linked_is_there(target: str) -> None:
    assert (ROOT / "docs" / target).exists()
