"""A real terminal to run slmtui in: a pty, and a screen that is put together from what is written to it."""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pyte

from tests.patience import PATIENCE
from tests.processes import Process, Processes

ROOT = Path(__file__).parents[1]
KEYS = {"enter": "\r", "escape": "\x1b", "space": " "}
# What would change the look: the size is the terminal's own, not that of whoever runs the tests.
HIDDEN = ("NO_COLOR", "SSH_CONNECTION", "SSH_TTY", "COLUMNS", "LINES")
MODES = {"1049", "1000", "1002", "1003", "1006", "1015", "1004", "2004"}  # screen, mouse, focus, paste


class Terminal:
    """What a person has in front of them: keys go in, a screen comes out.

    What is written is read by `until` and `wait` alone: while none of them waits, the terminal takes what fits into
    its buffer and then nothing, as after ctrl+s.
    """

    def __init__(self, process: subprocess.Popen[bytes] | Process, master: int, size: tuple[int, int]) -> None:
        self.process, self.master = process, master
        self.settings = termios.tcgetattr(master)
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

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

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
        assert self.process.returncode is not None
        return self.process.returncode

    def processes(self) -> list[int]:
        """All processes of its session that are still there."""
        found = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = path.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == self.process.pid and fields[0] != "Z":
                found.append(int(path.parent.name))
        return found

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def is_clean(self) -> bool:
        """Is every mode that was turned on turned off again, and the keyboard as it was?"""
        on: set[str] = set()
        for modes, switch in re.findall(rb"\x1b\[\?([\d;]+)([hl])", self.written):
            named = set(modes.decode().split(";")) & MODES
            on = on | named if switch == b"h" else on - named
        return not on and termios.tcgetattr(self.master) == self.settings

    def _read(self, timeout: float) -> bool:
        """Take what is there, or what comes before the timeout. Was there anything?"""
        if self.master < 0:  # hung up
            time.sleep(timeout)
            return False
        if not select.select([self.master], [], [], timeout)[0]:
            return False
        data = os.read(self.master, 1 << 16)
        self.written += data
        self._stream.feed(data)
        return bool(data)


class SlmtuiTerminal(Terminal):
    """`slmtui ARGUMENTS` in a terminal that belongs to it as a terminal belongs to a login, with nothing remembered."""

    def __init__(
        self, processes: Processes, *arguments: str, cwd: Path, size: tuple[int, int] = (120, 40), nohup: bool = False,
        redirected: Mapping[int, int] | None = None,
    ) -> None:  # fmt: skip
        """redirected: files in the place of the terminal, for stdout (1) or stderr (2)."""
        master, self._slave = os.openpty()  # the slave stays open, so that what was written last can still be read
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        environment = {name: value for name, value in os.environ.items() if name not in HIDDEN} | {
            "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "XDG_STATE_HOME": str(cwd / "state"),
            "XDG_CONFIG_HOME": str(cwd / "config"),
            "OMP_NUM_THREADS": "1",
        }  # fmt: skip
        process = processes.start(
            *arguments, cwd=cwd, environment=environment,
            streams=dict.fromkeys(range(3), self._slave) | dict(redirected or {}), terminal=True, nohup=nohup,
        )  # fmt: skip
        super().__init__(process, master, size)

    def hang_up(self) -> None:
        """Close the terminal, as a connection that drops does."""
        os.close(self._slave)
        os.close(self.master)
        self.master = -1

    def close(self) -> None:
        """Leave nothing behind, whatever the test came to."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.master >= 0:
            self.hang_up()


@contextmanager
def slmtui_in_terminal(
    processes: Processes, *arguments: str, cwd: Path, size: tuple[int, int] = (120, 40)
) -> Iterator[SlmtuiTerminal]:
    """A terminal with slmtui in it; killed if it is still there at the end."""
    terminal = SlmtuiTerminal(processes, *arguments, cwd=cwd, size=size)
    try:
        yield terminal
    finally:
        terminal.close()
