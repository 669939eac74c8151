"""Leakage against a search by brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmtui.data.leakage import leakage

texts = st.lists(st.integers(0, 2), min_size=1, max_size=40)


def pieces(text: list[int], length: int) -> dict[tuple[int, ...], int]:
    """Each piece of a text of this length, and where it begins first."""
    starts = range(len(text) - length, -1, -1)
    return {tuple(text[i : i + length]): i for i in starts}


@given(train=texts, val=texts, shortest=st.integers(1, 12))
def test_agrees_with_brute_force(train: list[int], val: list[int], shortest: int) -> None:
    found = leakage(train, val, shortest)
    known = pieces(train, shortest)
    repeated = {
        j
        for i in range(len(val) - shortest + 1)
        if tuple(val[i : i + shortest]) in known
        for j in range(i, i + shortest)
    }
    assert found.repeated_tokens == len(repeated)
    assert found.repeated_share == len(repeated) / len(val)
    assert found.unseen_tokens == sum(token not in train for token in val)
    assert found.unseen_distinct == len(set(val) - set(train))

    longest = max((n for n in range(41) if pieces(train, n).keys() & pieces(val, n).keys()), default=0)
    assert found.longest == longest
    if longest:
        in_val = {piece: i for piece, i in pieces(val, longest).items() if piece in pieces(train, longest)}
        assert found.longest_val == min(in_val.values())
        piece = tuple(val[found.longest_val : found.longest_val + longest])
        assert found.longest_train == pieces(train, longest)[piece]


def test_a_planted_repeat_is_found_where_it_is() -> None:
    rng = np.random.default_rng(0)
    train, val = rng.integers(0, 50_257, 30_000), rng.integers(60_000, 70_000, 2_000)
    val[700:737] = train[12_345:12_382]
    val[100:115] = train[50:65]  # fifteen tokens: one too few to count
    found = leakage(train, val)
    assert (found.longest, found.longest_train, found.longest_val) == (37, 12_345, 700)
    assert found.repeated_tokens == 37
    assert found.unseen_tokens == 2_000 - 37 - 15


def test_splits_with_nothing_in_common() -> None:
    found = leakage([1, 2, 3], [4, 4, 5])
    assert (found.longest, found.repeated_share, found.unseen_tokens, found.unseen_distinct) == (0, 0.0, 3, 2)


@pytest.mark.parametrize(("train", "val", "shortest"), [([], [1], 16), ([1], [], 16), ([1], [1], 0)])
def test_nothing_to_compare_is_refused(train: list[int], val: list[int], shortest: int) -> None:
    with pytest.raises(ValueError, match="leakage needs a token on each side"):
        leakage(train, val, shortest)
