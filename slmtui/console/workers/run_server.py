"""`slmtui serve` for a run or cell, as a process of its own that ends with its stdin: it never outlives the console."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from typing import IO
from urllib.request import urlopen

from slmtui.errors import UserError
from slmtui.runs.cells import Cell
from slmtui.runs.run import Run

PORTS = ("8000", "0")  # the usual one, else any that is free
ENDED = "it was ended, or something else is served instead"


@dataclass(frozen=True)
class Health:
    requests: int
    tokens: int
    tokens_per_second: float


class RunServer:
    """At most one run or cell is served. Its methods block, some of them for seconds, and may be called by several
    threads: what is started last is served, unless it is ended."""

    def __init__(self) -> None:
        self.run: Run | Cell | None = None
        self.address = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._starts = 0  # that have begun or been ended; each start goes on as long as its number is this one
        self._lock = threading.Lock()

    def serves(self, run: Run | Cell) -> bool:
        return self.run == run and self._process is not None and self._process.poll() is None

    def start(self, run: Run | Cell) -> None:
        """Serve this instead of another; UserError, with what the server said, if it ends before it serves, or is ended
        meanwhile."""
        checkpoints = (run if isinstance(run, Run) else run.runs[0]).folder.parent
        mine, said = self._end(), ""
        for port in PORTS:
            # -P: the current folder is somebody's project, and no file of it may pass for a module of Python's.
            command = [sys.executable, "-P", "-m", "slmtui", "serve", run.name, "--port", port, "--until-eof"]
            with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as told:
                with self._lock:
                    if self._starts != mine:
                        raise UserError(ENDED)
                    process = self._process = subprocess.Popen(
                        [*command, "--checkpoints", str(checkpoints)], start_new_session=True,
                        stdin=subprocess.PIPE, stdout=out, stderr=told,
                    )  # fmt: skip
                    self.run = run
                while not (address := _written(out)).endswith("\n") and process.poll() is None and self._starts == mine:
                    time.sleep(0.05)
                with self._lock:
                    if self._starts != mine:  # and its process has been ended
                        raise UserError(ENDED)
                    if address:
                        self.address = address.strip()
                        return
                _close(process)
                said = _written(told).strip().removeprefix("slmtui: ")
        self._end(mine)
        raise UserError(said or f"{run.name} could not be served")

    def health(self) -> Health | None:
        """How it fares; None if it does not answer."""
        try:
            with urlopen(f"{self.address}/health", timeout=5) as answer:
                said = json.load(answer)
            return Health(said["requests"], said["tokens"], said["tokens_per_second"])
        except (OSError, ValueError, KeyError):
            return None

    def end(self) -> None:
        """It finishes what runs, and ends; nobody waits for that."""
        self._end()

    def _end(self, only: int | None = None) -> int:
        """End what is served or started; `only`: if that is this start. The number of the start that may follow."""
        with self._lock:
            if only is not None and only != self._starts:
                return self._starts
            self._starts += 1
            mine = self._starts
            process, self._process, self.run, self.address = self._process, None, None, ""
        if process is not None:
            _close(process)
            threading.Thread(target=process.wait, daemon=True).start()
        return mine


def _close(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()


def _written(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")
