"""Near-duplicate documents against a comparison of all pairs."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmtui.data import duplicates
from slmtui.data.duplicates import ALIKE, SHINGLE, Duplicate, duplicate_groups, near_duplicates


def shingles(document: list[int]) -> set[tuple[int, ...]]:
    return {tuple(document[i : i + SHINGLE]) for i in range(max(1, len(document) - SHINGLE + 1))} - {()}


def similarity(a: list[int], b: list[int]) -> float:
    return len(shingles(a) & shingles(b)) / len(shingles(a) | shingles(b)) if a and b else 0.0


@st.composite
def related_documents(draw: st.DrawFn) -> list[list[int]]:
    """Pieces of one text, some with a token changed: many of them alike, and many only nearly so."""
    text = draw(st.lists(st.integers(0, 3), max_size=60))
    documents = []
    for _ in range(draw(st.integers(0, 8))):
        start, stop = draw(st.integers(0, 12)), draw(st.integers(30, 60))
        document = text[start:stop]
        if draw(st.booleans()) and document:
            document[draw(st.integers(0, len(document) - 1))] = 9
        documents.append(document)
    return documents


@given(documents=related_documents())
def test_agrees_with_all_pairs(documents: list[list[int]]) -> None:
    first_of_kind = [
        next(i for i, other in enumerate(documents) if shingles(other) == shingles(document)) for document in documents
    ]
    expected = []
    for j, document in enumerate(documents):
        for i in range(j):
            same_kind = first_of_kind[j] == i
            both_first = first_of_kind[i] == i and first_of_kind[j] == j
            if (same_kind or both_first) and similarity(documents[i], document) >= ALIKE:
                expected.append(Duplicate(i, j, similarity(documents[i], document)))
    assert near_duplicates(documents) == sorted(expected, key=lambda pair: (pair.first, pair.second))


def test_a_changed_line_does_not_hide_a_copy() -> None:
    rng = np.random.default_rng(0)
    documents = [rng.integers(0, 50_000, 500) for _ in range(40)]
    copy = documents[7].copy()
    copy[250] = 1  # breaks eight of its shingles
    (pair,) = near_duplicates([*documents, copy])
    assert (pair.first, pair.second) == (7, 40)
    assert pair.similarity == pytest.approx(485 / 501)


def test_beyond_the_limit_only_identical_documents_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "DOCUMENT_LIMIT", 2)
    one, other, late = list(range(50)), list(range(100, 150)), list(range(51))
    assert near_duplicates([one, other, late, late, one]) == [Duplicate(0, 4, 1.0), Duplicate(2, 3, 1.0)]


def test_groups_are_chains_of_pairs() -> None:
    pairs = [Duplicate(1, 4, 1.0), Duplicate(3, 5, 0.9), Duplicate(4, 5, 0.8)]
    assert duplicate_groups(7, pairs) == [0, 1, 2, 1, 1, 1, 6]


def test_groups_of_a_great_many_pairs_are_found_soon() -> None:
    n = 100_000
    alternating = [Duplicate(i % 2, i, 1.0) for i in range(2, n)]
    chain = [Duplicate(i - 1, i, 1.0) for i in range(n - 1, 0, -1)]
    started = time.process_time()
    assert duplicate_groups(n, alternating) == [0, 1] * (n // 2)
    assert duplicate_groups(n, chain) == [0] * n
    assert time.process_time() - started < 3  # a list that is rewritten for each pair takes minutes
