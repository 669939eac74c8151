"""The step lines of a log, many thousand at a time.

A long log is almost all step lines, and those that slmtui writes look alike: without their numbers they are all the
same. So the numbers are taken out of them together, and only those are parsed, which is several times as fast as
validating each line. Lines of another look are parsed as JSON, but still not validated one by one. Keys that
`events.Step` does not declare are passed over in both ways; a key that it gives a default may be missing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import MISSING, fields
from itertools import chain
from typing import Any, get_type_hints

import numpy as np
from numpy.typing import NDArray
from pydantic_core import from_json

from slmtui.runs.log_reader import STEP
from slmtui.training import events

Rows = NDArray[np.float64]

_FIELDS = {field.name: field for field in fields(events.Step) if field.name != "event"}
COLUMNS = tuple(_FIELDS)  # all are numbers
_NEEDED = {name for name, field in _FIELDS.items() if field.default is MISSING}  # the time of a step, too
_HINTS = get_type_hints(events.Step, include_extras=True)
_WHOLE = [column for column, name in enumerate(COLUMNS) if _HINTS[name] == events.Count]
_KEY = re.compile(rb'"(\w+)":')
_TO_COMMA = bytes.maketrans(b"\n", b",")
_LETTERS = bytes(range(ord("a"), ord("z") + 1)) + bytes(range(ord("A"), ord("Z") + 1))
_DIGITS = b"0123456789"


def no_rows() -> Rows:
    return np.empty((0, len(COLUMNS)))


def read_step_lines(lines: list[bytes]) -> Rows | None:
    """Rows of COLUMNS, one a line (null is NaN); None if any line has to be looked at by itself.

    The lines come with their ends.
    """
    if not lines:
        return no_rows()
    rows = read_uniform_lines(lines)
    if rows is None:
        rows = read_json_lines(lines)
    if rows is None or not _may_be(rows):
        return None
    return rows


def read_uniform_lines(lines: list[bytes]) -> Rows | None:
    """Of lines that differ in their numbers alone: the same keys in the same order, each with a number or null."""
    text = b"".join(lines).replace(b"e-", b"^")  # the letters that belong to numbers must not look like others
    if b"null" in text:
        text = text.replace(b"null", b"~")
    frames = text.translate(None, delete=_DIGITS + b".-^~")
    frame = frames[: frames.index(b"\n") + 1]
    keys = [key.decode() for key in _KEY.findall(frame)]
    whole = b"{%b}\n" % b",".join(STEP if key == "event" else b'"%b":' % key.encode() for key in keys)
    if keys.count("event") != 1 or len(set(keys)) != len(keys) or frame != whole or frames != frame * len(lines):
        return None
    keys.remove("event")
    numbers = text.translate(_TO_COMMA, delete=b'"{}:_' + _LETTERS)[:-1]
    numbers = numbers.replace(b",,", b",").replace(b"^", b"e-").replace(b"~", b"null")
    if not {name.encode() for name in COLUMNS if name in keys}.issubset(_KEY.findall(lines[0])):  # such as "loss2"
        return None
    try:
        values = np.array(from_json(b"[" + numbers + b"]"), dtype=np.float64).reshape(len(lines), len(keys))
    except (ValueError, OverflowError):  # a number is missing, malformed or too large
        return None
    return _columns(keys, values)


def read_json_lines(lines: list[bytes]) -> Rows | None:
    """Of lines that are JSON objects with a number or null for each column; None if one is not."""
    try:
        records: list[Any] = [from_json(line) for line in lines]
    except ValueError:
        return None
    if not all(type(record) is dict and record.get("event") == "step" for record in records):
        return None
    keys = [name for name in COLUMNS if name in _NEEDED or any(name in record for record in records)]
    usual = [None if name in _NEEDED else _FIELDS[name].default for name in keys]
    if not all(record.keys() >= _NEEDED for record in records):
        return None
    values = [[record.get(name, default) for name, default in zip(keys, usual, strict=True)] for record in records]
    if not set(map(type, chain.from_iterable(values))) <= {int, float, type(None)}:
        return None
    try:
        return _columns(keys, np.array(values, dtype=np.float64))
    except OverflowError:
        return None


def _columns(keys: Sequence[str], values: Rows) -> Rows | None:
    """The columns of COLUMNS out of those named `keys`; None if one is missing that has no default."""
    if tuple(keys) == COLUMNS:
        return values
    if not _NEEDED.issubset(keys):
        return None
    rows = np.empty((len(values), len(COLUMNS)))
    for column, name in enumerate(COLUMNS):
        if name in keys:
            rows[:, column] = values[:, keys.index(name)]
        else:
            default: Any = _FIELDS[name].default
            rows[:, column] = math.nan if default is None else default
    return rows


def _may_be(rows: Rows) -> bool:
    """Whether the whole numbers and the times are some."""
    whole, times = rows[:, _WHOLE], rows[:, COLUMNS.index("time")]
    return bool(
        (whole >= 0).all() and (whole < 1 << 63).all() and (whole == np.floor(whole)).all() and np.isfinite(times).all()
    )
