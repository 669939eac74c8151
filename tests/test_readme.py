"""Every command of the README is run, in the order in which it stands there, in a new project.

The first, which trains, in a process of its own, as a person starts it; the others in this one, which has imported
PyTorch by then.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from slmtui.cli import main
from slmtui.project import set_up

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
COMMANDS = [
    line
    for block in re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL)
    for line in block.splitlines()
    if line.startswith("slmtui ")
]


@pytest.mark.long
def test_every_command_does_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project = tmp_path / "project"
    set_up(project)
    monkeypatch.chdir(project)
    trains, *others = COMMANDS
    assert len(others) >= 7
    done = subprocess.run(
        [sys.executable, "-m", *shlex.split(trains)], env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, f"{trains}\n{done.stderr}"
    assert done.stdout.strip()
    assert "Traceback" not in done.stderr
    for command in others:
        assert main(shlex.split(command)[1:]) == 0, f"{command}\n{capsys.readouterr().err}"
        out, err = capsys.readouterr()
        assert out.strip() or "-o " in command, command
        assert "Traceback" not in err


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", README))))
def test_what_is_linked_is_there(target: str) -> None:
    assert (ROOT / target).exists()
