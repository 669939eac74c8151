"""Single values are held against the schema that files are held against."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmtui.config.phase import Phase
from slmtui.config.values import check_value, setting_as_text, setting_from_text


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("temperature", "0", 0.0), ("temperature", " 1.5 ", 1.5), ("top_k", "off", 0), ("top_k", "40", 40),
        ("top_p", "OFF", 1.0), ("top_p", "0.9", 0.9), ("seed", "0", 0), ("seed", "9223372036854775807", 2**63 - 1),
        ("tokens", "10000", 10_000),
    ],
)  # fmt: skip
def test_settings_are_read(name: str, text: str, value: float) -> None:
    assert setting_from_text(name, text) == value
    assert setting_from_text(name, setting_as_text(name, value)) == value


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("temperature", "", "nothing is not a number from 0 to 100"),
        ("temperature", "nan", "nan is not a number"),
        ("temperature", "-1", "-1 is not a number from 0 to 100"),
        ("top_k", "4.5", "4.5 is not a whole number from 0 to 65,536"),
        ("top_p", "0", "0 is not a number above 0 and at most 1"),
        ("top_p", "1.1", "1.1 is not a number above 0 and at most 1"),
        ("seed", "9223372036854775808", "is not a whole number from 0 to 9,223,372,036,854,775,807"),
        ("seed", "٣", "is not a whole number"),
        ("tokens", "0", "tokens: 0 is not a whole number from 1 to 100,000"),
    ],
)
def test_wrong_settings_are_said(name: str, text: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        setting_from_text(name, text)


@given(st.sampled_from(["temperature", "top_k", "top_p", "tokens"]), st.integers(-5, 200_000) | st.floats(-5, 200))
def test_what_may_be_typed_is_what_a_phase_may_say(name: str, value: float) -> None:
    try:
        Phase.model_validate({"phase": {"name": "p"}, "sampling": {name: value}})
    except ValueError:
        with pytest.raises(ValueError, match="is not a"):
            setting_from_text(name, repr(value))
    else:
        assert setting_from_text(name, repr(value)) == value


@pytest.mark.parametrize(("name", "value"), [("dataset_size", None), ("dataset_size", 2), ("train_fraction", 0.5)])
def test_a_value_that_may_be(name: str, value: object) -> None:
    check_value("data", name, value)


@pytest.mark.parametrize(
    ("section", "name", "value", "words"),
    [
        ("data", "dataset_size", 1, "data.dataset_size must be a whole number from 2 to 1,000,000,000 (got 1)"),
        ("data", "split", "random", 'data.split must be "contiguous" or "by-document" (got \'random\')'),
        ("training", "learning_rate", "fast", "training.learning_rate must be a number above 0 and at most 10"),
    ],
)
def test_a_value_that_may_not_be(section: str, name: str, value: object, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        check_value(section, name, value)
