"""Events are one JSON line each, and come back as they were."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmtui.training import events
from slmtui.training.events import from_json, to_json

counts = st.integers(0, 2**63 - 1)
reals = st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False)


steps = st.builds(events.Step, step=counts, loss=reals, learning_rate=reals, grad_norm=reals, tokens=counts)


@given(steps)
def test_steps_come_back(event: events.Step) -> None:
    assert from_json(to_json(event)) == event


@given(st.builds(events.Sample, step=counts, prompt=st.text(), text=st.text()))
def test_any_text_is_one_line(event: events.Sample) -> None:
    line = to_json(event)
    assert len(line.splitlines()) <= 1 or "\n" not in line
    assert from_json(line) == event


def test_what_is_not_a_number_is_null() -> None:
    line = to_json(events.Step(step=3, loss=math.nan, learning_rate=1e-3, grad_norm=math.inf, tokens=9))
    assert json.loads(line)["loss"] is None
    back = from_json(line)
    assert isinstance(back, events.Step)
    assert math.isnan(back.loss)


def test_fields_of_a_later_version_are_passed_over() -> None:
    record = json.loads(to_json(events.Paused(step=1))) | {"colour": "green"}
    assert from_json(json.dumps(record)) == events.Paused(step=1)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "Invalid JSON"),
        ("[]", "an object"),
        ('{"event": "nonsense", "step": 1}', "nonsense"),
        ('{"event": "step", "step": "one"}', "step"),
        ('{"event": "paused"}', "step: Field required"),
    ],
)
def test_what_is_no_event_says_why(line: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        from_json(line)
