"""The Kneser–Ney model against an example worked out by hand, and against its definition in plain Python."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmtui.data.ngram import FALLBACK_DISCOUNT, KneserNey
from slmtui.errors import UserError

BEGIN = -1
texts = st.lists(st.integers(0, 3), min_size=1, max_size=40)


def by_definition(text: list[int], n_vocab: int, order: int, context: list[int], token: int) -> float:
    """p(token | context), by the formulas at the top of ngram.py and nothing else."""
    return _level(text, n_vocab, order, order, context, token)


def _level(text: list[int], n_vocab: int, k: int, highest: int, context: list[int], token: int) -> float:
    if k == 0:
        return 1 / n_vocab
    if len(context) < k - 1:
        return _level(text, n_vocab, k - 1, highest, context, token)
    history = tuple(context[len(context) - (k - 1) :])
    counts = _counts(text, k, occurrences=k == highest)
    once = sum(count == 1 for count in counts.values())
    twice = sum(count == 2 for count in counts.values())
    discount = once / (once + 2 * twice) if once and twice else FALLBACK_DISCOUNT
    following = {gram[-1]: count for gram, count in counts.items() if gram[:-1] == history}
    lower = _level(text, n_vocab, k - 1, highest, context, token)
    if not following:
        return lower
    total = sum(following.values())
    backoff = discount * len(following) / total
    return max(following.get(token, 0) - discount, 0) / total + backoff * lower


def _counts(text: list[int], k: int, occurrences: bool) -> Counter[tuple[int, ...]]:
    if occurrences:
        return Counter(tuple(text[i : i + k]) for i in range(len(text) - k + 1))
    in_front: dict[tuple[int, ...], set[int]] = defaultdict(set)
    for i in range(len(text) - k + 1):
        in_front[tuple(text[i : i + k])].add(text[i - 1] if i else BEGIN)
    return Counter({gram: len(tokens) for gram, tokens in in_front.items()})


def test_example_by_hand() -> None:
    a, b, c, d = range(4)
    # Text: a b a c a b c a. Bigrams: ab 2, ba 1, ac 1, ca 2, bc 1; so n1 = 3, n2 = 2, D_2 = 3/(3 + 4) = 3/7.
    # Distinct tokens in front: a 3 (beginning, b, c), b 1 (a), c 2 (a, b); n1 = n2 = 1, D_1 = 1/3, total 6.
    #   p_1(a) = (3 − 1/3)/6 + (1/3 · 3/6)/4 = 32/72 + 3/72,  p_1(b) = 8/72 + 3/72,
    #   p_1(c) = 20/72 + 3/72,                                p_1(d) = 3/72
    # After a there were 3 bigrams of 2 types, so 3/7 · 2/3 = 2/7 is left to the level below:
    #   p_2(b | a) = (2 − 3/7)/3 + 2/7 · 11/72 = 132/252 + 11/252
    #   p_2(c | a) = (1 − 3/7)/3 + 2/7 · 23/72 =  48/252 + 23/252
    #   p_2(a | a) =               2/7 · 35/72 =            35/252
    #   p_2(d | a) =               2/7 ·  3/72 =             3/252
    model = KneserNey.fit([a, b, a, c, a, b, c, a], n_vocab=4, order=2)
    np.testing.assert_allclose(model.distribution([]), np.array([35, 11, 23, 3]) / 72)
    np.testing.assert_allclose(model.distribution([a]), np.array([35, 143, 71, 3]) / 252)
    np.testing.assert_allclose(model.distribution([c, d]), np.array([35, 11, 23, 3]) / 72)  # d was never seen
    np.testing.assert_allclose(model.losses([d, a, b]), -np.log([3 / 72, 35 / 72, 143 / 252]))


@given(text=texts, order=st.integers(1, 7), other=st.lists(st.integers(0, 4), max_size=12))
def test_agrees_with_the_definition(text: list[int], order: int, other: list[int]) -> None:
    model = KneserNey.fit(text, n_vocab=5, order=order)
    assert model.order == min(order, len(text))
    expected = [by_definition(text, 5, model.order, other[:i], token) for i, token in enumerate(other)]
    np.testing.assert_allclose(model.losses(other), -np.log(expected), rtol=1e-9)


@given(text=texts, order=st.integers(1, 7), contexts=st.lists(texts, max_size=4))
def test_distributions_sum_to_one_and_give_the_losses(text: list[int], order: int, contexts: list[list[int]]) -> None:
    model = KneserNey.fit(text, n_vocab=5, order=order)
    rows = model.distributions([context[:-1] for context in contexts])
    assert rows.shape == (len(contexts), 5)
    np.testing.assert_allclose(rows.sum(axis=1), 1)
    assert np.all(rows > 0)
    for row, context in zip(rows, contexts, strict=True):
        np.testing.assert_allclose(-np.log(row[context[-1]]), model.losses(context)[-1])
        np.testing.assert_array_equal(row, model.distribution(context[:-1]))


@given(text=texts, order=st.integers(1, 7), other=texts)
def test_state_survives_a_checkpoint(text: list[int], order: int, other: list[int]) -> None:
    model = KneserNey.fit(text, n_vocab=5, order=order)
    restored = KneserNey.from_state(model.state())
    np.testing.assert_array_equal(restored.losses(other), model.losses(other))


def test_one_token_of_a_large_vocabulary() -> None:
    model = KneserNey.fit([7], n_vocab=50_257, order=7)
    assert model.order == 1
    p = model.distribution([7, 7])
    np.testing.assert_allclose([p[7], p[8]], [0.25 + 0.75 / 50_257, 0.75 / 50_257])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"counts": np.zeros(2, np.int64)}, "keys and 2 counts"),
        ({"keys": np.zeros(9, np.int64), "counts": np.ones(9, np.int64)}, "1-grams are not in order"),
        ({"keys": np.array([0, 1, 2, 1, 2, 3, 5, 6, 99]), "counts": np.ones(9, np.int64)}, "2-grams"),
        ({"counts": np.array([1, 1, 1, 1, 0, 1, 1, 1])}, "a count is 0"),
        ({"counts": np.ones(8)}, "float64"),
        ({"sizes": np.array([0, 8])}, "impossible"),
        ({"n_vocab": np.array(-1)}, "impossible"),
    ],
)
def test_a_damaged_state_says_what_is_wrong(change: dict[str, np.ndarray], message: str) -> None:
    state = KneserNey.fit([0, 1, 0, 2, 0, 1, 2, 0], n_vocab=4, order=2).state()
    if len(change.get("keys", ())) == 9:
        change = {**change, "sizes": np.array([3, 6])}
    with pytest.raises(UserError, match=message):
        KneserNey.from_state({**state, **change})
    del state["sizes"]
    with pytest.raises(UserError, match="'sizes' is missing"):
        KneserNey.from_state(state)


@pytest.mark.parametrize("tokens", [[0, 4], [-1], [0.5], [[1, 2]]])
def test_tokens_outside_the_vocabulary_are_refused(tokens: list[int]) -> None:
    model = KneserNey.fit([0, 1, 2, 3], n_vocab=4, order=2)
    with pytest.raises(ValueError, match="tokens"):
        KneserNey.fit(tokens, n_vocab=4, order=2)
    with pytest.raises(ValueError, match="tokens"):
        model.losses(tokens)
    with pytest.raises(ValueError, match="tokens"):
        model.distribution(tokens)


def test_nothing_to_count_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one token"):
        KneserNey.fit([], n_vocab=4, order=2)
