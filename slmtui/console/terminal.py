"""Keeping the terminal and the training apart: what libraries print goes to a log, and a terminal that vanishes takes
the console with it but not the training.

Textual draws through `sys.__stderr__`. Here that becomes a file of our own over a descriptor of our own: of the
terminal that is stderr, or stdout where that is redirected. Descriptor 2 becomes the log, so that a warning from C code
cannot land on the screen.

A hang-up is seen in three ways, because each can be missing: SIGHUP (not under nohup), a write that fails (not if
nothing is drawn), and a look every second at whether the terminal is still there.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

from slmtui.files import open_to_append

PATIENCE = 2.0  # seconds that a terminal which takes nothing is waited for once the console is to end
LOOK = 1.0  # seconds between two looks at whether the terminal is still there
# Back to the ordinary screen with its cursor; no mouse, focus or paste reports; the keyboard as it was.
CLEAN = (
    b"\x1b[?1049l\x1b[?25h\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1015l\x1b[?1004l\x1b[?2004l\x1b[<u\x1b[0m"
)


class TerminalFile:
    """What Textual writes to. Once the terminal is lost, everything is swallowed, so that nothing can block on it."""

    encoding = "utf-8"

    def __init__(self, descriptor: int) -> None:
        """descriptor: one that does not block, else a terminal that takes nothing would hold up whoever writes."""
        self.descriptor = descriptor
        self.lost = False
        self.leave_by: float | None = None  # monotonic time; set when the console is to end

    def write(self, text: str) -> int:
        data = text.encode("utf-8", "replace")
        while data and not self.lost:
            try:
                data = data[os.write(self.descriptor, data) :]
            except BlockingIOError:  # it takes nothing just now: a slow line, or somebody pressed ctrl+s
                select.select([], [self.descriptor], [], 0.1)
                if self.leave_by is not None and time.monotonic() > self.leave_by:
                    self.lost = True
            except OSError:
                self.lost = True
        return len(text)

    def hurry(self) -> None:
        """The console is to end: do not wait for long any more for a terminal that takes nothing."""
        if self.leave_by is None:
            self.leave_by = time.monotonic() + PATIENCE

    def is_there(self) -> bool:
        """Does somebody hold the other end?"""
        poll = select.poll()
        poll.register(self.descriptor, 0)
        return not self.lost and not poll.poll(0)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.descriptor


@contextmanager
def guarded_terminal(log: Path) -> Iterator[TerminalFile]:
    """Send stderr to a log file for as long as the console is on the screen, and put it back afterwards."""
    sys.stderr.flush()
    told = os.dup(2)
    terminal = TerminalFile(_own_descriptor(2 if os.isatty(2) else 1))
    stderr, original = sys.stderr, sys.__stderr__
    with _opened(log) as file:
        os.dup2(file.fileno(), 2)
        sys.__stderr__ = terminal  # type: ignore[misc, assignment]
        sys.stderr = file
        try:
            yield terminal
        finally:
            sys.stderr, sys.__stderr__ = stderr, original  # type: ignore[misc]
            if not terminal.lost:  # else stderr stays the log
                os.dup2(told, 2)
            os.close(told)
            os.close(terminal.descriptor)


def _own_descriptor(screen: int) -> int:
    """The same terminal, opened anew: that it does not block is then no business of whoever shares the other one."""
    try:
        return os.open(os.ttyname(screen), os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:
        return os.dup(screen)


def _opened(log: Path) -> TextIO:
    """The log, or nothing at all where none can be kept: a project that may only be read can still be looked at."""
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        return open_to_append(log)
    except OSError:
        return Path(os.devnull).open("a", encoding="utf-8")


def let_go(terminal: TerminalFile) -> None:
    """Point everything that was the terminal at nothing; what is said from now on stays in the log."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, terminal.descriptor):
        os.dup2(nothing, descriptor)
    os.close(nothing)


@contextmanager
def signals(terminal: TerminalFile, hang_up: Callable[[], None], terminate: Callable[[], None]) -> Iterator[None]:
    """Call `hang_up` when the terminal is gone, `terminate` at the first SIGTERM or SIGINT; leave at the second.

    Both may be called more than once, and `hang_up` in another thread.
    """
    keyboard = _keyboard()
    asked = 0

    def on_hang_up(_number: int, _frame: FrameType | None) -> None:
        terminal.lost = True
        # A hang-up brings SIGCONT as well, at which Textual would start to read again from a terminal that is gone.
        signal.signal(signal.SIGCONT, lambda *_: None)  # a function: Textual would undo SIG_IGN
        hang_up()

    def on_terminate(number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked += 1
        if asked > 1:
            _clean(terminal, keyboard)
            os._exit(128 + number)
        terminal.hurry()
        terminate()

    handlers = {signal.SIGHUP: on_hang_up, signal.SIGTERM: on_terminate, signal.SIGINT: on_terminate}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    over = threading.Event()

    def look() -> None:
        while not over.wait(LOOK):
            if not terminal.is_there():
                terminal.lost = True
                hang_up()
            elif asked:
                terminate()

    looking = threading.Thread(target=look, name="terminal", daemon=True)
    looking.start()
    try:
        yield
    finally:
        over.set()
        looking.join()
        for number, handler in before.items():
            signal.signal(number, handler)


def _keyboard() -> list[Any] | None:
    try:
        return termios.tcgetattr(0)
    except termios.error:
        return None


def _clean(terminal: TerminalFile, keyboard: list[Any] | None) -> None:
    """Leave the terminal as it was, when there is no time for Textual to do it."""
    if not terminal.lost:
        with suppress(OSError):
            os.write(terminal.descriptor, CLEAN)
        with suppress(termios.error):
            termios.tcsetattr(0, termios.TCSANOW, keyboard or [])
