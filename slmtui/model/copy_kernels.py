"""The copy head's softmax and its gradient on a CPU, compiled: one row at a time, which stays in the cache.

Scores are needed only of earlier tokens, which is half of a matrix (N, T), and none of them is kept: backwards they are
computed anew, which takes less than to write and read them. Tokens that are alike are found along chains, from each
token to the one before it that is the same (numbers in docs/log.md).

Of one sequence: T tokens, N targets after the last N of them, K = the size of a key, at most M tokens matched.
"""

from __future__ import annotations

import numpy as np
from numba import njit

LOG2_E = np.float32(1.4426950408889634)
LEAST_POWER = np.float32(-80.0)  # 2 to this is next to nothing, and far from what is computed slowly (denormals)
# Of 2^x around 0: ln(2)^n / n!
POWERS = tuple(np.float32(np.log(2.0) ** n / np.prod(np.arange(1.0, n + 1))) for n in range(8))
UNROLLED = 4  # numbers of a key that are taken at once


@njit(cache=True, nogil=True, error_model="numpy")
def link_alike(tokens, before, last):
    """before (T,): where the same token was last, or −1. last (V,) is scratch."""
    last[:] = -1
    for t in range(len(tokens)):
        before[t] = last[tokens[t]]
        last[tokens[t]] = t


@njit(cache=True, nogil=True, error_model="numpy")
def matched(tokens, t, earlier, most):
    """How many tokens up to t are those up to `earlier`, of which the last is known to be."""
    length = 1
    while length < most and length <= earlier and tokens[t - length] == tokens[earlier - length]:
        length += 1
    return length


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def score(query, keys, end, scores):
    """scores[1:end] = query (K,) · keys (K, T)."""
    for j in range(1, end):
        scores[j] = 0
    for k in range(0, len(query), UNROLLED):
        a, b, c, d = query[k], query[k + 1], query[k + 2], query[k + 3]
        first, second, third, fourth = keys[k], keys[k + 1], keys[k + 2], keys[k + 3]
        for j in range(1, end):
            scores[j] += a * first[j] + b * second[j] + c * third[j] + d * fourth[j]


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def exponentials(values, least, bits):
    """values[j] becomes exp(values[j] − least); bits (T,) int32 is scratch. A polynomial, since it is vectorised."""
    halves = bits.view(np.float32)
    for j in range(len(values)):
        x = (values[j] - least) * LOG2_E
        x = x if x > LEAST_POWER else LEAST_POWER
        whole = np.floor(x + np.float32(0.5))
        x -= whole
        y = POWERS[7]
        y = y * x + POWERS[6]
        y = y * x + POWERS[5]
        y = y * x + POWERS[4]
        y = y * x + POWERS[3]
        y = y * x + POWERS[2]
        y = y * x + POWERS[1]
        values[j] = y * x + POWERS[0]
        bits[j] = (np.int32(whole) + np.int32(127)) << np.int32(23)
    for j in range(len(values)):
        values[j] *= halves[j]


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def largest(values):
    """Compared as integers of the same order, since that is vectorised."""
    found = np.int32(-(2**31))
    for value in values.view(np.int32):
        ordered = value ^ ((value >> np.int32(31)) & np.int32(0x7FFFFFFF))
        found = ordered if ordered > found else found
    ordered = np.empty(1, np.int32)
    ordered[0] = found ^ ((found >> np.int32(31)) & np.int32(0x7FFFFFFF))
    return ordered.view(np.float32)[0]


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def total(values):
    found = np.float32(0)
    for value in values:
        found += value
    return found


@njit(cache=True, nogil=True, error_model="numpy")
def row_of_scores(tokens, before, t, query, keys, sentinel, extra, scores):
    """scores[0] the sentinel's, scores[1 : t + 1] those of the tokens after the first, up to t."""
    score(query, keys, t + 1, scores)
    scores[0] = sentinel
    earlier = before[t]
    while earlier >= 0:
        scores[earlier + 1] += extra[matched(tokens, t, earlier, len(extra) - 1)]
        earlier = before[earlier]


