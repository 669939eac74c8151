"""A console on a real pseudo-terminal, which belongs to it as a terminal belongs to a login: to be hung up on."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from tests.patience import PATIENCE

ROOT = Path(__file__).parents[1]
# Makes the pseudo-terminal the controlling one, which is what a hang-up goes to; {nohup} may ignore that first.
LAUNCH = (
    "import fcntl, os, signal, sys, termios\nfcntl.ioctl(0, termios.TIOCSCTTY, 0)\n{nohup}\n"
    "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
)
NOHUP = "signal.signal(signal.SIGHUP, signal.SIG_IGN)"
MODES = {"1049", "1000", "1002", "1003", "1006", "1015", "1004", "2004"}  # screen, mouse, focus, paste


class PtyConsole:
    """slmtui on a terminal of 100 × 30 whose output is read all the time, unless it is told to stall."""

    def __init__(self, project: Path, arguments: Sequence[str], *, nohup: bool = False) -> None:
        self.master, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        self.terminal = terminal  # kept open, so that its settings can be looked at
        self.settings = termios.tcgetattr(terminal)
        environment = os.environ | {
            "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "XDG_STATE_HOME": str(project / "state"),
            "OMP_NUM_THREADS": "1",
        }  # fmt: skip
        launch = LAUNCH.format(nohup=NOHUP if nohup else "")
        self.process = subprocess.Popen(
            [sys.executable, "-c", launch, "-m", "slmtui", *arguments],
            cwd=project, env=environment, stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True,
        )  # fmt: skip
        self.output = bytearray()
        self.stalled = threading.Event()
        self._over = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while not self._over.is_set():
            if self.stalled.is_set():
                time.sleep(0.02)
                continue
            ready, _, _ = select.select([self.master], [], [], 0.05)
            if ready:
                try:
                    self.output += os.read(self.master, 1 << 16)
                except OSError:
                    return

    def hang_up(self) -> None:
        """Close the terminal, as a connection that drops does."""
        self._stop_reading()
        os.close(self.terminal)
        os.close(self.master)
        self.master = -1

    def press(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self, within: float = PATIENCE) -> int:
        return self.process.wait(within)

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
        for modes, switch in re.findall(rb"\x1b\[\?([\d;]+)([hl])", bytes(self.output)):
            named = set(modes.decode().split(";")) & MODES
            on = on | named if switch == b"h" else on - named
        return not on and termios.tcgetattr(self.terminal) == self.settings

    def _stop_reading(self) -> None:
        self._over.set()
        self._reader.join()

    def close(self) -> None:
        """Leave nothing behind, whatever the test came to."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.master >= 0:
            self.hang_up()
