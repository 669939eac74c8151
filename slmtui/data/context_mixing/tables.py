"""Everything that is counted and learned, as arrays that the compiled functions work on in place.

A context's counts stand in buckets of a cache line: one for each half of a byte (its 15 inner nodes) and one for "does
the token end here" (its first node alone). A node has the probability of a 1, how often it was met, and the last two
bits that were met in it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

# What the contexts are is decided in contexts.py. Here: the context whose prediction each one refines (−1: none).
REFINES = np.array([-1, 0, 1, 2, 3, 4, 5, 6, 1, 8, 8, 1, 11, 1, 1, 8, 1, 9, 13, -1, 1])
CONTEXTS = len(REFINES)
ENDS_BY_TOKEN = np.ones(CONTEXTS, np.bool_)  # which contexts know the token, when it is asked whether it ends
ENDS_BY_TOKEN[[3, 4, 5, 6, 7, 9, 10, 17]] = False  # they have it in their bytes, or would have too few counts
SHORTEST_MATCHES = np.array([5, 10, 24])  # bytes that an earlier place has to share, for each of the match models
MATCHES = len(SHORTEST_MATCHES)
LONGEST_MATCH = 400  # bytes that are compared

# Inputs of the mixer: three for each context, two for each match model, a constant, and the network's.
CHAINED = 2 * CONTEXTS
MATCHED = 3 * CONTEXTS
CONSTANT = MATCHED + 2 * MATCHES
NETWORK = CONSTANT + 1
INPUTS = NETWORK + 1

# Six sets of weights are chosen at each bit, by different circumstances (mixing.py); a second layer mixes their six.
SET_SIZES = np.array([3 * 256, 64 * 9, 256 * 9, 2 * 13 * 64, 16 * 9, 2 * 256 * 8])
SETS = len(SET_SIZES)
SET_STARTS = np.concatenate([[0], np.cumsum(SET_SIZES)[:-1]])

COUNT_LEVELS, RECENT = 12, 4  # classes of how often a node was met, and of its last two bits
HIGHEST_COUNT, EXACT, THINNED = 63, 24, 6  # counts are exact to 24; from there on only one in six is counted
MET = np.maximum(np.arange(HIGHEST_COUNT + 1), (np.arange(HIGHEST_COUNT + 1) - EXACT) * THINNED + EXACT)
COUNT_LEVEL = np.searchsorted([1, 2, 3, 4, 5, 6, 8, 10, 13, 18, 32], MET, side="right")  # the class of each count
KINDS = 2  # of decisions, whose counts are worth something else: a bit, and whether a token ends
LEVELS = COUNT_LEVELS * RECENT * KINDS
MAP_STEPS, CHAIN_STEPS = 32, 12  # classes of a node's probability, for its two refinements: even steps of its logit
PRECISION = 4096
_LOGITS = np.log((np.arange(PRECISION) + 0.5) / (PRECISION - 0.5 - np.arange(PRECISION)))
_SHARE = (_LOGITS / _LOGITS.max() + 1) / 2  # of the way from the least to the greatest
MAP_STEP = np.minimum(_SHARE * MAP_STEPS, MAP_STEPS - 1).astype(np.int64)  # the class of each 4,096th
CHAIN_STEP = np.minimum(_SHARE * CHAIN_STEPS, CHAIN_STEPS - 1).astype(np.int64)
STEP = (1 / (MET + 1.6)).astype(np.float32)  # how far a node moves towards a new bit
TRUST = np.minimum(4.0, 1 + 0.4 * np.arange(16)).astype(np.float32)  # in a node that was met so often

CORRECTIONS, CURVE = 3, 33  # the last stage: curves over the prediction, −8 … 8, for each of three circumstances
CORRECTION_CONTEXTS = 1 << 16

LENGTH_CLASSES = 32  # of a match

IN_BUCKET, OWNER = 16, 15  # numbers in a bucket; which of them says whose it is
LINE_BYTES = 64  # of a cache line, which a bucket fills

# Registers, and words by their hashes.
LINE, PREVIOUS_LINE, INDENT, IN_LINE, BRACKETS, KIND, LENGTH = range(7)
WORD, LAST_WORD, WORD_BEFORE, LINE_WORD, LINE_WORD_SET = range(5)
LINE_BREAK = 9  # the kind of the last byte: letters 1 to 7 by their place in the word, others from 8 on

BUCKETS_PER_BYTE = 0.6 * CONTEXTS  # of text; 0.42 are used of a text of 100 KB
FEWEST_BUCKETS, MOST_BUCKETS = 1 << 12, 1 << 22
FIRST_RATE, LAST_RATE = 0.03, 0.0015  # of the mixer, per bit
WEIGHING_RATE, LAST_WEIGHING_RATE = 0.015, 0.001  # the same where counts stay as they are


class Tables(NamedTuple):
    """What is learned. Not how often, but in what proportion: probabilities in `buckets`, `maps` … are of a 1 next."""

    # The text read so far, and where in it and in what circumstances the next byte stands.
    text: NDArray[np.uint8]  # (room,)
    registers: Ints  # (7,): see LINE … above
    words: NDArray[np.uint64]  # (5,): see WORD … above
    match_length: Ints  # (MATCHES,), 0: no match
    match_place: Ints  # (MATCHES,): of the byte that is expected next
    # Counts, which grow with the text.
    # Fifteen nodes, each from its lowest bits: 16 of probability, in 65,536ths, six of count, and the last two that
    # were met; and last, 16 bits of whose the bucket is (0: free), and eight of how often it was used, at most 255.
    buckets: NDArray[np.uint32]  # (buckets, 16)
    places: NDArray[np.int32]  # (MATCHES, room): where each hash of a few bytes was met last
    # What the counts are worth, which does not grow.
    maps: Floats  # (CONTEXTS, LEVELS · MAP_STEPS)
    chains: Floats  # (CONTEXTS, LEVELS · CHAIN_STEPS, 2): weight of the coarser prediction, and bias
    match_map: Floats  # (MATCHES, LENGTH_CLASSES, 2): how likely the expected bit is
    weights: Floats  # (all sets, INPUTS)
    final: Floats  # (256, SETS)
    corrections: Floats  # (CORRECTIONS, CORRECTION_CONTEXTS, CURVE)
    rate: NDArray[np.float64]  # (1,): of the mixer, now
    # What a branch changed, in its order: each bucket and each place of a match as it was before (branch.py).
    changed: Ints  # (2,): how many of both; NOT_KEPT where nothing is kept
    changed_bucket: Ints  # (most,)
    changed_nodes: NDArray[np.uint32]  # (most, 16)
    changed_place: Ints  # (most, 3): which match model, where, the place


NOT_KEPT = -1
CHANGES = ("changed", "changed_bucket", "changed_nodes", "changed_place")
MIXING = ("maps", "chains", "match_map", "weights", "final")  # what counts that stay as they are have of their own
STANDING = ("registers", "words", "match_length", "match_place")  # where a text stands
GROWING = ("text", "registers", "words", "match_length", "match_place", "buckets", "places")


class Scratch(NamedTuple):
    """What one bit's prediction leaves for the learning that follows it."""

    hashes: NDArray[np.uint64]  # (CONTEXTS,)
    keys: NDArray[np.uint64]  # (CONTEXTS,): of the buckets
    buckets: Ints  # (CONTEXTS,), −1: unknown context
    map_at: Ints  # (CONTEXTS,), −1: unknown node
    chain_at: Ints  # (CONTEXTS,)
    inputs: Floats  # (INPUTS,)
    rows: Ints  # (SETS,): the chosen sets of weights
    outputs: Floats  # (SETS,)
    match_at: Ints  # (MATCHES,): the class of the match's length, −1: no match
    expected: Ints  # (MATCHES,): the bit that it expects
    correction_at: Ints  # (CORRECTIONS,)
    seen: Ints  # (3,): how many of the orders 1 to 7 are known; the place on the curve; the second layer's set
    parts: NDArray[np.float64]  # (2,): how far between two points of the curve; the second layer's probability


