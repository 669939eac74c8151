"""The index of the training text against a search by brute force."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmtui.data.text_index import WIDTH, TextIndex, suffix_array

texts = st.lists(st.integers(0, 2), min_size=1, max_size=60)


@given(text=texts)
def test_suffixes_are_sorted(text: list[int]) -> None:
    suffixes = suffix_array(np.array(text)).tolist()
    assert suffixes == sorted(range(len(text)), key=lambda start: text[start:])


@given(text=texts, sample=st.lists(st.integers(0, 3), max_size=60))
def test_agrees_with_brute_force(text: list[int], sample: list[int]) -> None:
    index = TextIndex.build(text)
    lengths, places = index.match_lengths(sample)
    for start, (length, place) in enumerate(zip(lengths.tolist(), places.tolist(), strict=True)):
        assert text[place : place + length] == sample[start : start + length]
        assert length == max(n for n in range(len(sample) - start + 1) if find(text, sample[start : start + n]))


def find(text: list[int], run: list[int]) -> list[int]:
    return [i for i in range(len(text) - len(run) + 1) if text[i : i + len(run)] == run]


def test_runs_longer_than_are_compared_at_once() -> None:
    text = np.random.default_rng(0).integers(0, 2, 5_000)
    sample = np.concatenate([[7], text[1_000 : 1_000 + 3 * WIDTH], [7], text[4_990:], [7]])
    lengths, places = TextIndex.build(text).match_lengths(sample)
    assert (lengths[1], places[1]) == (3 * WIDTH, 1_000)
    assert lengths[3 * WIDTH + 2] == 10  # to the very end of the text


def test_a_sample_of_unknown_tokens_copies_nothing() -> None:
    assert TextIndex.build([1, 2, 3]).match_lengths([4, 0, 9])[0].tolist() == [0, 0, 0]
    assert TextIndex.build([1, 2, 3]).match_lengths([])[0].tolist() == []


def test_it_answers_while_a_model_trains() -> None:
    # Measured: 1 to 3 ms for 60 tokens in a million. Here the text is a fifth, the time ten times that.
    text = np.random.default_rng(0).integers(0, 500, 200_000)
    index = TextIndex.build(text)
    started = time.process_time()  # of this process alone, whatever else the machine does
    for start in range(0, 1_000, 100):
        assert index.match_lengths(text[start : start + 60])[1][0] == start
    assert (time.process_time() - started) / 10 < 0.03


@pytest.mark.parametrize("tokens", [[], [1, -1], [[1, 2]]])
def test_what_is_no_text_is_refused(tokens: list[int]) -> None:
    with pytest.raises(ValueError, match="token"):
        TextIndex.build(tokens)
