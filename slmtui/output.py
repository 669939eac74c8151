"""stdout is data, stderr is narration, the exit status is an API; and no outside text can control the terminal."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import IntEnum
from threading import Timer
from typing import TextIO


class ExitStatus(IntEnum):
    DONE = 0  # and the gate passed
    GATE = 1  # a limit of [gate] was not met
    USAGE = 2  # a mistake in the usage, the phase or the data
    FAILED = 3  # diverged, out of memory, disk full
    INTERRUPTED = 130  # resumable


STATUS_FILE = "SLMTUI_STATUS_FILE"  # in the environment: where the first of several processes leaves its exit status

# C0 and C1 control characters except tab and newline are shown as U+2400 symbols or U+FFFD, so that the terminal does
# not act on them. So are lone surrogates (as in a file name that is not UTF-8), which cannot be encoded at all.
_SHOWN = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n"} | {127: 0x2421}
_SHOWN |= dict.fromkeys((*range(0x80, 0xA0), *range(0xD800, 0xE000)), 0xFFFD)
# The same for JSON, where they occur only inside strings: they become JSON's \u escapes, so that nothing is lost.
_ESCAPED = {code: f"\\u{code:04x}" for code in (*range(127, 0xA0), *range(0xD800, 0xE000))}
_STRAY_BYTES = re.compile("[\udc80-\udcff]+")


def visible(text: str) -> str:
    """Text from a model, a file or a log, with its control characters made visible."""
    return text.translate(_SHOWN)


def spelled_bytes(text: str) -> str:
    """Bytes that are not UTF-8, as Python's "surrogateescape" has them, as ‹e0 b8›; other text as it is."""
    return _STRAY_BYTES.sub(lambda found: f"‹{found[0].encode('utf-8', 'surrogateescape').hex(' ')}›", text)


class StreamError(OSError):
    """stdout or stderr can no longer be written, such as a file on a full disk; a closed pipe is a BrokenPipeError."""


def put(text: str, end: str = "\n") -> None:
    """Write data to stdout and flush it; control characters are made visible."""
    _write(sys.stdout, visible(text) + end)


def put_json(line: str) -> None:
    """Write a line of JSON to stdout, with control characters escaped; its meaning does not change."""
    _write(sys.stdout, line.translate(_ESCAPED) + "\n")


def say(text: str) -> None:
    """Write narration to stderr; control characters are made visible."""
    _write(sys.stderr, visible(text) + "\n")


SLOW = 2.0  # seconds that nobody wonders about


@contextmanager
def said_if_slow(what: str) -> Iterator[None]:
    """Say what takes a while, if it does."""

    def tell() -> None:
        with suppress(OSError):  # nobody listens any more, which is no reason to stop
            say(f"{what} …")

    timer = Timer(SLOW, tell)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def control(written: str) -> None:
    """Write a control sequence of ours to stderr, which is a terminal."""
    _write(sys.stderr, written)


def _write(stream: TextIO, text: str) -> None:
    try:
        try:
            stream.write(text)
        except UnicodeEncodeError:  # the terminal's encoding lacks a character
            stream.write(text.encode("ascii", "backslashreplace").decode())
        stream.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        name = "stdout" if stream is sys.stdout else "stderr"
        raise StreamError(error.errno, f"{name} cannot be written: {error.strerror}") from None


def silence(*descriptors: int) -> None:
    """Redirect these file descriptors to the null device for good, including what is not flushed yet."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in descriptors:
        os.dup2(nothing, descriptor)
    os.close(nothing)


def silence_broken() -> None:
    """Silence stdout and stderr where what is not flushed yet cannot be written: Python would end with status 120."""
    for descriptor, stream in ((1, sys.stdout), (2, sys.stderr)):
        try:
            stream.flush()
        except OSError:
            silence(descriptor)


def fill_closed_streams() -> None:
    """Connect a stdin, stdout or stderr that was closed when the process started to the null device.

    Python sets such a stream to None, and the next file to be opened would get its descriptor.
    """
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            nothing = os.open(os.devnull, os.O_RDWR)
            if nothing != descriptor:
                os.dup2(nothing, descriptor)
                os.close(nothing)
            setattr(sys, name, os.fdopen(descriptor, "r" if descriptor == 0 else "w", encoding="utf-8"))
