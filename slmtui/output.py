"""stdout is data, stderr is narration, the exit status is an API; and no text from outside commands the terminal."""

from __future__ import annotations

import sys
from enum import IntEnum


class ExitStatus(IntEnum):
    DONE = 0  # and the gate passed
    GATE = 1  # a limit of [gate] was not kept
    USAGE = 2  # usage, phase or data at fault
    FAILED = 3  # diverged, out of memory, disk full
    INTERRUPTED = 130  # resumable


# C0 and C1 control characters but tab and newline: shown as U+2400 symbols or as U+FFFD, never obeyed.
_SHOWN = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n"} | {127: 0x2421}
_SHOWN |= dict.fromkeys(range(0x80, 0xA0), 0xFFFD)


def visible(text: str) -> str:
    """Text from a model, a file or a log, with its control characters made visible."""
    return text.translate(_SHOWN)


def put(text: str) -> None:
    """Data, to stdout, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """Narration, to stderr."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def duration(seconds: float) -> str:
    """Seconds as a person says them: 0.4 s, 12 s, 3 min 20 s, 2 h 05 min."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"
