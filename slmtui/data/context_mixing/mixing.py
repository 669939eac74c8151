"""One bit: what each context says of it, the mixture of all that, and what they learn from the bit that came."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from slmtui.data.context_mixing.contexts import HASHED_ORDERS, byte_back, hashed, length_class
from slmtui.data.context_mixing.tables import (
    CHAIN_STEP,
    CHAIN_STEPS,
    CHAINED,
    CONSTANT,
    CONTEXTS,
    CORRECTION_CONTEXTS,
    CORRECTIONS,
    COUNT_LEVEL,
    COUNT_LEVELS,
    ENDS_BY_TOKEN,
    EXACT,
    HIGHEST_COUNT,
    INPUTS,
    KIND,
    LAST_RATE,
    LENGTH,
    LENGTH_CLASSES,
    MAP_STEP,
    MAP_STEPS,
    MATCHED,
    MATCHES,
    NETWORK,
    NOT_KEPT,
    OWNER,
    PRECISION,
    RECENT,
    REFINES,
    SET_STARTS,
    SETS,
    STEP,
    THINNED,
    TRUST,
    Scratch,
    Tables,
)

NO_BUCKET, NO_NODE = -1, -1
LAST, BEFORE = np.int64(1), np.int64(2)  # bytes back
NO_NETWORK = 1e9  # instead of a logit
PROBES = 4  # buckets that a context may be found in
END_NODE = np.int64(0)  # of a bucket: does the token end here?
COUNT, RECENT_BITS, USED = np.int64(16), np.int64(22), np.int64(16)  # where they begin in a bucket's numbers
LOW = np.int64(0xFFFF)  # what is below them
MOST, FARTHEST = 15.0, 7.99  # logits of the mixer, and of the curves
LEAST = 1e-5  # of any bit's probability
RATE_SCALE = 0.8  # the mixer's rate after n bytes: this / √n
# The others', beside a share of the mixer's.
FINAL_RATE, CHAIN_RATE, MAP_RATE, CORRECTION_RATE = 0.0005, 0.008, 0.004, 0.006
CORRECTED = 0.65  # what the last stage's curves weigh beside what goes into them
CHAIN_WEIGHT_RATE = 0.3  # in proportion to that of the bias


@njit(cache=True, error_model="numpy")
def squash(x):
    return 1 / (1 + math.exp(-x))


@njit(cache=True, error_model="numpy")
def stretch(p):
    return math.log(p / (1 - p))


@njit(cache=True, error_model="numpy")
def node_in_half(bits, decision):
    """The node of a bucket that decides a bit, 1 to 8, after the `bits` before it."""
    if decision < 5:
        return bits - 1
    return (1 << (decision - 5) | bits & ((1 << (decision - 5)) - 1)) - 1


@njit(cache=True, error_model="numpy")
def find_buckets(t: Tables, w: Scratch, half: int, value: int, learn: bool) -> None:
    """The bucket of each context. half: 0 for the end of a token, 1 and 2 for the halves of a byte. `value` tells the
    first which token may end, the second whether the byte begins a token, the third the bits before it."""
    buckets, seen, keeping = t.buckets, 0, learn and t.changed[0] != NOT_KEPT
    last = np.uint64(len(buckets) - 1)
    for i in range(CONTEXTS):  # apart from what follows, so that the memory is waited for once, not for each context
        if half == 0:
            w.keys[i] = hashed(w.hashes[i], 128 + (value if ENDS_BY_TOKEN[i] else 0))
        else:
            w.keys[i] = hashed(w.hashes[i], half * 32 + value)
        w.buckets[i] = np.int64(buckets[np.int64(w.keys[i] & last), OWNER])
    for i in range(CONTEXTS):
        check = _check(w.keys[i])
        bucket = _find(buckets, w.keys[i], check)
        owner = np.int64(buckets[bucket, OWNER])
        known = owner & LOW == check
        w.buckets[i] = bucket if known or learn else NO_BUCKET
        if 1 <= i <= HASHED_ORDERS and known and owner >> USED > 0:
            seen += 1
        if learn:
            if keeping:
                _keep(t, bucket)
            if not known:
                if owner != 0:
                    buckets[bucket] = 0
                owner = check
            if owner >> USED < 255:
                owner += 1 << USED
            buckets[bucket, OWNER] = owner
    w.seen[0] = seen


@njit(cache=True, error_model="numpy")
def _check(key):
    return np.int64(key >> np.uint64(48)) | 1


@njit(cache=True, error_model="numpy")
def _find(buckets, key, check):
    """The bucket of this key, or a free one, or the least used of those that it may have."""
    first = np.int64(key & np.uint64(len(buckets) - 1))
    worst, least = first, 256
    for probe in range(PROBES):
        at = first ^ probe
        owner = np.int64(buckets[at, OWNER])
        if owner & LOW == check or owner == 0:
            return at
        if owner >> USED < least:
            worst, least = at, owner >> USED
    return worst


@njit(cache=True, error_model="numpy")
def _keep(t: Tables, bucket: int) -> None:
    """Keep a bucket as it is, in a branch that is about to change it."""
    n = t.changed[0]
    t.changed_bucket[n] = bucket
    t.changed_nodes[n] = t.buckets[bucket]
    t.changed[0] += 1


@njit(cache=True, error_model="numpy", fastmath=True)
def predict(t: Tables, w: Scratch, node: int, bits: int, decision: int, network: float) -> float:
    """The probability of a 1.

    node: in the buckets. bits: those of the byte so far, after a leading 1; 0 for the end of a token. decision: 0 for
    the end of a token, 1 to 8 for the bits. network: the neural network's logit, or NO_NETWORK.
    """
    _ask_contexts(t, w, node, decision)
    longest = _ask_matches(t, w, bits, decision)
    x = w.inputs
    x[CONSTANT] = 0.4
    sure = 12
    x[NETWORK] = 0.0
    if network != NO_NETWORK:
        x[NETWORK] = network
        sure = min(int(abs(network) * 2), 11)
    c1, c2, seen = byte_back(t, LAST), byte_back(t, BEFORE), w.seen[0]
    w.rows[0] = bits + 256 * (0 if longest == 0 else 1 if longest < 4 else 2)
    w.rows[1] = (seen * 8 + longest) * 9 + decision
    w.rows[2] = c1 * 9 + decision
    w.rows[3] = ((sure * 8 + seen) * 8 + longest) * 2 + (decision == 0)
    w.rows[4] = t.registers[KIND] * 9 + decision
    w.rows[5] = (c2 * 8 + longest) * 2 + (decision == 0)
    total = 0.0
    for s in range(SETS):
        w.rows[s] += SET_STARTS[s]
        weights, output = t.weights[w.rows[s]], np.float32(0)
        for i in range(INPUTS):
            output += weights[i] * x[i]
        output = min(max(output, np.float32(-MOST)), np.float32(MOST))
        w.outputs[s] = output
        total += t.final[bits, s] * output
    p = squash(total)
    w.parts[1] = p
    w.seen[2] = bits
    # The last stage: how right such predictions were, in three circumstances, each a curve of 33 points.
    place = (min(max(total, -FARTHEST), FARTHEST) + 8) * 2
    low = int(place)
    high = place - low
    w.seen[1], w.parts[0] = low, high
    w.correction_at[0] = c1 * 256 + bits
    w.correction_at[1] = np.int64(
        hashed(hashed(hashed(np.uint64(5), c1), c2), bits) & np.uint64(CORRECTION_CONTEXTS - 1)
    )
    w.correction_at[2] = (longest * 16 + sure) * 256 + bits
    corrected = 0.0
    for c in range(CORRECTIONS):
        at = w.correction_at[c]
        corrected += t.corrections[c, at, low] * (1 - high) + t.corrections[c, at, low + 1] * high
    return min(max((1 - CORRECTED) * p + CORRECTED * corrected / CORRECTIONS, LEAST), 1 - LEAST)


@njit(inline="always", cache=True, error_model="numpy", fastmath=True)
def _ask_contexts(t: Tables, w: Scratch, node: int, decision: int) -> None:
    x, kind = w.inputs, 1 if decision == 0 else 0
    for i in range(CONTEXTS):
        coarser = x[CHAINED + REFINES[i]] if REFINES[i] >= 0 else np.float32(0)
        bucket = w.buckets[i]
        met = np.int64(t.buckets[bucket, node]) if bucket >= 0 else 0
        if met >> COUNT == 0:
            x[2 * i], x[2 * i + 1], x[CHAINED + i] = 0, 0, coarser
            w.map_at[i] = NO_NODE
            continue
        p, count, recent = met & LOW, met >> COUNT & 63, met >> RECENT_BITS
        level = (kind * COUNT_LEVELS + COUNT_LEVEL[count]) * RECENT + recent
        step = p // (65536 // PRECISION)
        w.map_at[i] = level * MAP_STEPS + MAP_STEP[step]
        w.chain_at[i] = level * CHAIN_STEPS + CHAIN_STEP[step]
        x[2 * i] = stretch(t.maps[i, w.map_at[i]])
        x[2 * i + 1] = ((p + 0.5) / 65536 - 0.5) * TRUST[min(count, 15)]
        refined = t.chains[i, w.chain_at[i], 0] * coarser + t.chains[i, w.chain_at[i], 1]
        x[CHAINED + i] = min(max(refined, np.float32(-9)), np.float32(9))


@njit(inline="always", cache=True, error_model="numpy", fastmath=True)
def _ask_matches(t: Tables, w: Scratch, bits: int, decision: int) -> int:
    """The class of the longest match that agrees with the bits so far."""
    longest = 0
    for m in range(MATCHES):
        at = MATCHED + 2 * m
        w.match_at[m] = NO_NODE
        w.inputs[at], w.inputs[at + 1] = 0, 0
        length = t.match_length[m]
        if length == 0 or decision == 0:
            continue
        byte = np.int64(t.text[t.match_place[m]])
        if (byte | 256) >> (9 - decision) != bits:
            continue
        bit = byte >> (8 - decision) & 1
        w.expected[m] = bit
        w.match_at[m] = length if length < 16 else min(16 + (length - 16) // 8, LENGTH_CLASSES - 1)
        p = t.match_map[m, w.match_at[m], 1 if decision > 1 else 0]
        sign = 1 if bit else -1
        w.inputs[at] = sign * stretch(p)
        w.inputs[at + 1] = sign * (p - 0.5) * 4
        longest = max(longest, length_class(length))
    return longest


@njit(inline="always", cache=True, error_model="numpy", fastmath=True)
def learn_mixing(t: Tables, w: Scratch, bit: int, decision: int, share: float) -> None:
    """Move the weights, maps and chains of the last prediction towards the bit that came.

    share: of the rates that stay the same beside the mixer's.
    """
    x = w.inputs
    rate, final_error = t.rate[0], np.float32((bit - w.parts[1]) * FINAL_RATE * share)
    map_rate = MAP_RATE * share + rate
    for s in range(SETS):
        error = np.float32((bit - squash(w.outputs[s])) * rate)
        weights = t.weights[w.rows[s]]
        for i in range(INPUTS):
            weights[i] += error * x[i]
        t.final[w.seen[2], s] += final_error * w.outputs[s]
    for i in range(CONTEXTS):
        if w.map_at[i] == NO_NODE:
            continue
        coarser = x[CHAINED + REFINES[i]] if REFINES[i] >= 0 else np.float32(0)
        error = np.float32((bit - squash(x[CHAINED + i])) * (CHAIN_RATE * share + rate))
        t.chains[i, w.chain_at[i], 0] += error * coarser * CHAIN_WEIGHT_RATE
        t.chains[i, w.chain_at[i], 1] += error
        p = t.maps[i, w.map_at[i]]
        t.maps[i, w.map_at[i]] = min(max(p + (bit - p) * map_rate, 1e-4), 1 - 1e-4)
    for m in range(MATCHES):
        if w.match_at[m] != NO_NODE:
            first = 1 if decision > 1 else 0
            p = t.match_map[m, w.match_at[m], first]
            right = 1.0 if w.expected[m] == bit else 0.0
            t.match_map[m, w.match_at[m], first] = min(max(p + (right - p) * map_rate, 1e-4), 1 - 1e-4)


@njit(inline="always", cache=True, error_model="numpy", fastmath=True)
def learn_corrections(t: Tables, w: Scratch, bit: int) -> None:
    """Move the curves of the last prediction towards the bit that came."""
    low, high, rate = w.seen[1], w.parts[0], t.rate[0]
    for c in range(CORRECTIONS):
        at = w.correction_at[c]
        for point, share in ((low, 1 - high), (low + 1, high)):
            p = t.corrections[c, at, point]
            t.corrections[c, at, point] += (bit - p) * (CORRECTION_RATE + rate) * share


@njit(inline="always", cache=True, error_model="numpy")
def count_bit(t: Tables, w: Scratch, node: int, bit: int) -> None:
    """Count the bit in each context's bucket."""
    buckets, length = t.buckets, t.registers[LENGTH]
    for i in range(CONTEXTS):
        bucket = w.buckets[i]
        met = np.int64(buckets[bucket, node])
        count = met >> COUNT & 63
        p = met & LOW if count else 32768
        p += int(((65535 if bit else 0) - p) * STEP[count])
        if count < EXACT or (count < HIGHEST_COUNT and (length + i) % THINNED == 0):
            count += 1
        buckets[bucket, node] = p | count << COUNT | (met >> RECENT_BITS >> 1 | bit << 1) << RECENT_BITS


@njit(cache=True, error_model="numpy")
def slow_down(t: Tables) -> None:
    """The mixer learns fast at first: a step along RATE_SCALE / √n."""
    t.rate[0] = max(LAST_RATE, t.rate[0] - t.rate[0] ** 3 / (2 * RATE_SCALE**2))
