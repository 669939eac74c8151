"""Numbers and times as a person says them."""

from __future__ import annotations

import math

import pytest

from slmtui.words import byte_size, capitalized, clock, compact, duration_of_step, number


@pytest.mark.parametrize(
    ("number", "text"),
    [(950, "950"), (41_900, "41.9 K"), (999_600, "1 M"), (3_368_576, "3.37 M"), (29_995_392, "30 M")],
)
def test_counts_in_few_characters(number: int, text: str) -> None:
    assert compact(number) == text


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [
        (41_234, "41 KB"),
        (999_600, "1 MB"),
        (35_400_000, "35 MB"),
        (999_400_000, "999 MB"),
        (999_600_000, "1.0 GB"),
        (8 * 10**9, "8.0 GB"),
    ],
)
def test_bytes_as_a_person_says_them(n_bytes: int, text: str) -> None:
    assert byte_size(n_bytes) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.026, "26 ms"), (0.9994, "999 ms"), (0.9996, "1 s"), (1.254, "1.25 s")]
)
def test_the_time_of_a_step(seconds: float, text: str) -> None:
    assert duration_of_step(seconds) == text


def test_small_texts_are_told_apart_by_a_decimal() -> None:
    assert (byte_size(41_234, decimals=1), byte_size(1_260_000, decimals=1)) == ("41.2 KB", "1.3 MB")


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0:00"), (12.4, "0:12"), (599.6, "10:00"), (3599.6, "1:00:00"), (7384, "2:03:04")]
)
def test_times_align(seconds: float, said: str) -> None:
    assert clock(seconds) == said


@pytest.mark.parametrize(
    ("value", "said"), [(None, "–"), (math.nan, "–"), (math.inf, "–"), (-0.136, "−0.14"), (3.0, "+3.00")]
)
def test_numbers_have_a_minus_sign(value: float | None, said: str) -> None:
    assert number(value, "+.2f") == said


def test_a_sentence_gets_a_capital_and_its_names_and_units_stay() -> None:
    assert capitalized("counting 44 MB of tiny-A-001") == "Counting 44 MB of tiny-A-001"
    assert capitalized("") == ""
