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


@dataclass(frozen=True)
class Health:
    requests: int
    tokens: int
    tokens_per_second: float


class RunServer:
    """At most one run or cell is served. Its methods block, some of them for seconds."""

    def __init__(self) -> None:
        self.run: Run | Cell | None = None
        self.address = ""
        self._process: subprocess.Popen[bytes] | None = None

    def serves(self, run: Run | Cell) -> bool:
        return self.run == run and self._process is not None and self._process.poll() is None

    def start(self, run: Run | Cell) -> None:
        """Serve this instead of another; UserError, with what the server said, if it ends before it serves."""
        checkpoints = (run if isinstance(run, Run) else run.runs[0]).folder.parent
        self.end()
        said = ""
        for port in PORTS:
            # -P: the current folder is somebody's project, and no file of it may pass for a module of Python's.
            command = [sys.executable, "-P", "-m", "slmtui", "serve", run.name, "--port", port, "--until-eof"]
            with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as told:
                process = self._process = subprocess.Popen(
                    [*command, "--checkpoints", str(checkpoints)], start_new_session=True,
                    stdin=subprocess.PIPE, stdout=out, stderr=told,
                )  # fmt: skip
                self.run = run
                while not (address := _written(out)).endswith("\n") and process.poll() is None:
                    time.sleep(0.05)
                if address:
                    self.address = address.strip()
                    return
                self.end()
                said = _written(told).strip().removeprefix("slmtui: ")
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
        process, self._process, self.run, self.address = self._process, None, None, ""
        if process is not None and process.stdin is not None:
            process.stdin.close()
            threading.Thread(target=process.wait, daemon=True).start()


def _written(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")
