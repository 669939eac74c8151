"""The baseline of a split: its orders, how one is chosen, its units, and what becomes of large splits."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmtui.data import ngram_baseline as baseline_module
from slmtui.data.ngram import KneserNey
from slmtui.data.ngram_baseline import losses_by_order, ngram_baseline, stretches

texts = st.lists(st.integers(0, 3), min_size=1, max_size=40)


@given(train=texts, tokens=texts)
def test_every_order_is_the_model_of_that_order(train: list[int], tokens: list[int]) -> None:
    rows = list(losses_by_order(train, tokens, n_vocab=5))
    assert len(rows) == min(7, len(train))
    for order, row in enumerate(rows, start=1):
        np.testing.assert_allclose(row, KneserNey.fit(train, 5, order).losses(tokens), rtol=1e-12)


def test_losses_are_those_of_the_chosen_order_without_the_first_token() -> None:
    rng = np.random.default_rng(0)
    train, val = rng.integers(0, 20, 500), rng.integers(0, 20, 60)
    result = ngram_baseline(train, val, n_vocab=30, val_bytes=240)
    assert result.loss == pytest.approx(KneserNey.fit(train, 30, result.order).losses(val)[1:].mean())
    assert result.unigram == pytest.approx(KneserNey.fit(train, 30, 1).losses(val)[1:].mean())
    assert result.loss == result.order_losses[result.order - 1]
    assert result.uniform == math.log(30)
    assert result.bits_per_byte == pytest.approx(result.loss / math.log(2) / 4)  # four bytes per token
    assert result.note == ""


def test_order_is_chosen_without_the_validation_tokens() -> None:
    # Training: tokens drawn independently, where context only misleads. Validation: a text repeated,
    # where the longest context would win, if it were allowed to choose.
    rng = np.random.default_rng(1)
    train = rng.choice(8, 3_000, p=[0.65, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05])
    val = np.tile(train[100:140], 10)
    result = ngram_baseline(train, val, n_vocab=8, val_bytes=400)
    assert int(np.argmin(result.order_losses)) + 1 == 7
    assert result.order == 1


def test_a_pattern_is_learned() -> None:
    result = ngram_baseline(np.tile(np.arange(9), 60), np.tile(np.arange(9), 5), n_vocab=50, val_bytes=45)
    assert result.loss < 0.1 < result.unigram < result.uniform


def test_a_large_split_is_sampled_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baseline_module, "TOKEN_LIMIT", 1_000)
    text = np.arange(2_500) % 10
    result = ngram_baseline(text, text[:1_200], n_vocab=10, val_bytes=1_200)
    assert "1,000 of 2,500 training tokens and 1,000 of 1,200 validation tokens" in result.note
    assert result.bits_per_byte == pytest.approx(result.loss / math.log(2))  # one byte per token, sampled or not
    assert result == ngram_baseline(text, text[:1_200], n_vocab=10, val_bytes=1_200)


def test_stretches_come_from_all_over_the_text() -> None:
    sample = stretches(np.arange(10_000), 1_000)
    assert len(sample) == 1_000
    assert (sample[0], sample[-1]) == (0, 9_999)
    assert np.all(np.diff(sample) > 0)
    assert np.sum(np.diff(sample) > 1) == 99  # a hundred pieces


def test_splits_too_small_to_score_are_refused() -> None:
    for train, val, val_bytes in (([1], [1, 2], 2), ([1, 2], [1], 1), ([1, 2], [1, 2], 0)):
        with pytest.raises(ValueError, match="at least two tokens"):
            ngram_baseline(train, val, n_vocab=4, val_bytes=val_bytes)


@pytest.mark.soak
def test_a_million_tokens_take_less_than_a_minute() -> None:
    """Of this process's own time; a few seconds, and the slack is for other machines."""
    tokens = np.random.default_rng(3).zipf(1.3, 1_100_000) % 5_000
    begin = time.process_time()
    ngram_baseline(tokens[:1_000_000], tokens[1_000_000:], 5_000, 400_000)
    assert time.process_time() - begin < 60
