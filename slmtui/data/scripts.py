"""What a text costs in each script that it is written in: Latin, Cyrillic, Thai and so on.

A vocabulary or a model that is good at one of a corpus's languages may be poor at another, which one number for all of
it hides. Scripts are Unicode's (UAX #24). A character that belongs to none, such as a digit or a space, is counted with
the character before it; Han in a line with kana is Japanese. A token is of the script that its last byte is of.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import regex
from numpy.typing import NDArray

from slmtui.data.dataset import Dataset
from slmtui.data.ngram_baseline import TOKEN_LIMIT, ScoredTokens, stretches
from slmtui.data.tokenizer import Tokenizer

LEAST_SHARE = 0.05  # of the bytes: scripts below it are not listed

# Those in daily use; letters of all others are "other".
SCRIPTS = (
    "Latin", "Greek", "Cyrillic", "Armenian", "Hebrew", "Arabic", "Syriac", "Thaana", "NKo", "Devanagari", "Bengali",
    "Gurmukhi", "Gujarati", "Oriya", "Tamil", "Telugu", "Kannada", "Malayalam", "Sinhala", "Thai", "Lao", "Tibetan",
    "Myanmar", "Georgian", "Hangul", "Ethiopic", "Cherokee", "Canadian_Aboriginal", "Khmer", "Mongolian", "Hiragana",
    "Katakana", "Bopomofo", "Han", "Yi", "Javanese", "Balinese", "Tifinagh", "Vai", "Adlam", "Ol_Chiki",
)  # fmt: skip
NAMES = (*(name.replace("_", " ") for name in SCRIPTS), "Japanese", "other")
NONE = len(NAMES)  # of no script, such as a digit
_UNKNOWN = 255
_HAN, _KANA = SCRIPTS.index("Han"), [SCRIPTS.index("Hiragana"), SCRIPTS.index("Katakana")]
_JAPANESE, _OTHER = NAMES.index("Japanese"), NAMES.index("other")
_PATTERN = regex.compile(
    "|".join(f"(\\p{{Script={name}}})" for name in SCRIPTS) + r"|\p{Script=Common}|\p{Script=Inherited}|\P{L}|(.)",
    regex.DOTALL,
)
_table = np.full(0x110000, _UNKNOWN, np.uint8)  # the script of each character that has been asked for

Bytes = NDArray[np.int64]


@dataclass(frozen=True)
class ScriptShare:
    """One script of a dataset. `bits_per_byte`: of the n-gram baseline, on the script's validation text."""

    script: str
    share: float  # of the bytes of the text
    bytes_per_token: float
    bits_per_byte: float | None  # None: not measured, or no such text validates


def script_shares(dataset: Dataset, scored: ScoredTokens | None) -> tuple[ScriptShare, ...]:
    """The scripts of the training and validation sides, the largest first; () if there are not at least two.

    `scored`: what the baseline was measured on. Of large sides only `TOKEN_LIMIT` tokens are looked at.
    """
    n_bytes, n_tokens = np.zeros(NONE, np.int64), np.zeros(NONE, np.int64)
    lengths = dataset.tokenizer.token_lengths
    for side in (dataset.train, dataset.val):
        tokens = stretches(side.tokens, TOKEN_LIMIT)
        weight = len(side.tokens) / max(1, len(tokens))
        scripts = token_scripts(tokens, dataset.tokenizer)
        told = scripts < NONE
        found = np.bincount(scripts[told], lengths[tokens[told]], NONE) * weight
        n_bytes += found.astype(np.int64)
        n_tokens += (np.bincount(scripts[told], minlength=NONE) * weight).astype(np.int64)
    total = n_bytes.sum()
    listed = [int(script) for script in np.argsort(-n_bytes, kind="stable") if n_bytes[script] >= LEAST_SHARE * total]
    if total == 0 or len(listed) < 2:
        return ()
    bits = _bits_per_byte(scored, dataset.tokenizer) if scored is not None else {}
    return tuple(
        ScriptShare(NAMES[one], float(n_bytes[one] / total), float(n_bytes[one] / n_tokens[one]), bits.get(one))
        for one in listed
    )


def token_scripts(tokens: NDArray[np.integer], tokenizer: Tokenizer) -> NDArray[np.int64]:
    """The script of each token, an index of NAMES; NONE where there are no bytes, or nothing but digits and signs."""
    lengths = tokenizer.token_lengths[tokens]
    text = tokenizer.decode_bytes(tokens).decode("utf-8", "surrogateescape")
    found = np.full(len(tokens), NONE, np.int64)
    if text:
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
        of_byte = np.repeat(_scripts(codes), _utf8_lengths(codes))
        stands_for_text = lengths > 0
        found[stands_for_text] = of_byte[np.cumsum(lengths)[stands_for_text] - 1]
    return found


def _scripts(codes: NDArray[np.uint32]) -> NDArray[np.int64]:
    """The script of each character, in the text that they make."""
    for code in np.unique(codes[_table[codes] == _UNKNOWN]).tolist():
        _table[code] = _script(chr(code))
    scripts = _table[codes].astype(np.int64)
    kana = np.isin(scripts, _KANA)
    lines = np.cumsum(codes == ord("\n"))
    has_kana = np.bincount(lines, kana) > 0
    scripts[kana | ((scripts == _HAN) & has_kana[lines])] = _JAPANESE
    places = np.flatnonzero(scripts != NONE)
    if not len(places):
        return scripts
    before = np.cumsum(scripts != NONE) - 1  # which of the places is the last up to here
    carried: NDArray[np.int64] = scripts[places[np.maximum(before, 0)]]
    return carried


def _script(char: str) -> int:
    found = _PATTERN.match(char)
    group = found.lastindex if found is not None else None
    return NONE if group is None else group - 1 if group <= len(SCRIPTS) else _OTHER


def _utf8_lengths(codes: NDArray[np.uint32]) -> NDArray[np.int64]:
    stray = (codes >= 0xDC80) & (codes <= 0xDCFF)  # a byte that is not UTF-8
    lengths: NDArray[np.int64] = 1 + ((codes >= 0x80).astype(np.int64) + (codes >= 0x800) + (codes >= 0x10000)) * ~stray
    return lengths


def _bits_per_byte(scored: ScoredTokens, tokenizer: Tokenizer) -> dict[int, float]:
    """The loss per byte of the tokens of each script. The first token is not scored."""
    scripts = token_scripts(scored.tokens, tokenizer)[1:]
    told = scripts < NONE
    n_bytes = np.bincount(scripts[told], tokenizer.token_lengths[scored.tokens[1:][told]], NONE)
    nats = np.bincount(scripts[told], scored.losses[1:][told], NONE)
    return {int(one): float(nats[one] / n_bytes[one] / math.log(2)) for one in np.flatnonzero(n_bytes)}
