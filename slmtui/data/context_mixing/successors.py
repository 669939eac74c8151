"""Which tokens never follow which, where byte-pair encoding makes them.

The same text is always encoded as the same tokens. So most pairs of tokens that could spell it never stand in a text:
"th" is not followed by "e" where "the" is a token. What never comes needs no probability.

Two tokens are neighbours in one word of GPT-2's pattern, or at the end of one and the beginning of the next. In one
word they are neighbours if the merges that made each of them came before all that would have joined a part of one with
a part of the other. Where the pattern may cut between them, every pair is possible.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from slmtui.data.context_mixing.vocabulary import WORD_BITS, ByteTree

# What the pattern tells apart, by the first or last byte of a token. Others are not looked into: letters, signs and
# white space beyond ASCII, control characters, and the end of a document.
OTHER, LETTER, DIGIT, SIGN, SPACE, WHITE = range(6)
CONTRACTIONS = (b"'s", b"'d", b"'m", b"'t", b"'ll", b"'ve", b"'re")  # words of their own, with letters right after them

NEVER = 1 << 62  # later than all merges

Packed = NDArray[np.uint64]


class _Merge(NamedTuple):
    """How a token comes about: from which two, and when, as the number of the last merge that it takes."""

    left: int
    right: int
    time: int


class _Join(NamedTuple):
    """When a part at the right edge of a token would be joined with this one, at the left edge of the next."""

    time: int
    right: int


class _Edges(NamedTuple):
    """Tokens that have the same one at an edge, and when it becomes a part of what is larger, in ascending order."""

    tokens: NDArray[np.int64]  # (n,)
    until: NDArray[np.int64]  # (n,)


def with_successors(tree: ByteTree, text: NDArray[np.int64]) -> ByteTree:
    """The tree of a byte-pair vocabulary whose ids are in the order of its merges, with what may follow each token.

    text: tokens, (n,), as they were encoded. What is met in it is possible in any case.
    """
    tokens = _by_id(tree)
    excluded = _parted(tokens, tree.ranks)
    excluded &= _in_one_word(tokens, tree.ranks)
    excluded[_of_several_spaces(tokens)] |= _packed(tree.ranks[_beginning_a_word(tokens)], len(tokens))
    before, rank = np.divmod(np.unique(text[:-1] * len(tokens) + tree.ranks[text[1:]]), len(tokens))
    np.bitwise_and.at(excluded, (before, rank // WORD_BITS), ~(np.uint64(1) << (rank % WORD_BITS).astype(np.uint64)))
    return tree._replace(successors=~excluded, n_excluded=np.bitwise_count(excluded).sum(axis=1, dtype=np.int64))


def _by_id(tree: ByteTree) -> list[bytes]:
    return [tree.token_bytes[rank, : tree.lengths[rank]].tobytes() for rank in tree.ranks]


def _words(n: int) -> int:
    """How many numbers of `WORD_BITS` hold a bit for each of n."""
    return -(-n // WORD_BITS)


def _packed(ranks: NDArray[np.int64], n: int) -> Packed:
    """A bit for each of n ranks, (words,), set for these."""
    bits = np.zeros(_words(n) * WORD_BITS, np.bool_)
    bits[ranks] = True
    return np.packbits(bits, bitorder="little").view(np.uint64)


# ---- within a word ----


def _parted(tokens: Sequence[bytes], ranks: NDArray[np.int64]) -> Packed:
    """(V, words): which tokens never follow each in a word, since parts of the two would be joined."""
    ids = {token: i for i, token in enumerate(tokens) if token}
    merges = [_merge_of(token, ids) for token in tokens]
    ending, beginning = _edges(merges, right=True), _edges(merges, right=False)
    times = [0 if merge is None else merge.time for merge in merges]
    parted = np.zeros((len(tokens), _words(len(tokens))), np.uint64)
    for left, joins in _joins(tokens, ids, times).items():
        lefts, done = ending[left], 0
        met = np.zeros(parted.shape[1] * WORD_BITS, np.bool_)  # by rank: what cannot follow those that are not done
        for time, right in sorted(joins):
            # Of merges at one time those further left come first: `left` may be gone by them; `right` is still there,
            # unless it came about only then.
            gone = int(lefts.until.searchsorted(time, side="right"))
            if gone > done:
                parted[lefts.tokens[done:gone]] |= np.packbits(met, bitorder="little").view(np.uint64)
                done = gone
            rights = beginning[right]
            there = int(rights.until.searchsorted(max(time, times[right] + 1)))
            met[ranks[rights.tokens[there:]]] = True
        parted[lefts.tokens[done:]] |= np.packbits(met, bitorder="little").view(np.uint64)
    return parted


def _joins(tokens: Sequence[bytes], ids: dict[bytes, int], times: Sequence[int]) -> defaultdict[int, list[_Join]]:
    """By the token to the left: all pairs that are a token together, and when both are there to be joined."""
    joins: defaultdict[int, list[_Join]] = defaultdict(list)
    for whole, token in enumerate(tokens):
        for cut in range(1, len(token)):
            left, right = ids.get(token[:cut]), ids.get(token[cut:])
            if left is not None and right is not None:
                joins[left].append(_Join(max(whole, times[left], times[right]), right))
    return joins


def _merge_of(token: bytes, ids: dict[bytes, int]) -> _Merge | None:
    """None for a single byte, and for a token that its own bytes do not come to."""
    parts, joined = _encoded(token, ids)
    if len(parts) > 1 or not joined:
        return None
    left, right = joined[-1]
    return _Merge(ids[left], ids[right], max(ids[left + right] for left, right in joined))


def _encoded(word: bytes, ids: dict[bytes, int]) -> tuple[list[bytes], list[tuple[bytes, bytes]]]:
    """The tokens of a word, and what was joined on the way."""
    parts, joined = [word[i : i + 1] for i in range(len(word))], []
    numbers = [ids.get(left + right, NEVER) for left, right in pairwise(parts)]
    while numbers and (number := min(numbers)) < NEVER:
        at = numbers.index(number)
        joined.append((parts[at], parts[at + 1]))
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
        del numbers[at]
        for i in range(max(0, at - 1), min(at + 1, len(numbers))):
            numbers[i] = ids.get(parts[i] + parts[i + 1], NEVER)
    return parts, joined


def _edges(merges: Sequence[_Merge | None], *, right: bool) -> list[_Edges]:
    """Of each token, those at whose right or left edge it stands for a time, with itself, which does for good."""
    edges: list[list[tuple[int, int]]] = [[] for _ in merges]
    for token in range(len(merges)):
        part, until = token, NEVER
        edges[part].append((until, token))
        while (merge := merges[part]) is not None:
            part, until = merge.right if right else merge.left, merge.time
            edges[part].append((until, token))
    by_time = (np.array(sorted(some), np.int64) for some in edges)
    return [_Edges(some[:, 1], some[:, 0]) for some in by_time]


# ---- where words begin ----


def _in_one_word(tokens: Sequence[bytes], ranks: NDArray[np.int64]) -> Packed:
    """(V, words): which tokens are in the same word as each token before them, whatever else the text is."""
    first = _kinds([token[:1] for token in tokens])
    last = _kinds([token[-1:] for token in tokens])
    goes_on_white = np.isin(_kinds([token[1:2] for token in tokens]), (SPACE, WHITE))
    white = np.isin(first, (SPACE, WHITE)) & goes_on_white  # the last white space before a word may begin one
    after = {
        OTHER: np.zeros(len(tokens), np.bool_),
        LETTER: first == LETTER,
        DIGIT: first == DIGIT,
        SIGN: first == SIGN,
        SPACE: white | _beginning_a_word(tokens),
        WHITE: white,
    }
    ids = {token: i for i, token in enumerate(tokens) if token}
    contracted = {_encoded(word, ids)[0][-1] for word in CONTRACTIONS}
    last[np.array([token in contracted for token in tokens])] = OTHER
    return np.stack([_packed(ranks[after[kind]], len(tokens)) for kind in range(len(after))])[last]


def _of_several_spaces(tokens: Sequence[bytes]) -> NDArray[np.bool_]:
    """Which tokens no word comes after: of several white spaces, the last one belongs to it, if it is a space."""
    return np.array([len(token) > 1 and token.endswith(b" ") for token in tokens])


def _beginning_a_word(tokens: Sequence[bytes]) -> NDArray[np.bool_]:
    """Which tokens continue a word after a space."""
    return np.isin(_kinds([token[:1] for token in tokens]), (LETTER, DIGIT, SIGN))


def _kinds(some: Sequence[bytes]) -> NDArray[np.int64]:
    return np.array([_kind(byte) for byte in some])


def _kind(byte: bytes) -> int:
    if not byte or byte[0] >= 0x80:
        return OTHER
    if byte.isalpha():
        return LETTER
    if byte.isdigit():
        return DIGIT
    if byte == b" ":
        return SPACE
    if byte in b"\t\n\r\v\f":
        return WHITE
    return SIGN if 0x20 < byte[0] < 0x7F else OTHER
