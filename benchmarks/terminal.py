"""A real slmtui in a terminal of our own: a pty, and a thread that takes down what arrives on it, and when.

Textual sends what has changed and nothing else, so a word that was not on the screen before is seen in the bytes; no
screen is put together while something is measured.
"""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

COLUMNS, ROWS = 120, 40
PATIENCE = 120.0  # seconds; a machine that is slower than that is too busy to measure anything on

Chunks = list[tuple[float, bytes]]  # what arrived, and when


class Terminal:
    """`slmtui ARGUMENTS…` on a terminal of 120×40, with a state folder of its own; ended when left."""

    def __init__(self, arguments: Sequence[str], state: Path) -> None:
        self.chunks: Chunks = []
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "XDG_STATE_HOME": str(state)}
        for name in ("SSH_CONNECTION", "SSH_TTY", "NO_COLOR"):
            environment.pop(name, None)
        self.began = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "slmtui", *arguments],
            stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        self._descriptor = ours
        self._reader = threading.Thread(target=self._read, name="terminal", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with suppress(OSError):  # the other end is closed
            while data := os.read(self._descriptor, 1 << 16):
                self.chunks.append((time.perf_counter(), data))

    def press(self, key: str) -> float:
        """Type something; returns when."""
        now = time.perf_counter()
        os.write(self._descriptor, key.encode())
        return now

    def wait_for(self, text: str, since: float = 0.0) -> float:
        """Until `text` has been sent after the moment `since`; returns when it was there."""
        wanted, end = text.encode(), time.perf_counter() + PATIENCE
        while (at := arrival(self.chunks, wanted, since)) is None:
            if time.perf_counter() > end or self.process.poll() is not None:
                sent = b"".join(data for _, data in self.chunks)[-2000:]
                raise RuntimeError(f"slmtui never showed {text!r}; the last that it sent: {sent!r}")
            time.sleep(0.005)
        return at

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        end(self.process)
        os.close(self._descriptor)


def arrival(chunks: Chunks, wanted: bytes, since: float = 0.0) -> float | None:
    """When the last byte of `wanted` arrived, of what came after `since`; None: it did not."""
    seen = b""
    for at, data in list(chunks):
        if at > since:
            seen = seen[1 - len(wanted) :] + data  # it may lie across two chunks
            if wanted in seen:
                return at
    return None


def end(process: subprocess.Popen[bytes]) -> None:
    """Let it save and leave, as at SIGTERM."""
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
