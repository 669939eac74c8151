"""Keeping the terminal and the training apart: what libraries print goes to a log, and a terminal that vanishes takes
the console with it but not the training.

Textual draws through `sys.__stderr__`. Here that becomes a file of our own over a copy of the terminal's descriptor,
and descriptor 2 becomes the log, so that a warning from C code cannot land on the screen. A hang-up sends SIGHUP and
SIGCONT; Textual would answer SIGCONT by starting its input thread again, on a terminal that is gone: turned off first.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType


class TerminalFile:
    """What Textual writes to. Once the terminal is lost, everything is swallowed, so that nothing can block on it."""

    encoding = "utf-8"

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.lost = False

    def write(self, text: str) -> int:
        data = text.encode("utf-8", "replace")
        while data and not self.lost:
            try:
                data = data[os.write(self.descriptor, data) :]
            except OSError:
                self.lost = True
        return len(text)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.descriptor


@contextmanager
def guarded_terminal(log: Path) -> Iterator[TerminalFile]:
    """Send stderr to a log file for as long as the console is on the screen, and put it back afterwards."""
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stderr.flush()
    terminal = TerminalFile(os.dup(2))
    stderr, original = sys.stderr, sys.__stderr__
    with log.open("a", buffering=1, encoding="utf-8", errors="replace") as file:
        os.dup2(file.fileno(), 2)
        sys.__stderr__ = terminal  # type: ignore[misc, assignment]
        sys.stderr = file
        try:
            yield terminal
        finally:
            sys.stderr, sys.__stderr__ = stderr, original  # type: ignore[misc]
            if terminal.lost:
                _let_go(terminal)
            else:
                os.dup2(terminal.descriptor, 2)


def _let_go(terminal: TerminalFile) -> None:
    """Point everything that was the terminal at nothing; what is written from now on stays in the log."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, terminal.descriptor):
        os.dup2(nothing, descriptor)


@contextmanager
def signals(terminal: TerminalFile, hang_up: Callable[[], None], terminate: Callable[[], None]) -> Iterator[None]:
    """Call `hang_up` when the terminal is gone, `terminate` at the first SIGTERM or SIGINT; leave at the second."""
    asked = 0

    def on_hang_up(_number: int, _frame: FrameType | None) -> None:
        terminal.lost = True
        signal.signal(signal.SIGCONT, lambda *_: None)  # a function: SIG_IGN would be undone by Textual's reset
        hang_up()

    def on_terminate(number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked += 1
        if asked > 1:
            os._exit(128 + number)
        terminate()

    handlers = {signal.SIGHUP: on_hang_up, signal.SIGTERM: on_terminate, signal.SIGINT: on_terminate}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
