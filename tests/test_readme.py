"""Every command of the README is run, in the order in which it stands there, in a new project."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

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
def test_every_command_does_what_it_says(tmp_path: Path) -> None:
    project = tmp_path / "project"
    set_up(project)
    assert len(COMMANDS) >= 8
    for command in COMMANDS:
        done = subprocess.run(
            [sys.executable, "-m", *shlex.split(command)],
            cwd=project, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        assert done.stdout.strip() or "-o " in command, command
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#]+)\)", README))))
def test_what_is_linked_is_there(target: str) -> None:
    assert (ROOT / target).exists()
