"""slmtui as processes of their own, forked from one that has imported PyTorch: `tests/forking.py`.

One process forks for a whole run of pytest, however many processes that has itself. It is there from the beginning, so
that each of them finds it, and imports with its first fork.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO

import pytest

from tests import cpu_times
from tests.patience import PATIENCE

ROOT = Path(__file__).parents[1]
PLACE = pytest.StashKey[str]()  # of the socket at which it listens


class Process:
    """A slmtui, used as a `subprocess.Popen` is."""

    def __init__(self, connection: socket.socket, told: IO[bytes], written: Mapping[int, IO[bytes]]) -> None:
        self._connection, self._told, self._written = connection, told, written
        self.pid = int(told.readline())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit status, or minus the signal that ended it, or None as long as it is there."""
        return self._look(0)

    def wait(self, timeout: float = PATIENCE) -> int:
        """Its exit status; TimeoutExpired if it is still there after so many seconds."""
        if (status := self._look(timeout)) is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
        return status

    def communicate(self) -> tuple[str, str]:
        """What it wrote to stdout and to stderr, once it has ended."""
        self.wait()
        texts = {}
        for descriptor, file in self._written.items():
            file.seek(0)
            texts[descriptor] = file.read().decode()
            file.close()
        return texts.get(1, ""), texts.get(2, "")

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _look(self, timeout: float) -> int | None:
        if self.returncode is None and select.select([self._connection], [], [], timeout)[0]:
            status, seconds = self._told.readline().split()
            self.returncode = int(status)
            cpu_times.add(float(seconds))
            self._told.close()
            self._connection.close()
        return self.returncode


class Processes:
    """Starts them, and leaves none behind."""

    def __init__(self, place: str) -> None:
        self._place, self._left = place, ExitStack()

    def start(
        self, *arguments: str, cwd: Path, environment: Mapping[str, str] | None = None,
        streams: Mapping[int, int | None] | None = None, terminal: bool = False, nohup: bool = False,
    ) -> Process:  # fmt: skip
        """`slmtui ARGUMENTS` in that folder.

        `streams`: the files that are its stdin (0), stdout (1) and stderr (2), None for one that is closed. Of those
        that are not named, stdin is empty, and the others are kept for `communicate`. With `terminal`, its stdin is
        the terminal that it belongs to, as a terminal belongs to a login; with `nohup`, it ignores a hang-up of it.
        """
        written = {each: tempfile.TemporaryFile() for each in (1, 2) if each not in (streams or {})}  # noqa: SIM115
        nothing = os.open(os.devnull, os.O_RDONLY)
        given = {0: nothing} | {each: file.fileno() for each, file in written.items()} | dict(streams or {})
        files = {each: file for each, file in sorted(given.items()) if file is not None}
        request = {
            "arguments": arguments, "cwd": str(cwd), "environment": dict(environment or os.environ),
            "streams": list(files), "terminal": terminal, "nohup": nohup,
        }  # fmt: skip
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(self._place)
        socket.send_fds(connection, [b" "], list(files.values()))
        os.close(nothing)
        connection.sendall(json.dumps(request).encode() + b"\n")
        told = connection.makefile("rb")
        process = Process(connection, told, written)
        for close in (connection.close, told.close, *(file.close for file in written.values())):
            self._left.callback(close)
        self._left.callback(self._end, process)
        return process

    def run(
        self, *arguments: str, cwd: Path, streams: Mapping[int, int | None] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """The same, to its end."""
        process = self.start(*arguments, cwd=cwd, streams=streams)
        out, err = process.communicate()
        return subprocess.CompletedProcess(arguments, process.wait(), out, err)

    def close(self) -> None:
        self._left.close()

    def _end(self, process: Process) -> None:
        if process.poll() is None:
            process.kill()
            process.wait()


@pytest.fixture
def processes(pytestconfig: pytest.Config) -> Iterator[Processes]:
    """Processes of slmtui that end with the test, which take a fiftieth of the time of those that import PyTorch."""
    made = Processes(pytestconfig.stash[PLACE])
    yield made
    made.close()


def pytest_configure(config: pytest.Config) -> None:
    """In the process that has others run the tests, or runs them itself: start the one that forks."""
    if hasattr(config, "workerinput"):
        config.stash[PLACE] = config.workerinput["forking"]
        return
    folder = tempfile.mkdtemp(prefix="slmtui-forking-")  # a socket's path has 100 characters at most
    config.add_cleanup(lambda: shutil.rmtree(folder))
    config.stash[PLACE] = f"{folder}/socket"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(config.stash[PLACE])
        listener.listen()
        server = subprocess.Popen(
            [sys.executable, "-m", "tests.forking", str(listener.fileno())], pass_fds=[listener.fileno()],
            cwd=ROOT, stdin=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        )  # fmt: skip

    def end() -> None:
        server.communicate()

    config.add_cleanup(end)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """A process of xdist is told where it listens."""
    node.workerinput["forking"] = node.config.stash[PLACE]  # type: ignore[attr-defined]
