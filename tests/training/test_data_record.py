"""What a log says of a run's data, as it was always written."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from slmtui.training.data_record import DataRecord, data_record, same_vocabulary
from slmtui.training.events import RunStarted, from_json, to_json

COUNTS = {"n_vocab": 20, "train_tokens": 90, "val_tokens": 10}
FACTS: dict[str, Any] = {
    "used_tokens": 15, "repeated_share": 0.1, "longest_repeat": 20, "longest_train": "a.py:1", "longest_val": "b.py:2",
    "unseen_share": 0.02, "duplicate_share": 0.0, "unigram": 2.5,
    "frequency_bits": 4.5, "compressed_bits": 2.5, "whole_bits": 2.0, "shortest_repeat": 24,
}  # fmt: skip
BASELINE: dict[str, Any] = {"baseline": 1.5, "baseline_order": 3, "baseline_unigram": 2.75, "baseline_note": "a part"}
WHOLE: dict[str, Any] = {
    "tokenizer": "bpe", **COUNTS, "train_bytes": 270, "val_bytes": 30, "fingerprint": "f", "val_text": "v",
    "corpus": "c", "notes": ["one", "two"], "source": "reading a: 1 file", "left_out": ["b (hidden)"],
    **FACTS, **BASELINE,
}  # fmt: skip


def started(data: DataRecord) -> RunStarted:
    return RunStarted(
        step=0, phase={"phase": {"name": "p"}}, parameters={"total": 1}, data=data, machine={}, versions={}
    )


def written(data: DataRecord) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(to_json(started(data)))["data"]
    return found


def test_the_log_has_the_same_keys_as_ever() -> None:
    assert list(written(data_record(**WHOLE)).items()) == list(WHOLE.items())


def test_what_is_written_is_read_again() -> None:
    event = started(data_record(**WHOLE))
    again = from_json(to_json(event))
    assert isinstance(again, RunStarted)
    assert again.data == event.data


def test_the_baseline_is_that_of_the_log() -> None:
    baseline = data_record(**WHOLE).baseline
    assert baseline is not None
    assert (baseline.static.short, baseline.loss, baseline.unigram, baseline.note) == ("3-gram", 1.5, 2.75, "a part")
    assert baseline.bits_per_byte == pytest.approx(1.5 * 10 / 30 / math.log(2))
    assert baseline.uniform == math.log(20)


def test_what_a_context_mixer_has_is_in_the_log_where_it_was_measured() -> None:
    bar = {"baseline_adaptive_bits_per_byte": 0.75}
    data = data_record(**WHOLE | bar)
    assert data.baseline is not None
    assert data.baseline.adaptive_bits_per_byte == 0.75
    assert written(data) == WHOLE | bar
    half = data_record(**WHOLE, baseline_adaptive_bits_per_byte="low").baseline
    assert half is not None
    assert half.adaptive is None


def test_an_old_log_says_less() -> None:
    data = data_record(**COUNTS)
    assert (data.tokenizer, data.val_text, data.val_bytes, data.facts, data.baseline) == ("", "", None, None, None)
    data = data_record(**COUNTS, **FACTS, baseline=1.5, baseline_order=3)
    assert data.baseline is not None
    assert math.isnan(data.baseline.unigram)
    assert math.isnan(data.baseline.bits_per_byte)
    assert replace(data, facts=None) == data_record(**COUNTS)


def test_a_newer_log_may_say_more() -> None:
    assert data_record(**WHOLE, languages=["English"]) == data_record(**WHOLE)


@pytest.mark.parametrize(
    "changes", [{"baseline": None}, {"baseline": "low"}, {"baseline": 10**400}, {"baseline_order": None}]
)
def test_half_a_baseline_is_none(changes: dict[str, Any]) -> None:
    data = data_record(**WHOLE | changes)
    assert data.facts is not None
    assert data.baseline is None


@pytest.mark.parametrize("key", COUNTS)
@pytest.mark.parametrize("value", [None, 0, -1, 1 << 53, 2.5, "90", True])
def test_a_count_that_is_none_is_refused(key: str, value: object) -> None:
    line = to_json(started(data_record(**COUNTS))).replace(f'"{key}":{COUNTS[key]}', f'"{key}":{json.dumps(value)}')
    with pytest.raises(ValueError, match=rf"data\.{key}: ") as caught:
        from_json(line)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({}, True),
        ({"tokenizer": "gpt2"}, False),
        ({"n_vocab": 21}, False),
        ({"val_tokens": 11}, False),  # the same text in other tokens
        ({"val_text": "w", "val_tokens": 11}, True),  # another text
    ],
)
def test_what_makes_vocabularies_differ(changes: dict[str, Any], same: bool) -> None:
    records = [data_record(**WHOLE), data_record(**WHOLE | changes)]
    assert same_vocabulary(records) is same
    assert same_vocabulary(records[:1])
    assert same_vocabulary([])
