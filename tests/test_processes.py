"""A fork is to whoever tests it what a process with an interpreter of its own is (tests/forking.py)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.processes import Processes

ROOT = Path(__file__).parents[1]


def fresh(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "slmtui", *arguments], cwd=cwd, capture_output=True, text=True,
        stdin=subprocess.DEVNULL, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip


@pytest.mark.parametrize("arguments", [["--version"], ["runs"], ["check", "nothing.toml"], ["--chekpoints"]])
def test_it_ends_and_says_what_a_fresh_interpreter_does(
    tmp_path: Path, processes: Processes, arguments: list[str]
) -> None:
    expected, done = fresh(*arguments, cwd=tmp_path), processes.run(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (expected.returncode, expected.stdout, expected.stderr)


def test_it_is_a_process_that_ends_with_its_test(tmp_path: Path, tiny_toml: str, processes: Processes) -> None:
    (tmp_path / "tiny.toml").write_text(tiny_toml)
    process = processes.start("--headless", "tiny.toml", "--set", "training.max_iters=9000000", cwd=tmp_path)
    assert process.poll() is None
    itself = psutil.Process(process.pid)
    assert Path(itself.cwd()) == tmp_path
    forking = itself.parent()
    assert forking is not None
    assert forking.num_threads() == 1, "a fork would lack the others"
    processes.close()
    assert process.poll() == -signal.SIGKILL
    assert not itself.is_running()
