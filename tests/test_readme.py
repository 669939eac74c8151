"""Every command of the README is run, in the order in which it stands there, in a new project.

The first, which trains, in a process of its own, as a person starts it; the others in this one, which has imported
PyTorch by then, and the server in a fork. The corpus is a third of the bundled one.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from slmtui.cli import main
from tests.conftest import set_up_small
from tests.patience import PATIENCE
from tests.processes import Processes

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
COMMANDS = [
    line
    for block in re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL)
    for line in block.splitlines()
    if line.startswith("slmtui ")
]
TRAINS, SERVES, ASKS = re.findall(r"(?<=```sh\n)(.+)\n(slmtui serve .+)\n(curl .+)\n(?=```)", README)[0]


@pytest.mark.long
def test_every_command_does_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], processes: Processes
) -> None:
    project = tmp_path / "project"
    set_up_small(project)
    monkeypatch.chdir(project)
    trains, *others = [command for command in dict.fromkeys(COMMANDS) if command != SERVES]
    assert trains == TRAINS
    assert len(others) >= 7
    done = subprocess.run(
        [sys.executable, "-m", *shlex.split(trains)], env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=2 * PATIENCE,
    )  # fmt: skip
    assert done.returncode == 0, f"{trains}\n{done.stderr}"
    assert done.stdout.strip()
    assert "Traceback" not in done.stderr
    assert_served_and_asked(processes, project)
    for command in others:
        assert main(shlex.split(command)[1:]) == 0, f"{command}\n{capsys.readouterr().err}"
        out, err = capsys.readouterr()
        assert out.strip() or "-o " in command, command
        assert "Traceback" not in err


def assert_served_and_asked(processes: Processes, project: Path) -> None:
    """The server of the run that was trained, on a port that is free, and its answer to curl."""
    (reads, ends), (tells, writes) = os.pipe(), os.pipe()
    words = [*shlex.split(SERVES)[1:], "--port", "0", "--until-eof"]
    server = processes.start(*words, cwd=project, streams={0: reads, 1: writes})
    os.close(reads)
    os.close(writes)
    with open(tells) as said, open(ends, "w"):  # noqa: PTH123
        address = said.readline().strip()
        asks = shlex.split(ASKS.replace("http://127.0.0.1:8000", address))
        assert address in asks[1]
        if shutil.which("curl"):
            answer = subprocess.run([*asks, "--silent"], capture_output=True, check=True, timeout=PATIENCE).stdout
        else:
            with urllib.request.urlopen(asks[1], asks[3].encode(), timeout=PATIENCE) as response:
                answer = response.read()
    assert server.wait() == 0
    assert json.loads(answer)["choices"][0]["text"].strip()


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", README))))
def test_what_is_linked_is_there(target: str) -> None:
    assert (ROOT / target).exists()