def new_scratch() -> Scratch:
    return Scratch(
        hashes=np.zeros(CONTEXTS, np.uint64), keys=np.zeros(CONTEXTS, np.uint64),
        buckets=np.zeros(CONTEXTS, np.int64),
        map_at=np.zeros(CONTEXTS, np.int64), chain_at=np.zeros(CONTEXTS, np.int64),
        inputs=np.zeros(INPUTS, np.float32), rows=np.zeros(SETS, np.int64), outputs=np.zeros(SETS, np.float32),
        match_at=np.zeros(MATCHES, np.int64), expected=np.zeros(MATCHES, np.int64),
        correction_at=np.zeros(CORRECTIONS, np.int64), seen=np.zeros(3, np.int64), parts=np.zeros(2),
    )  # fmt: skip


def new_tables(n_bytes: int) -> Tables:
    """Tables that know nothing, with room for a text of about `n_bytes`."""
    curve = 1 / (1 + np.exp(8 - np.arange(CURVE) / 2))
    return Tables(
        text=np.zeros(n_bytes, np.uint8),
        registers=np.array([0, -1, 0, 0, 0, LINE_BREAK, 0]),
        words=np.zeros(5, np.uint64),
        match_length=np.zeros(MATCHES, np.int64),
        match_place=np.zeros(MATCHES, np.int64),
        buckets=empty_buckets(_buckets(n_bytes)),
        places=np.zeros((MATCHES, _places(n_bytes)), np.int32),
        maps=_initial_maps(),
        chains=_initial_chains(),
        match_map=_initial_match_map(),
        weights=_initial_weights(),
        final=np.full((256, SETS), 1 / SETS, np.float32),
        corrections=np.broadcast_to(curve.astype(np.float32), (CORRECTIONS, CORRECTION_CONTEXTS, CURVE)).copy(),
        rate=np.array([FIRST_RATE]),
        **no_changes(),
    )


