"""Near-duplicate documents: on different sides of a split, they make the validation loss worthless.

Two documents are near-duplicates if the sets of their 8-grams of tokens (shingles; Broder 1997, "On the resemblance and
containment of documents") have a Jaccard similarity, |A ∩ B| / |A ∪ B|, of at least 80 %. It is computed exactly, but
only for pairs that can reach it: if |A ∩ B| must be at least a share t of |A|, the two have one of the
⌊(1 − t) |A|⌋ + 1 rarest shingles of A in common (prefix filtering; Chaudhuri, Ganti & Kaushik 2006, "A primitive
operator for similarity joins in data cleaning").
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

IntArray = NDArray[np.int64]

SHINGLE = 8  # tokens; a power of two
ALIKE = 0.8
DOCUMENT_LIMIT = 3_000  # distinct documents that are compared; beyond that, only identical ones are found


@dataclass(frozen=True)
class Duplicate:
    """Two documents, by their index in the list, first < second, and their similarity, ALIKE to 1."""

    first: int
    second: int
    similarity: float


def near_duplicates(documents: Sequence[ArrayLike]) -> list[Duplicate]:
    """The pairs of near-duplicates, in list order. A document is (n,) integer tokens, none negative.

    Documents with the same shingles are paired only with the first of them, and only that one is compared with others:
    twenty copies of a file are nineteen pairs. Only the first `DOCUMENT_LIMIT` distinct documents are compared. A
    document shorter than a shingle is one shingle; an empty one matches nothing.
    """
    shingles = _shingles(documents)
    kinds: dict[bytes, int] = {}
    found: list[Duplicate] = []
    for document, ids in enumerate(shingles):
        first = kinds.setdefault(ids.tobytes(), document)
        if len(ids) and first != document:
            found.append(Duplicate(first, document, 1.0))
    distinct = [document for document in kinds.values() if len(shingles[document])]
    found += _alike(shingles, distinct[:DOCUMENT_LIMIT])
    return sorted(found, key=lambda pair: (pair.first, pair.second))


def duplicate_groups(n_documents: int, pairs: Iterable[Duplicate]) -> list[int]:
    """For each document, the first one that a chain of pairs connects it to (itself if there is none)."""
    leader = list(range(n_documents))  # an earlier document of its group: the first one leads itself

    def first_of(document: int) -> int:
        while leader[document] != document:
            leader[document] = leader[leader[document]]  # so that the way is shorter next time
            document = leader[document]
        return document

    for pair in pairs:
        first, second = first_of(pair.first), first_of(pair.second)
        leader[max(first, second)] = min(first, second)
    return [first_of(document) for document in range(n_documents)]


def _shingles(documents: Sequence[ArrayLike]) -> list[IntArray]:
    """The distinct shingles of each document, ascending; a lower id means that fewer documents have it."""
    end = np.full(SHINGLE - 1, -1)  # between documents, so that a short one is a shingle of its own
    texts = [np.asarray(document, dtype=np.int64) for document in documents]
    parts = [part for text in texts for part in (text, end)]
    ids = np.concatenate(parts) + 1 if parts else np.zeros(0, dtype=np.int64)
    length = 1
    while length < SHINGLE:  # ids of pieces twice as long: equal ids mean equal tokens
        ids = np.unique(ids[:-length] * (len(ids) + ids.max(initial=0)) + ids[length:], return_inverse=True)[1]
        length *= 2
    sets: list[IntArray] = []
    start = 0
    for text in texts:
        pieces = min(len(text), max(1, len(text) - SHINGLE + 1))
        sets.append(np.unique(ids[start : start + pieces]))
        start += len(text) + len(end)
    documents_with = np.bincount(np.concatenate([*sets, np.zeros(0, dtype=np.int64)]))
    rarity = np.empty(len(documents_with), dtype=np.int64)
    rarity[np.argsort(documents_with, kind="stable")] = np.arange(len(documents_with))
    return [np.sort(rarity[one]) for one in sets]


def _alike(shingles: Sequence[IntArray], documents: Sequence[int]) -> list[Duplicate]:
    found: list[Duplicate] = []
    having: dict[int, list[int]] = defaultdict(list)  # shingle -> documents so far that have it among their rarest
    in_own = np.zeros(1 + max((int(ids[-1]) for ids in shingles if len(ids)), default=0), dtype=bool)
    for document in sorted(documents, key=lambda one: len(shingles[one])):
        own = shingles[document]
        rarest = own[: int((1 - ALIKE) * len(own) + 1e-9) + 1].tolist()
        candidates = sorted(set().union(*(having[shingle] for shingle in rarest)))
        candidates = [other for other in candidates if len(shingles[other]) >= ALIKE * len(own)]
        if candidates:
            sizes = np.array([len(shingles[other]) for other in candidates])
            theirs = np.concatenate([shingles[other] for other in candidates])
            in_own[own] = True
            common = np.add.reduceat(in_own[theirs], np.cumsum(sizes) - sizes, dtype=np.int64)
            in_own[own] = False
            similarity = common / (len(own) + sizes - common)
            for i in np.flatnonzero(similarity >= ALIKE):
                pair = sorted((document, candidates[i]))
                found.append(Duplicate(pair[0], pair[1], float(similarity[i])))
        for shingle in rarest:
            having[shingle].append(document)
    return found
