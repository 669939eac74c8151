"""The step lines of a log, many thousand at a time.

A long log is almost all step lines, and those that slmtui writes look alike: without their numbers they are all the
same. So the numbers are taken out of them together, and only those are parsed, which is several times as fast as
validating each line. Lines of any other look are not read here.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray
from pydantic_core import from_json

Rows = NDArray[np.float64]

COLUMNS = ("step", "time", "loss", "learning_rate", "grad_norm", "tokens")
STEP = b'"event":"step"'
_KEY = re.compile(rb'"(\w+)":')
_TO_COMMA = bytes.maketrans(b"\n", b",")
_LETTERS = bytes(range(ord("a"), ord("z") + 1))


def no_rows() -> Rows:
    return np.empty((0, len(COLUMNS)))


def read_step_lines(lines: list[bytes]) -> Rows | None:
    """Rows of COLUMNS, one a line (null is NaN); None if any line is not written as slmtui writes it.

    The lines come with their ends. The order of the keys may be any, as long as it is the same on all of them.
    """
    if not lines:
        return no_rows()
    text = b"".join(lines).replace(b"e-", b"^")  # the letters that belong to numbers must not look like others
    if b"null" in text:
        text = text.replace(b"null", b"~")
    frames = text.translate(None, delete=b"0123456789.-^~")
    frame = frames[: frames.index(b"\n") + 1]
    keys = [key.decode() for key in _KEY.findall(frame)]
    whole = b"{%b}\n" % b",".join(STEP if key == "event" else b'"%b":' % key.encode() for key in keys)
    if sorted(keys) != sorted((*COLUMNS, "event")) or frame != whole or frames != frame * len(lines):
        return None
    keys.remove("event")
    numbers = text.translate(_TO_COMMA, delete=b'"{}:_' + _LETTERS)[:-1]
    numbers = numbers.replace(b",,", b",").replace(b"^", b"e-").replace(b"~", b"null")
    try:
        values = np.array(from_json(b"[" + numbers + b"]"), dtype=np.float64).reshape(len(lines), len(COLUMNS))
    except ValueError:  # a number is missing or malformed
        return None
    return values[:, [keys.index(name) for name in COLUMNS]]
