"""A real terminal to run slmtui in: a pty, and a screen that is put together from what is written to it."""

from __future__ import annotations

import fcntl
import os
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyte

ROOT = Path(__file__).parents[1]
KEYS = {"enter": "\r", "escape": "\x1b", "space": " "}
PATIENCE = 60.0  # seconds; a busy machine takes its time to import PyTorch

# What would change the look: the size is the terminal's own, not that of whoever runs the tests.
HIDDEN = ("NO_COLOR", "SSH_CONNECTION", "SSH_TTY", "COLUMNS", "LINES")


class Terminal:
    """What a person has in front of them: keys go in, a screen comes out."""

    def __init__(self, process: subprocess.Popen[bytes], master: int, size: tuple[int, int]) -> None:
        self.process, self.master = process, master
        self.written = b""  # all that came, as it came
        self._screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self._screen)

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self._screen.display]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def press(self, *keys: str) -> None:
        for key in keys:
            os.write(self.master, KEYS.get(key, key).encode())

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Read what is written until a condition holds; AssertionError with the screen if it does not come to that."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, f"it did not come to this: {what}; the screen:\n{self.text}"
            self._read(0.05)

    def until_seen(self, *words: str) -> None:
        self.until(lambda: all(word in self.text for word in words), f"{', '.join(words)} on the screen")

    def wait(self) -> int:
        """Read to the end of the process; its exit status."""
        self.until(lambda: self.process.poll() is not None, "the process ends")
        while self._read(0.0):
            pass
        return self.process.returncode

    def _read(self, timeout: float) -> bool:
        """Take what is there, or what comes before the timeout. Was there anything?"""
        if not select.select([self.master], [], [], timeout)[0]:
            return False
        data = os.read(self.master, 1 << 16)
        self.written += data
        self._stream.feed(data)
        return bool(data)


@contextmanager
def slmtui_in_terminal(*arguments: str, cwd: Path, size: tuple[int, int] = (120, 40)) -> Iterator[Terminal]:
    """`slmtui ARGUMENTS` in a terminal of its own, with nothing remembered; killed if it is still there at the end."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in HIDDEN} | {
        "PYTHONPATH": str(ROOT),
        "TERM": "xterm-256color",
        "XDG_STATE_HOME": str(cwd / "state"),
    }
    command = [sys.executable, "-m", "slmtui", *arguments]
    process = subprocess.Popen(
        command, cwd=cwd, env=environment, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
    )
    try:  # the slave stays open here, so that what was written last can still be read
        yield Terminal(process, master, size)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(master)
        os.close(slave)
