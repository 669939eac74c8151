"""What counting that learns as it goes reaches on a split: the context mixer alone, on bytes.

It does not depend on the vocabulary of a phase: it reads the training text byte by byte, and then the validation text,
where it learns each byte once it has predicted it. Where there are several documents, their ends are read and
predicted, too; the mean is of the bytes of text alone.
"""

from __future__ import annotations

import dataclasses
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from slmtui.data.baseline import Baseline
from slmtui.data.dataset import Dataset, SideTokens
from slmtui.data.tokenizer import Tokenizer

END = 256  # of a document, beside the 256 bytes
BYTES = [bytes([byte]) for byte in range(256)]


class Limits(NamedTuple):
    """How much text is read, in bytes: a byte takes 10 to 20 µs on one core, and training text is read twice."""

    train: int  # the last of it, which the validation text resembles most
    val: int  # the first of it


WHOLE = Limits(200_000, 60_000)  # for a run: up to some 8 s
QUICK = Limits(60_000, 20_000)  # for a look at a corpus: up to 3 s


def with_mixer(baseline: Baseline, dataset: Dataset, limits: Limits) -> Baseline:
    """The baseline with the bits per byte of a context mixer; its note says what was left out."""
    from slmtui.data.context_mixing.mixer import ContextMixer  # numba, which few need

    ends = len(dataset.train.ends) + len(dataset.val.ends) > 1  # a document may be cut by the split
    train = _last(dataset.train, dataset.tokenizer, limits.train, ends=ends)
    val = _first(dataset.val, dataset.tokenizer, limits.val, ends=ends)
    mixer = ContextMixer.fit([*BYTES, b""] if ends else BYTES, train, static=False)
    bits = float(mixer.losses(val, adaptive=True)[val != END].mean()) / math.log(2)
    note = "; ".join(filter(None, (baseline.note, _note(dataset, train, val))))
    return dataclasses.replace(baseline, adaptive_bits_per_byte=bits, note=note)


def _last(side: SideTokens, tokenizer: Tokenizer, limit: int, *, ends: bool) -> NDArray[np.int64]:
    return _symbols(side.tokens[-limit:], tokenizer, ends=ends)[-limit:]


def _first(side: SideTokens, tokenizer: Tokenizer, limit: int, *, ends: bool) -> NDArray[np.int64]:
    return _symbols(side.tokens[:limit], tokenizer, ends=ends)[:limit]


def _symbols(tokens: NDArray[np.unsignedinteger], tokenizer: Tokenizer, *, ends: bool) -> NDArray[np.int64]:
    """The bytes of tokens, and END for the ends of documents if those are wanted, (n,)."""
    text = np.frombuffer(tokenizer.decode_bytes(tokens), np.uint8).astype(np.int64)
    if not ends or tokenizer.end is None:
        return text
    before = np.cumsum(tokenizer.token_lengths[tokens])  # bytes
    return np.insert(text, before[tokens == tokenizer.end], END)


def _note(dataset: Dataset, train: NDArray[np.int64], val: NDArray[np.int64]) -> str:
    parts = [
        f"the {which} {n:,} of {side.n_bytes:,} bytes of {name} text"
        for which, name, symbols, side in (("last", "training", train, dataset.train),
                                           ("first", "validation", val, dataset.val))
        if (n := int(np.count_nonzero(symbols != END))) < side.n_bytes
    ]  # fmt: skip
    return f"counting in many contexts on {' and '.join(parts)}" if parts else ""
