"""Which tokens never follow which, where byte-pair encoding makes them.

The same text is always encoded as the same tokens. So most pairs of tokens that could spell it never stand in a text:
"th" is not followed by "e" where "the" is a token. What never comes needs no probability.

Two tokens are neighbours in one word of GPT-2's pattern, or at the end of one and the beginning of the next. In one
word they are neighbours if the merges that made each of them came before all that would have joined a part of one with
a part of the other. Where the pattern may cut between them, every pair is possible.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from slmtui.data.context_mixing.vocabulary import WORD_BITS, ByteTree

# What the pattern tells apart, by the first or last byte of a token. Others are not looked into: letters, signs and
# white space beyond ASCII, control characters, and the end of a document.
OTHER, LETTER, DIGIT, SIGN, SPACE, WHITE = range(6)
CONTRACTIONS = (b"'s", b"'d", b"'m", b"'t", b"'ll", b"'ve", b"'re")  # words of their own, with letters right after them

Packed = NDArray[np.uint64]


class _Merge(NamedTuple):
    """How a token comes about: from which two, and when, as the number of the last merge that it takes."""

    left: int
    right: int
    time: int


class _Edge(NamedTuple):
    """A token that stands at an edge of a larger one until it becomes a part of what is larger."""

    token: int
    until: float


def with_successors(tree: ByteTree, text: NDArray[np.int64]) -> ByteTree:
    """The tree of a byte-pair vocabulary whose ids are in the order of its merges, with what may follow each token.

    text: tokens, (n,), as they were encoded. What is met in it is possible in any case.
    """
    tokens = _by_id(tree)
    packed = ~np.zeros((len(tokens), -(-len(tokens) // WORD_BITS)), np.uint64)
    certain = _in_one_word(tokens, tree)
    for lefts, rights in _parted(tokens):
        packed[lefts] &= ~(_packed(tree.ranks[rights], packed.shape[1]) & certain[lefts])
    for left, rights in _after_spaces(tokens):
        packed[left] &= ~_packed(tree.ranks[rights], packed.shape[1])
    before, rank = np.divmod(np.unique(text[:-1] * len(tokens) + tree.ranks[text[1:]]), len(tokens))
    np.bitwise_or.at(packed, (before, rank // WORD_BITS), np.uint64(1) << (rank % WORD_BITS).astype(np.uint64))
    tree = tree._replace(successors=packed)
    possible = np.array([int(tree.may_follow(np.array([i])).sum()) for i in range(len(tokens))])
    return tree._replace(n_excluded=len(tokens) - possible)


def _by_id(tree: ByteTree) -> list[bytes]:
    return [tree.token_bytes[rank, : tree.lengths[rank]].tobytes() for rank in tree.ranks]


def _packed(ranks: NDArray[np.int64], words: int) -> Packed:
    """A bit for each rank that is set for these."""
    bits = np.zeros(words * WORD_BITS, np.uint8)
    bits[ranks] = 1
    return np.packbits(bits, bitorder="little").view(np.uint64)


# ---- within a word ----


def _parted(tokens: Sequence[bytes]) -> Iterator[tuple[list[int], NDArray[np.int64]]]:
    """Tokens to the left and to the right, no two of which are neighbours in a word: parts of them would be joined."""
    ids = {token: i for i, token in enumerate(tokens) if token}
    merges = [_merge_of(token, ids) for token in tokens]
    last, first = _edges(merges, right=True), _edges(merges, right=False)
    for whole, token in enumerate(tokens):
        for cut in range(1, len(token)):
            left, right = ids.get(token[:cut]), ids.get(token[cut:])
            if left is None or right is None:
                continue
            time = max(whole, _time(merges, left), _time(merges, right))
            # Of two merges at one time the one further left comes first.
            lefts = [edge.token for edge in last[left] if edge.until > time]
            rights = [edge.token for edge in first[right] if edge.until >= time]
            if lefts and rights:
                yield lefts, np.array(rights)


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
    while len(parts) > 1:
        at = min(range(len(parts) - 1), key=lambda i: ids.get(parts[i] + parts[i + 1], math.inf))
        left, right = parts[at], parts[at + 1]
        if left + right not in ids:
            break
        joined.append((left, right))
        parts[at : at + 2] = [left + right]
    return parts, joined


def _time(merges: Sequence[_Merge | None], token: int) -> int:
    merge = merges[token]
    return 0 if merge is None else merge.time


def _edges(merges: Sequence[_Merge | None], *, right: bool) -> defaultdict[int, list[_Edge]]:
    """Of each token, those at whose right or left edge it stands for a time."""
    edges: defaultdict[int, list[_Edge]] = defaultdict(list)
    for token in range(len(merges)):
        part, until = token, math.inf
        edges[part].append(_Edge(token, until))
        while (merge := merges[part]) is not None:
            part, until = merge.right if right else merge.left, merge.time
            edges[part].append(_Edge(token, until))
    return edges


# ---- where words begin ----


def _in_one_word(tokens: Sequence[bytes], tree: ByteTree) -> Packed:
    """(V, words): which tokens are in the same word as each token before them, whatever else the text is."""
    first = np.array([_kind(token[:1]) for token in tokens])
    last = np.array([_kind(token[-1:]) for token in tokens])
    goes_on_white = np.array([len(token) > 1 and _kind(token[1:2]) in (SPACE, WHITE) for token in tokens])
    white = np.isin(first, (SPACE, WHITE)) & goes_on_white  # the last white space before a word may begin one
    after = {
        OTHER: np.zeros(len(tokens), np.bool_),
        LETTER: first == LETTER,
        DIGIT: first == DIGIT,
        SIGN: first == SIGN,
        SPACE: white | np.isin(first, (LETTER, DIGIT, SIGN)),
        WHITE: white,
    }
    rows = {kind: _packed(tree.ranks[which], -(-len(tokens) // WORD_BITS)) for kind, which in after.items()}
    ids = {token: i for i, token in enumerate(tokens) if token}
    ends = {_encoded(word, ids)[0][-1] for word in CONTRACTIONS}
    return np.stack([rows[OTHER if token in ends else int(kind)] for token, kind in zip(tokens, last, strict=True)])


def _after_spaces(tokens: Sequence[bytes]) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Of several white spaces, the last one belongs to the word after it, if it is a space."""
    words = np.array([i for i, token in enumerate(tokens) if _kind(token[:1]) in (LETTER, DIGIT, SIGN)], np.int64)
    for i, token in enumerate(tokens):
        if len(token) > 1 and _kind(token[-1:]) == SPACE:
            yield i, words


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
