"""Whole texts, token by token; and the distribution of the next token."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from slmtui.data.context_mixing.contexts import append_byte, hash_contexts
from slmtui.data.context_mixing.lending import lent_scratch, lent_tables, lent_tree
from slmtui.data.context_mixing.mixing import (
    END_NODE,
    NO_NETWORK,
    count_bit,
    find_buckets,
    learn_corrections,
    learn_mixing,
    node_in_half,
    predict,
    slow_down,
)  # fmt: skip
from slmtui.data.context_mixing.tables import IN_BUCKET, WEIGHING_RATE, Scratch, Tables
from slmtui.data.context_mixing.vocabulary import NOT_KNOWN, ByteTree

# Of what is counted and of what is made of it: a state of another version would not mean what it meant. 1, until
# 2026-11-27, had coarser classes of probabilities. 2, until the day after, knew nothing of successors, and gave a
# network the same share for all sizes of text; it is still read, without the one and with the other. numba keeps what
# it compiled from this file until the file changes, whatever becomes of the others that it calls: so with each change
# of theirs this number rises.
VERSION, OLDEST = 3, 2
# Learn nothing; only count, without predicting; predict, and learn everything; predict, and learn how to mix counts
# that stay as they are (static.py).
FROZEN, COUNTING, LEARNING, WEIGHING = 0, 1, 2, 3
DOCUMENT_END = 0  # the byte that stands for the end of a document in contexts; it is never predicted
LEAST_MASS = 1e-4  # a set of tokens that is less likely together is not looked into
LEAST_SHARE, MOST_SURE = 1e-9, 12.0  # of a network
UNEXPECTED = 1e-4  # probability of all tokens together that may not follow
# Of a type, since numba compiles a function anew for each plain constant that it is called with.
NO_BITS, ENDING, FIRST_HALF, SECOND_HALF, NOTHING = np.int64(0), np.int64(0), np.int64(1), np.int64(2), np.bool_(False)
ALL = np.uint64(0xFFFFFFFFFFFFFFFF)


class Place(NamedTuple):
    """Where a text stands, apart from its bytes."""

    registers: NDArray[np.int64]
    words: NDArray[np.uint64]
    match_length: NDArray[np.int64]
    match_place: NDArray[np.int64]


@njit(cache=True, error_model="numpy")
def first_with_bit(tree: ByteTree, low: int, high: int, depth: int, bit: int) -> int:
    """Tokens low … high − 1 agree in the bits of byte `depth` above `bit`: the first that has this one set, or high."""
    while low < high:
        middle = (low + high) // 2
        if tree.token_bytes[middle, depth] >> bit & 1:
            high = middle
        else:
            low = middle + 1
    return low


@njit(cache=True, error_model="numpy")
def may_follow(tree: ByteTree, before: int, low: int, high: int) -> bool:
    """Whether one of the tokens low … high − 1 may follow the one `before`; all may, where that is `NOT_KNOWN`."""
    if before < 0:
        return low < high
    first, last = low >> 6, (high - 1) >> 6
    for word in range(first, last + 1):
        bits = tree.successors[before, word]
        if word == first:
            bits &= ALL << np.uint64(low & 63)
        if word == last:
            bits &= ALL >> np.uint64(63 - (high - 1 & 63))
        if bits:
            return low < high
    return False


@njit(cache=True, error_model="numpy")
def is_choice(tree: ByteTree, before: int, low: int, middle: int, high: int) -> bool:
    """Whether the next token may be one of low … middle − 1 as well as one of middle … high − 1."""
    return low < middle < high and may_follow(tree, before, low, middle) and may_follow(tree, before, middle, high)


@njit(cache=True, error_model="numpy")
def logit_between(sums, zero, one, high):
    """How the network decides between the tokens zero … one − 1, a 0, and one … high − 1, a 1."""
    if len(sums) == 0:
        return NO_NETWORK
    yes, no = sums[high] - sums[one] + LEAST_SHARE, sums[one] - sums[zero] + LEAST_SHARE
    return min(max(math.log(yes / no), -MOST_SURE), MOST_SURE)


@njit(cache=True, error_model="numpy")
def end_logit(sums, low, high):
    """How the network decides whether the token is the first of low … high − 1, which ends here."""
    if len(sums) == 0:
        return NO_NETWORK
    return -logit_between(sums, low, low + 1, high)


@njit(cache=True, error_model="numpy", fastmath=True)
def _decide(t: Tables, w: Scratch, node: int, bits: int, decision: int, network: float, bit: int, mode: int) -> float:
    """The loss of one decision; then what is learned from it."""
    loss = 0.0
    if mode != COUNTING:
        p = predict(t, w, node, bits, decision, network)
        loss = -math.log(p if bit else 1 - p)
        if mode == LEARNING:
            learn_mixing(t, w, bit, decision, np.float64(1))
            learn_corrections(t, w, bit)
        elif mode == WEIGHING:
            learn_mixing(t, w, bit, decision, t.rate[0] / WEIGHING_RATE)
    if mode in (COUNTING, LEARNING):
        count_bit(t, w, node, bit)
    return loss


@njit(cache=True, nogil=True, error_model="numpy")
def read(
    t: Tables, w: Scratch, tree: ByteTree, tokens: NDArray[np.int64], before: int, sums: NDArray[np.float64],
    mode: int, losses: NDArray[np.float64],
) -> None:  # fmt: skip
    """Read tokens, (n,) ids, and write the loss of each in nats into `losses`, (n,); nothing where only counting.

    before: the token before them, or `NOT_KNOWN`. sums: (n, V + 1), the network's probabilities of each token,
    summed up by rank; (0, 0) if it takes no part.
    """
    _read(lent_tables(t), lent_scratch(w), lent_tree(tree), tokens, before, sums, mode, losses)


@njit(cache=True, error_model="numpy")
def _read(t, w, tree, tokens, before, sums, mode, losses):
    none, counts = np.zeros(0), mode in (COUNTING, LEARNING)
    for k in range(len(tokens)):
        rank = tree.ranks[tokens[k]]
        row = sums[k] if len(sums) else none
        low, high, depth, loss = np.int64(0), np.int64(len(tree.lengths)), np.int64(0), 0.0
        length = tree.lengths[rank]
        last = tokens[k - 1] if k else before
        if len(tree.successors) == 0:
            last = NOT_KNOWN
        excluded = tree.n_excluded[last] if last >= 0 else NO_BITS
        unexpected = excluded > 0 and not may_follow(tree, last, rank, rank + 1)
        if unexpected:
            last = NOT_KNOWN
        while high - low > 1 or depth < length:
            hash_contexts(t, w.hashes)
            if tree.lengths[low] == depth and high - low > 1:  # may end here
                bit = 1 if length == depth else 0
                if is_choice(tree, last, low, low + 1, high):
                    find_buckets(t, w, ENDING, low, counts)
                    loss += _decide(t, w, END_NODE, NO_BITS, NO_BITS, end_logit(row, low, high), bit, mode)
                if bit:
                    break
                low += 1
            byte = np.int64(tree.token_bytes[rank, depth])
            bits, found = np.int64(1), 0
            for decision in range(1, 9):
                bit = byte >> (8 - decision) & 1
                middle = first_with_bit(tree, low, high, depth, 8 - decision)
                if is_choice(tree, last, low, middle, high):
                    half = FIRST_HALF if decision < 5 else SECOND_HALF
                    if found != half:
                        value = NO_BITS + (depth == 0) if half == FIRST_HALF else bits >> (decision - 5)
                        find_buckets(t, w, half, value, counts)
                        found = half
                    network = logit_between(row, low, middle, high)
                    loss += _decide(t, w, node_in_half(bits, decision), bits, decision, network, bit, mode)
                if bit:
                    low = middle
                else:
                    high = middle
                bits = bits * 2 + bit
            append_byte(t, byte, counts)
            depth += 1
            if mode == LEARNING:
                slow_down(t)
        if length == 0:
            append_byte(t, np.int64(DOCUMENT_END), counts)
        if unexpected:
            loss = math.log(excluded / UNEXPECTED)
        elif excluded > 0:
            loss -= math.log(1 - UNEXPECTED)
        losses[k] = loss if mode != COUNTING else 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def distribution(
    t: Tables, w: Scratch, tree: ByteTree, before: int, sums: NDArray[np.float64], place: Place,
    out: NDArray[np.float64],
) -> None:  # fmt: skip
    """The probability of each token as the next one, by rank, into `out`, (V,); they sum to one.

    before, sums: as in `read`, sums (V + 1,) or (0,). `place` is room for where the text stands, which is the same
    afterwards.
    """
    _distribution(lent_tables(t), lent_scratch(w), lent_tree(tree), before, sums, place, out)


@njit(cache=True, error_model="numpy")
def _distribution(t, w, tree, before, sums, place, out):
    _keep(t, place)
    last = before if len(tree.successors) else NOT_KNOWN
    # Sets of tokens that agree in their first bytes: low, high, how many bytes; and how likely each set is.
    sets = np.empty((len(out) + 1, 3), np.int64)
    masses = np.empty(len(out) + 1)
    sets[0, 0], sets[0, 1], sets[0, 2], masses[0] = 0, len(out), 0, 1.0
    waiting = 1
    while waiting:
        waiting -= 1
        low, high, depth, mass = sets[waiting, 0], sets[waiting, 1], sets[waiting, 2], masses[waiting]
        if high - low == 1:
            out[low] = mass
        elif mass < LEAST_MASS:
            _share_out(tree, last, sums, low, high, mass, out)
        else:
            _restore(t, place)
            for byte in tree.token_bytes[low, :depth]:
                append_byte(t, np.int64(byte), NOTHING)
            waiting = _split(t, w, tree, last, sums, low, high, depth, mass, out, sets, masses, waiting)
    _restore(t, place)
    excluded = tree.n_excluded[last] if last >= 0 else NO_BITS
    if excluded > 0:
        for rank in range(len(out)):
            is_possible = may_follow(tree, last, rank, rank + 1)
            out[rank] = out[rank] * (1 - UNEXPECTED) if is_possible else UNEXPECTED / excluded


@njit(cache=True, error_model="numpy")
def _share_out(tree, last, sums, low, high, mass, out):
    total, possible = sums[high] - sums[low] if len(sums) else 0.0, 0.0
    for rank in range(low, high):
        out[rank] = may_follow(tree, last, rank, rank + 1)
        possible += out[rank]
    for rank in range(low, high):
        out[rank] = mass * ((sums[rank + 1] - sums[rank]) / total if total > 0 else out[rank] / possible)


@njit(cache=True, error_model="numpy")
def _split(t, w, tree, last, sums, low, high, depth, mass, out, sets, masses, waiting):
    """Split a set of tokens by whether they end at `depth`, else by their next byte; how many sets then wait."""
    hash_contexts(t, w.hashes)
    if tree.lengths[low] == depth:
        if is_choice(tree, last, low, low + 1, high):
            find_buckets(t, w, ENDING, low, NOTHING)
            p = predict(t, w, END_NODE, NO_BITS, NO_BITS, end_logit(sums, low, high))
        else:
            p = 1.0 if may_follow(tree, last, low, low + 1) else 0.0
        out[low] = mass * p
        low, mass = low + 1, mass * (1 - p)
        if mass == 0:
            for rank in range(low, high):
                out[rank] = 0.0
            return waiting
    # The first half of the byte, then the second for each of its values: the contexts have a bucket for each.
    halves = np.empty((17, 3), np.int64)
    half_masses = np.empty(17)
    halves[0, 0], halves[0, 1], halves[0, 2], half_masses[0] = 1, low, high, mass
    find_buckets(t, w, FIRST_HALF, NO_BITS + (depth == 0), NOTHING)
    n = _halve(t, w, tree, last, sums, depth, halves, half_masses, 1, 16)
    nodes = np.empty((17, 3), np.int64)
    node_masses = np.empty(17)
    for i in range(n):
        nodes[0], node_masses[0] = halves[i], half_masses[i]
        if halves[i, 2] - halves[i, 1] > 1:
            find_buckets(t, w, SECOND_HALF, halves[i, 0], NOTHING)
        for j in range(_halve(t, w, tree, last, sums, depth, nodes, node_masses, 1, 256)):
            sets[waiting, 0], sets[waiting, 1], sets[waiting, 2] = nodes[j, 1], nodes[j, 2], depth + 1
            masses[waiting] = node_masses[j]
            waiting += 1
    return waiting


@njit(cache=True, error_model="numpy")
def _halve(t, w, tree, last, sums, depth, nodes, masses, n, until):
    """Nodes (bits so far, low, high) are halved by one bit after the other until their bits are at least `until`."""
    while nodes[0, 0] < until:
        kept = n
        for i in range(kept):
            bits, low, high, mass = nodes[i, 0], nodes[i, 1], nodes[i, 2], masses[i]
            decision = 1
            while bits >> decision:
                decision += 1
            middle = first_with_bit(tree, low, high, depth, 8 - decision)
            if is_choice(tree, last, low, middle, high):
                network = logit_between(sums, low, middle, high)
                p = predict(t, w, node_in_half(bits, decision), bits, decision, network)
                nodes[n, 0], nodes[n, 1], nodes[n, 2], masses[n] = bits * 2 + 1, middle, high, mass * p
                n += 1
                nodes[i, 0], nodes[i, 2], masses[i] = bits * 2, middle, mass * (1 - p)
            elif may_follow(tree, last, middle, high):
                nodes[i, 0], nodes[i, 1] = bits * 2 + 1, middle
            else:
                nodes[i, 0], nodes[i, 2] = bits * 2, middle
    return n


@njit(cache=True, error_model="numpy")
def _keep(t: Tables, place: Place) -> None:
    place.registers[:], place.words[:] = t.registers, t.words
    place.match_length[:], place.match_place[:] = t.match_length, t.match_place


@njit(cache=True, error_model="numpy")
def _restore(t: Tables, place: Place) -> None:
    t.registers[:], t.words[:] = place.registers, place.words
    t.match_length[:], t.match_place[:] = place.match_length, place.match_place


@njit(cache=True, nogil=True, error_model="numpy")
def exchange(t: Tables, enter: bool) -> None:
    """Put a branch's changes into the tables, or take them out again; what was there is kept in their place.

    What was changed more than once is put in in the order of the changes, and taken out in the opposite one.
    """
    n, m = t.changed[0], t.changed[1]
    for k in range(n):
        at = k if enter else n - 1 - k
        bucket = t.changed_bucket[at]
        for number in range(IN_BUCKET):
            kept = t.changed_nodes[at, number]
            t.changed_nodes[at, number] = t.buckets[bucket, number]
            t.buckets[bucket, number] = kept
    for k in range(m):
        change = t.changed_place[k if enter else m - 1 - k]
        place = np.int64(t.places[change[0], change[1]])
        t.places[change[0], change[1]] = change[2]
        change[2] = place
