"""What the next byte is looked up under: the bytes before it, the word, the line, the column, a place that matches.

Contexts are hashed to 64 bits. Their order here is that of `REFINES` in tables.py.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from slmtui.data.context_mixing.tables import (
    BRACKETS,
    CONTEXTS,
    IN_LINE,
    INDENT,
    KIND,
    LAST_WORD,
    LENGTH,
    LINE,
    LINE_WORD,
    LINE_WORD_SET,
    LONGEST_MATCH,
    MATCHES,
    NOT_KEPT,
    PREVIOUS_LINE,
    SHORTEST_MATCHES,
    WORD,
    WORD_BEFORE,
    Tables,
)

NEWLINE, SPACE, TAB = 10, 32, 9
ONE = np.int64(1)  # of a type: see kernels.py
HASHED_ORDERS = 7  # the contexts 1 to 7 are the last 1 to 7 bytes


@njit(cache=True, error_model="numpy")
def hashed(h, value):
    """A 64-bit hash continued by a value (the finaliser of SplitMix64)."""
    h = h * np.uint64(0x9E3779B97F4A7C15) + np.uint64(value) + np.uint64(0x632BE59BD9B4E019)
    h = (h ^ (h >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> np.uint64(32))) * np.uint64(0x94D049BB133111EB)
    return h ^ (h >> np.uint64(29))


@njit(cache=True, error_model="numpy")
def length_class(length):
    """0 for no match, to 7."""
    if length < 6:
        return 0 if length == 0 else 1
    if length < 13:
        return 2 if length < 9 else 3
    if length < 32:
        return 4 if length < 20 else 5
    return 6 if length < 64 else 7


@njit(cache=True, error_model="numpy")
def byte_back(t, back):
    place = t.registers[LENGTH] - back
    return np.int64(t.text[place]) if place >= 0 else np.int64(0)


@njit(cache=True, error_model="numpy")
def hash_contexts(t: Tables, hashes: NDArray[np.uint64]) -> None:
    """Write the hash of each context of the next byte into `hashes`, (CONTEXTS,)."""
    at = t.registers[LENGTH]
    c1, c2, c3, c4 = byte_back(t, ONE), byte_back(t, ONE + 1), byte_back(t, ONE + 2), byte_back(t, ONE + 3)
    word, last, before, line_word = t.words[WORD], t.words[LAST_WORD], t.words[WORD_BEFORE], t.words[LINE_WORD]
    column = at - t.registers[LINE]
    above, right_above = 0, 0
    place = t.registers[PREVIOUS_LINE] + column
    if t.registers[PREVIOUS_LINE] >= 0 and place < t.registers[LINE]:
        above = np.int64(t.text[place])
        right_above = np.int64(t.text[place + 1]) if place + 1 < t.registers[LINE] else 0
    longest, expected = 0, 0
    for m in range(MATCHES):
        if t.match_length[m] > longest:
            longest, expected = t.match_length[m], np.int64(t.text[t.match_place[m]]) + 1

    h = np.uint64(7)
    for order in range(HASHED_ORDERS + 1):
        hashes[order] = hashed(h, order)
        h = hashed(h, byte_back(t, order + 1))
    hashes[8] = hashed(hashed(np.uint64(101), SPACE if c1 == NEWLINE else c1), word)
    hashes[9] = hashed(hashed(np.uint64(102), word), last)
    hashes[10] = hashed(hashed(np.uint64(103), word), before)
    hashes[11] = hashed(hashed(np.uint64(104), c2), c3)
    hashes[12] = hashed(hashed(hashed(np.uint64(105), c1), c3), c4)
    hashes[13] = hashed(hashed(hashed(np.uint64(106), min(t.registers[INDENT], 40)), c1), line_word)
    hashes[14] = hashed(hashed(hashed(np.uint64(107), above), c1), right_above)
    hashes[15] = hashed(hashed(np.uint64(108), line_word), word)
    hashes[16] = hashed(hashed(hashed(np.uint64(109), t.registers[BRACKETS]), c1), c2)
    hashes[17] = hashed(hashed(hashed(np.uint64(110), last), before), word)
    hashes[18] = hashed(hashed(np.uint64(111), min(column, 60)), above)
    hashes[19] = hashed(hashed(np.uint64(112), expected), length_class(longest))
    hashes[20] = hashed(hashed(np.uint64(113), expected), c1)
    assert len(hashes) == CONTEXTS


@njit(cache=True, error_model="numpy")
def append_byte(t: Tables, byte: int, learn: bool) -> None:
    """The text goes on with a byte. learn: whether later text may match this place."""
    t.text[t.registers[LENGTH]] = byte
    t.registers[LENGTH] += 1
    _words_and_kind(t, byte)
    _lines_and_brackets(t, byte)
    for m in range(MATCHES):
        _follow_match(t, m, byte, learn)


@njit(cache=True, error_model="numpy")
def _words_and_kind(t: Tables, byte: int) -> None:
    capital = 65 <= byte <= 90
    letter = 97 <= byte <= 122 or capital or byte >= 128 or byte == 95
    digit = 48 <= byte <= 57
    if letter or (digit and t.words[WORD] != 0):
        t.words[WORD] = hashed(t.words[WORD] + np.uint64(3), byte + 32 if capital else byte)
        t.registers[KIND] = min(t.registers[KIND] + 1, 7) if t.registers[KIND] < 8 else 1
        return
    if t.words[WORD] != 0:
        if t.words[LINE_WORD_SET] == 0:
            t.words[LINE_WORD_SET], t.words[LINE_WORD] = np.uint64(1), t.words[WORD]
        t.words[WORD_BEFORE], t.words[LAST_WORD] = t.words[LAST_WORD], t.words[WORD]
    t.words[WORD] = np.uint64(0)
    if byte == SPACE:
        kind = 8
    elif byte == NEWLINE:
        kind = 9
    elif digit:
        kind = 10
    elif byte == 34 or byte == 39:  # quotes
        kind = 11
    elif byte == 40 or byte == 91 or byte == 123:  # ( [ {
        kind = 12
    elif byte == 41 or byte == 93 or byte == 125:  # ) ] }
        kind = 13
    else:
        kind = 14
    t.registers[KIND] = kind


@njit(cache=True, error_model="numpy")
def _lines_and_brackets(t: Tables, byte: int) -> None:
    r = t.registers
    if byte == NEWLINE:
        r[PREVIOUS_LINE], r[LINE], r[INDENT], r[IN_LINE] = r[LINE], r[LENGTH], 0, 0
        t.words[LINE_WORD_SET], t.words[LINE_WORD] = np.uint64(0), np.uint64(NEWLINE)
    elif r[IN_LINE] == 0:
        if byte in (SPACE, TAB):
            r[INDENT] += 1 if byte == SPACE else 8
        else:
            r[IN_LINE] = 1
            t.words[LINE_WORD] = hashed(np.uint64(77), byte)
    if byte == 40 or byte == 91 or byte == 123:
        r[BRACKETS] = r[BRACKETS] * 4 % 256 + (1 if byte == 40 else 2 if byte == 91 else 3)
    elif byte == 41 or byte == 93 or byte == 125:
        r[BRACKETS] //= 4


@njit(cache=True, error_model="numpy")
def _follow_match(t: Tables, m: int, byte: int, learn: bool) -> None:
    """Move on with the matching place if it has the same byte; where there is none, look one up."""
    at, text = t.registers[LENGTH], t.text
    if t.match_length[m] > 0 and text[t.match_place[m]] == byte:
        t.match_length[m] += 1
        t.match_place[m] += 1
    else:
        t.match_length[m] = 0
    if at < SHORTEST_MATCHES[m]:
        return
    h = np.uint64(m + 1)
    for back in range(1, SHORTEST_MATCHES[m] + 1):
        h = hashed(h, text[at - back])
    slot = h & np.uint64(t.places.shape[1] - 1)
    place = np.int64(t.places[m, slot])
    if t.match_length[m] == 0 and place > 0:
        length = 0
        while length < LONGEST_MATCH and length < place and text[place - 1 - length] == text[at - 1 - length]:
            length += 1
        if length >= SHORTEST_MATCHES[m]:
            t.match_length[m], t.match_place[m] = length, place
    if learn:
        if t.changed[1] != NOT_KEPT:
            change = t.changed_place[t.changed[1]]
            change[0], change[1], change[2] = m, np.int64(slot), place
            t.changed[1] += 1
        t.places[m, slot] = at
