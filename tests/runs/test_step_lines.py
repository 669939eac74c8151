"""Step lines in bulk: the same numbers as line by line, or none at all."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmtui.runs.step_lines import COLUMNS, read_json_lines, read_step_lines, read_uniform_lines
from slmtui.training import events
from slmtui.training.events import to_json

STEP = events.Step(step=1, time=1001.0, loss=2.0, learning_rate=3e-4, grad_norm=2.5e-7, tokens=32)
VALUES = {"step": 1, "time": 1001.0, "event": "step", "loss": 2, "learning_rate": 3e-4, "grad_norm": None, "tokens": 32}
ROW = [1, 1001.0, 2, 3e-4, math.nan, 32]


def line(**values: object) -> bytes:
    return json.dumps(values, separators=(",", ":")).encode() + b"\n"


NUMBERS = st.floats(-1e15, 1e15) | st.just(math.nan)  # larger ones are written with e+, and read one by one


@given(st.lists(st.tuples(st.integers(0, 2**53), NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=20))
def test_the_fast_way_reads_what_the_validating_one_reads(values: list[tuple[Any, ...]]) -> None:
    steps = [
        events.Step(step=n, time=1.7e9, loss=loss, learning_rate=rate, grad_norm=norm, tokens=n)
        for n, loss, rate, norm in values
    ]
    rows = read_step_lines([to_json(one).encode() + b"\n" for one in steps])
    assert rows is not None
    np.testing.assert_array_equal(rows, [[getattr(one, name) for name in COLUMNS] for one in steps])


@pytest.mark.parametrize(
    "line",
    [
        b'{"step":1,"time":2,"event":"step","loss":,"learning_rate":3,"grad_norm":4,"tokens":5}\n',
        b'{"step":1,"time":2,"event":"step","loss":1 "learning_rate":3,"grad_norm":4,"tokens":5}\n',
        b'{"step":1,"time":2,"event":"step","loss":1,"learning_rate":3,"grad_norm":4}\n',
        b'{"step":1,"time":2,"event":"step","loss":"1","learning_rate":3,"grad_norm":4,"tokens":5}\n',
        b'{"step":1,"time":2,"event":"step","loss":1.2.3,"learning_rate":3,"grad_norm":4,"tokens":5}\n',
    ],
)
def test_the_fast_way_declines_what_it_does_not_know(line: bytes) -> None:
    good = to_json(STEP).encode() + b"\n"
    assert read_step_lines([line]) is None
    assert read_step_lines([good, line, good]) is None


@pytest.mark.parametrize("more", [{"memory": 1.5}, {"memory": None}, {"p50": 2}])
def test_numbers_that_are_not_known_are_passed_over(more: dict[str, object]) -> None:
    rows = read_uniform_lines([line(**VALUES | more)] * 3)
    assert rows is not None
    np.testing.assert_array_equal(rows, [ROW] * 3)


@pytest.mark.parametrize("more", [{"device": "cuda:0"}, {"note": "1,2"}, {"fused": True}, {"parts": [1, {"a": 2}]}])
def test_other_values_that_are_not_known_too(more: dict[str, object]) -> None:
    lines = [line(**VALUES), line(**VALUES | more), line(**more, **VALUES)]
    assert read_uniform_lines(lines) is None
    rows = read_step_lines(lines)
    assert rows is not None
    np.testing.assert_array_equal(rows, [ROW] * 3)


def test_large_numbers_are_read_as_json() -> None:
    rows = read_step_lines([line(**VALUES | {"grad_norm": 1e30})])
    assert rows is not None
    assert rows[0, COLUMNS.index("grad_norm")] == 1e30


@pytest.mark.parametrize(
    "changes",
    [
        {"step": None}, {"step": -1}, {"step": 1.5}, {"tokens": None}, {"tokens": 1 << 63}, {"time": None},
        {"loss": True}, {"loss": "2"}, {"loss": 10**400}, {"event": "steps"},
    ],
)  # fmt: skip
def test_what_cannot_be_is_declined(changes: dict[str, object]) -> None:
    assert read_step_lines([line(**VALUES), line(**VALUES | changes)]) is None


def test_a_key_of_another_name_is_no_column() -> None:
    """Without its digits it would look like one."""
    values = {("loss2" if key == "loss" else key): value for key, value in VALUES.items()}
    assert read_step_lines([line(**values)] * 2) is None


def test_neither_way_takes_what_is_no_json() -> None:
    assert read_json_lines([b'{"step":1,\n']) is None
    assert read_json_lines([b"[]\n"]) is None


def test_lines_without_their_time_are_left_to_the_validating_way() -> None:
    step = json.loads(to_json(events.Step(step=1, loss=2.0, learning_rate=1e-3, grad_norm=0.5, tokens=8)))
    del step["time"]
    compact = json.dumps(step, separators=(",", ":")).encode() + b"\n"
    for lines in ([compact] * 2, [json.dumps(step).encode() + b"\n", compact]):
        assert read_step_lines(lines) is None
