"""stdout is data, stderr is narration, the exit status is an API; and no text from outside commands the terminal."""

from __future__ import annotations

import os
import sys
from enum import IntEnum
from typing import TextIO


class ExitStatus(IntEnum):
    DONE = 0  # and the gate passed
    GATE = 1  # a limit of [gate] was not kept
    USAGE = 2  # usage, phase or data at fault
    FAILED = 3  # diverged, out of memory, disk full
    INTERRUPTED = 130  # resumable


# C0 and C1 control characters but tab and newline: shown as U+2400 symbols or as U+FFFD, never obeyed. Halves of
# characters (lone surrogates, as in the name of a file that is not UTF-8) cannot be written at all.
_SHOWN = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n"} | {127: 0x2421}
_SHOWN |= dict.fromkeys((*range(0x80, 0xA0), *range(0xD800, 0xE000)), 0xFFFD)
# The same for JSON, in whose texts alone they can stand: written as JSON writes what it cannot show, so none is lost.
_ESCAPED = {code: f"\\u{code:04x}" for code in (*range(127, 0xA0), *range(0xD800, 0xE000))}


def visible(text: str) -> str:
    """Text from a model, a file or a log, with its control characters made visible."""
    return text.translate(_SHOWN)


class StreamError(OSError):
    """stdout or stderr takes nothing any more, such as a file on a full disk; a closed pipe is a BrokenPipeError."""


def put(text: str, end: str = "\n") -> None:
    """Data, to stdout, at once; no text in it commands the terminal."""
    _write(sys.stdout, visible(text) + end)


def put_json(line: str) -> None:
    """A line of JSON to stdout, unchanged in what it says."""
    _write(sys.stdout, line.translate(_ESCAPED) + "\n")


def say(text: str) -> None:
    """Narration, to stderr."""
    _write(sys.stderr, visible(text) + "\n")


def _write(stream: TextIO, text: str) -> None:
    try:
        try:
            stream.write(text)
        except UnicodeEncodeError:  # a terminal of another alphabet
            stream.write(text.encode("ascii", "backslashreplace").decode())
        stream.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        name = "stdout" if stream is sys.stdout else "stderr"
        raise StreamError(error.errno, f"{name} cannot be written: {error.strerror}") from None


def silence(*descriptors: int) -> None:
    """Point them at nothing, for good: also what is still to be flushed."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in descriptors:
        os.dup2(nothing, descriptor)
    os.close(nothing)


def fill_closed_streams() -> None:
    """Give a process that was started with a closed stdin, stdout or stderr one that leads nowhere.

    Python has None for such a stream, and the next file that is opened would take its number.
    """
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            nothing = os.open(os.devnull, os.O_RDWR)
            if nothing != descriptor:
                os.dup2(nothing, descriptor)
                os.close(nothing)
            setattr(sys, name, os.fdopen(descriptor, "r" if descriptor == 0 else "w", encoding="utf-8"))


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


def duration_of_step(seconds: float) -> str:
    """Seconds of something short, to three digits: 26 ms, 1.25 s."""
    return f"{seconds * 1000:.3g} ms" if seconds < 0.9995 else f"{seconds:.3g} s"


def byte_size(n_bytes: float, *, decimals: int = 0) -> str:
    """Bytes as a person says them: 41 KB, 35 MB, 1.2 GB. decimals: of kilobytes and megabytes; gigabytes have one."""
    if n_bytes >= 0.9995e9:
        return f"{n_bytes / 1e9:,.1f} GB"
    number, unit = (n_bytes / 1e6, "MB") if n_bytes >= 0.9995e6 else (n_bytes / 1e3, "KB")
    return f"{number:,.{decimals}f} {unit}"


def compact(number: float) -> str:
    """A count in at most six characters: 950, 41.9 K, 3.37 M."""
    for unit, name in ((1e9, " G"), (1e6, " M"), (1e3, " K")):
        if number >= 0.9995 * unit:
            return f"{number / unit:.3g}{name}"
    return f"{number:.0f}"
