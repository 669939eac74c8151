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


HEADING = list(range(1000, 1040))
END = 9999


FOOTER = list(range(2000, 2030))


def documents(n: int, seed: int, heading: list[int], size: int = 60, footer: list[int] | None = None) -> list[int]:
    draw = np.random.default_rng(seed)
    return [
        token
        for _ in range(n)
        for token in [
            int(draw.integers(500)), *heading, *draw.integers(0, 900, size).tolist(), *(footer or []),
            *draw.integers(0, 500, int(bool(footer))).tolist(), END,
        ]
    ]  # fmt: skip


def test_a_heading_of_nearly_all_documents_is_left_out() -> None:
    train, val = documents(36, 1, HEADING), documents(4, 2, HEADING)
    assert leakage(train, val).repeated_share > 0.35
    found = leakage(train, val, end=END)
    assert found.repeated_share == 0
    assert found.longest < 16
    assert found.heading is not None
    assert (found.heading.n_documents, found.heading.of, found.heading.tokens) == (40, 40, 40)
    assert found.val_tokens == 4 * 61


def test_a_heading_that_validation_begins_with_is_found_there() -> None:
    train, val = documents(36, 1, HEADING), documents(4, 2, HEADING)
    found = leakage(train, val[1:], end=END)  # the first document begins with it
    assert found.heading is not None
    assert found.heading.val_start == 0


def test_what_follows_a_heading_is_compared_all_the_same() -> None:
    train, val = documents(36, 1, HEADING), documents(3, 2, HEADING)
    found = leakage(train, val + train[:102], end=END)
    assert found.heading is not None
    assert found.repeated_share == pytest.approx(60 / (4 * 61))


@pytest.mark.parametrize("size", [0, 5])
def test_documents_that_are_nearly_all_heading_are_copies(size: int) -> None:
    found = leakage(documents(36, 1, HEADING, size), documents(4, 2, HEADING, size), end=END)
    assert found.heading is None
    assert found.repeated_share > 0.8


def test_a_text_that_a_few_documents_share_is_no_heading() -> None:
    train, val = documents(20, 1, HEADING) + documents(16, 3, []), documents(4, 2, HEADING)
    assert leakage(train, val, end=END).heading is None
    assert leakage(train, val, end=END).repeated_share > 0.35


def test_a_footer_of_nearly_all_documents_is_left_out() -> None:
    train, val = documents(36, 1, [], footer=FOOTER), documents(4, 2, [], footer=FOOTER)
    assert leakage(train, val).repeated_share > 0.3
    found = leakage(train, val, end=END)
    assert found.repeated_share == 0
    assert found.longest < 16
    assert found.heading is None
    assert found.footer is not None
    assert (found.footer.n_documents, found.footer.of, found.footer.tokens) == (40, 40, 30)
    assert found.footer.val_start == 61
    assert found.val_tokens == 4 * 62


def test_a_document_that_is_cut_has_no_footer_and_that_of_the_others_is_left_out() -> None:
    train, val = documents(36, 1, [], footer=FOOTER), documents(4, 2, [], footer=FOOTER)
    found = leakage(train, val[:-40], end=END)
    assert found.footer is not None
    assert found.footer.n_documents == 39
    assert found.repeated_share == 0


def test_a_heading_and_a_footer_are_left_out_and_told_apart() -> None:
    train, val = documents(36, 1, HEADING, 90, FOOTER), documents(4, 2, HEADING, 90, FOOTER)
    found = leakage(train, val, end=END)
    assert found.repeated_share == 0
    assert found.heading is not None
    assert found.footer is not None
    assert (found.heading.tokens, found.footer.tokens) == (40, 30)


def test_what_recurs_in_documents_is_neither_although_they_begin_and_end_with_it() -> None:
    """Functions with one and the same body: so the documents are written, and what is learned of it counts."""
    body = list(range(3000, 3030))
    train, val = (
        [token for i in range(n) for token in (*(t for j in range(4) for t in (start + 10 * i + j, *body)), END)]
        for n, start in ((36, 10_000), (4, 20_000))
    )
    found = leakage(train, val, end=END)
    assert (found.heading, found.footer) == (None, None)
    assert found.repeated_share == pytest.approx(30 / 31)


def test_a_heading_goes_on_with_what_recurs_in_documents() -> None:
    banner = [7] * 20
    heading = [*HEADING[:20], *banner, *HEADING[20:]]
    found = leakage(documents(36, 1, heading), documents(4, 2, heading), end=END)
    assert found.heading is not None
    assert found.heading.tokens == 60
    assert found.repeated_share == 0


def test_a_heading_that_documents_end_soon_after_is_no_footer() -> None:
    found = leakage(documents(36, 1, HEADING, 15), documents(4, 2, HEADING, 15), end=END)
    assert found.heading is not None
    assert found.footer is None


def test_a_footer_that_only_training_ends_with_is_left_out_there() -> None:
    train, val = documents(36, 1, [], footer=FOOTER), documents(2, 2, [], footer=[*FOOTER, *range(3000, 3030)])
    found = leakage(train, val, end=END)
    assert found.footer is not None
    assert (found.footer.n_documents, found.footer.val_start) == (36, 61)


@pytest.mark.parametrize("n", [1, 3])
def test_documents_shorter_than_a_repeat_have_neither(n: int) -> None:
    """They stand before one that begins with what all share, which is not theirs."""
    short = [token for i in range(n) for token in (i, END)]
    train, val = short + documents(36, 1, HEADING), short + documents(4, 2, HEADING)
    found = leakage(train, val, end=END)
    assert found.heading is not None
    assert found.heading.n_documents == 40