@njit(cache=True, nogil=True, error_model="numpy")
def copying(tokens, targets, query, keys, sentinel, extra, vocabulary, n_vocab, own, p, scale):
    """What each target (N,) is given: own (N,) the sentinel's share, p (N,) its probability, scale (N,).

    tokens (T,), query (N, K), keys (K, T): at j the key that token j is scored by; sentinel (N,), extra (M + 1,);
    vocabulary (N,): the target's probability without copying. scale is the logarithm of the softmax's sum.
    """
    T, N = len(tokens), len(targets)
    scores, bits = np.empty(T, np.float32), np.empty(T, np.int32)
    before, last = np.empty(T, np.int32), np.empty(n_vocab, np.int32)
    link_alike(tokens, before, last)
    last[:] = -1
    for t in range(T):
        last[tokens[t]] = t
        i = t - (T - N)
        if i < 0:
            continue
        row_of_scores(tokens, before, t, query[i], keys, sentinel[i], extra, scores)
        row = scores[: t + 1]
        most = largest(row)
        exponentials(row, most, bits[: t + 1])
        inverse = 1 / total(row)
        copied, place = np.float32(0), last[targets[i]]
        while place > 0:
            copied += row[place]
            place = before[place]
        own[i] = row[0] * inverse
        p[i] = own[i] * vocabulary[i] + copied * inverse
        scale[i] = most - np.log(inverse)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def pass_on(gradient, end, query, keys, by_query, by_keys):
    """The gradient by one row of scores, to its query, and added to the keys'. Short loops are vectorised."""
    for k in range(0, len(query), UNROLLED):
        first, second, third, fourth = keys[k], keys[k + 1], keys[k + 2], keys[k + 3]
        by_a = by_b = by_c = by_d = np.float32(0)
        for j in range(1, end):
            by_a += gradient[j] * first[j]
            by_b += gradient[j] * second[j]
            by_c += gradient[j] * third[j]
            by_d += gradient[j] * fourth[j]
        by_query[k], by_query[k + 1], by_query[k + 2], by_query[k + 3] = by_a, by_b, by_c, by_d
    for k in range(0, len(query), 2):
        a, b, by_first, by_second = query[k], query[k + 1], by_keys[k], by_keys[k + 1]
        for j in range(1, end):
            by_first[j] += a * gradient[j]
            by_second[j] += b * gradient[j]


@njit(cache=True, nogil=True, error_model="numpy")
def copying_backward(
    tokens, targets, query, keys, sentinel, extra, n_vocab, p, scale, upstream, by_query, by_keys, by_sentinel, by_extra
):  # fmt: skip
    """Gradients of Σ upstream · −log p, upstream (N,): by_query and by_sentinel are set, the rest is added to.

    by_sentinel is that of the softmax alone: what goes to the vocabulary is to be taken off.
    """
    T, N = len(tokens), len(targets)
    scores, bits = np.empty(T, np.float32), np.empty(T, np.int32)
    before, last = np.empty(T, np.int32), np.empty(n_vocab, np.int32)
    link_alike(tokens, before, last)
    last[:] = -1
    for t in range(T):
        last[tokens[t]] = t
        i = t - (T - N)
        if i < 0:
            continue
        row_of_scores(tokens, before, t, query[i], keys, sentinel[i], extra, scores)
        row = scores[: t + 1]
        exponentials(row, scale[i], bits[: t + 1])
        by_copied, place = 1 - 1 / p[i], last[targets[i]]
        while place > 0:
            row[place] *= by_copied
            place = before[place]
        for j in range(t + 1):
            row[j] *= upstream[i]
        by_sentinel[i] = row[0]
        earlier = before[t]
        while earlier >= 0:
            by_extra[matched(tokens, t, earlier, len(extra) - 1)] += row[earlier + 1]
            earlier = before[earlier]
        pass_on(row, t + 1, query[i], keys, by_query[i], by_keys)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def add_copies(tokens, hidden, lengths, query, key, sentinel, bias, match, at, network, shares):
    """Add what is copied after the last token of each of B rows to the network's probabilities, one row by itself.

    tokens (B, T), hidden (B, T, C), lengths (B,): the rest of a row is padding. query and key (K, C), sentinel (C,),
    bias, match (M + 1,): the weights. network: row at[b] of (all rows, V) is changed. shares (B, T), zeros, are set.
    """
    C = hidden.shape[2]
    for b in range(len(lengths)):
        last = lengths[b] - 1
        end, text, scores = hidden[b, last], tokens[b], shares[b]
        towards = np.zeros(C, np.float32)  # a key's score is query · (key @ h) = (query @ key) · h
        for k in range(len(query)):
            q = np.float32(0)
            for c in range(C):
                q += query[k, c] * end[c]
            for c in range(C):
                towards[c] += q * key[k, c]
        own = bias
        for c in range(C):
            own += sentinel[c] * end[c]
        most = own
        for j in range(1, last + 1):
            found = np.float32(0)
            for c in range(C):
                found += towards[c] * hidden[b, j - 1, c]
            alike = matched(text, last, j - 1, len(match) - 1) if text[j - 1] == text[last] else 0
            scores[j] = found + match[alike]
            most = max(most, scores[j])
        own = np.exp(own - most)
        whole = own
        for j in range(1, last + 1):
            scores[j] = np.exp(scores[j] - most)
            whole += scores[j]
        row = network[at[b]]
        for v in range(len(row)):
            row[v] *= own / whole
        for j in range(1, last + 1):
            scores[j] /= whole
            row[text[j]] += scores[j]