def size_of_tables(n_bytes: int) -> int:
    """The bytes of memory that `new_tables` takes, but for some hundred."""
    standing = CONTEXTS * LEVELS * (MAP_STEPS + 2 * CHAIN_STEPS) + MATCHES * LENGTH_CLASSES * 2
    standing += int(SET_SIZES.sum()) * INPUTS + 256 * SETS + CORRECTIONS * CORRECTION_CONTEXTS * CURVE
    return n_bytes + LINE_BYTES * _buckets(n_bytes) + 4 * MATCHES * _places(n_bytes) + 4 * standing


def no_changes(buckets: int = 0, places: int = 0) -> dict[str, Any]:
    """The tables' record of changes, with room for as many; with none, nothing is kept."""
    return {
        "changed": np.full(2, 0 if buckets else NOT_KEPT),
        "changed_bucket": np.zeros(buckets, np.int64),
        "changed_nodes": np.zeros((buckets, IN_BUCKET), np.uint32),
        "changed_place": np.zeros((places, 3), np.int64),
    }


def _buckets(n_bytes: int) -> int:
    return _power_of_two(n_bytes * BUCKETS_PER_BYTE, FEWEST_BUCKETS, MOST_BUCKETS)


def empty_buckets(buckets: int) -> NDArray[np.uint32]:
    """Each in one cache line, since what a bucket costs is to fetch it."""
    numbers = np.zeros((buckets + 1) * IN_BUCKET, np.uint32)
    begin = -numbers.ctypes.data % LINE_BYTES // numbers.itemsize
    return numbers[begin : begin + buckets * IN_BUCKET].reshape(buckets, IN_BUCKET)


def _places(n_bytes: int) -> int:
    return _power_of_two(2 * n_bytes, 1 << 12, 1 << 24)


def _power_of_two(wanted: float, least: int, most: int) -> int:
    return int(min(most, max(least, 1 << (max(1, int(wanted)) - 1).bit_length())))


def _initial_maps() -> Floats:
    p = 1 / (1 + np.exp(-_middles(MAP_STEP, MAP_STEPS)))
    return np.tile(p.clip(0.001, 0.999), (CONTEXTS, LEVELS)).astype(np.float32)


def _middles(steps: NDArray[np.int64], n: int) -> NDArray[np.float64]:
    """The mean logit of each of n classes."""
    return np.bincount(steps, _LOGITS, n) / np.bincount(steps, minlength=n)


def _initial_chains() -> Floats:
    chains = np.full((CONTEXTS, LEVELS * CHAIN_STEPS, 2), 0.8, np.float32)
    chains[:, :, 1] = np.tile(_middles(CHAIN_STEP, CHAIN_STEPS).clip(-5.3, 5.3) * 0.4, LEVELS)
    chains[REFINES < 0, :, 1] *= 2.5
    return chains


def _initial_match_map() -> Floats:
    lengths = np.array([n if n < 16 else 16 + 8 * (n - 16) for n in range(LENGTH_CLASSES)])
    wrong = 1 / (lengths + 1.5)
    return np.tile(np.stack([1 - wrong, 1 - wrong / 2], axis=1), (MATCHES, 1, 1)).astype(np.float32)


def _initial_weights() -> Floats:
    weights = np.zeros((int(SET_SIZES.sum()), INPUTS), np.float32)
    weights[:, 0:CHAINED:2] = 0.08
    weights[:, CHAINED:MATCHED] = 0.06
    weights[:, MATCHED:CONSTANT:2] = 0.25
    return weights
