"""A vocabulary as a tree of bytes: its tokens in the order of their bytes, so that a prefix is a range of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

WORD_BITS = 64
NOT_KNOWN = -1  # instead of the id of the token before


class ByteTree(NamedTuple):
    """The tokens in ascending order of their bytes; the empty string, the end of a document, comes first."""

    token_bytes: NDArray[np.uint8]  # (V, longest): by rank, padded with zeros
    lengths: NDArray[np.int64]  # (V,): by rank
    ranks: NDArray[np.int64]  # (V,): of each id
    ids: NDArray[np.int64]  # (V,): of each rank
    # What may follow each token, by its id: a bit for each rank. (0, 0), and (0,), where that is not known.
    successors: NDArray[np.uint64]  # (V, words)
    n_excluded: NDArray[np.int64]  # (V,): how many may not

    def may_follow(self, before: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which tokens may follow these, (n,) ids or `NOT_KNOWN`, -> (n, V) by rank."""
        possible = np.ones((len(before), len(self.ids)), np.bool_)
        if len(self.successors):
            known = before >= 0
            bits = np.unpackbits(self.successors[before[known]].view(np.uint8), axis=1, bitorder="little")
            possible[known] = bits[:, : len(self.ids)].view(np.bool_)
        return possible


def byte_tree(tokens: Sequence[bytes]) -> ByteTree:
    """tokens: the bytes of each id, no two the same. Raises ValueError if two are."""
    if len(set(tokens)) < len(tokens):
        raise ValueError("two tokens of a vocabulary have the same bytes")
    ids = np.array(sorted(range(len(tokens)), key=tokens.__getitem__), np.int64)
    lengths = np.array([len(tokens[i]) for i in ids], np.int64)
    token_bytes = np.zeros((len(tokens), max(1, int(lengths.max()))), np.uint8)
    for rank, i in enumerate(ids):
        token_bytes[rank, : lengths[rank]] = np.frombuffer(tokens[i], np.uint8)
    ranks = np.empty_like(ids)
    ranks[ids] = np.arange(len(ids))
    return ByteTree(token_bytes, lengths, ranks, ids, np.zeros((0, 0), np.uint64), np.zeros(0, np.int64))


def n_bytes_of(tree: ByteTree, text: NDArray[np.int64]) -> int:
    """Of a text, (n,) ids; the end of a document takes one."""
    return int(np.maximum(tree.lengths[tree.ranks[text]], 1).sum())
