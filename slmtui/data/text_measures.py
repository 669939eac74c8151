"""How much structure a text has, in bits per byte: what byte frequencies, bz2 and lzma make of it."""

from __future__ import annotations

import bz2
import lzma
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slmtui.data.dataset import Dataset, SideTokens
from slmtui.data.token_file import blocks
from slmtui.data.tokenizer import Tokenizer

TRAIN_SAMPLE, VAL_SAMPLE = 500_000, 100_000  # bytes, so that a second is enough
LEAST_TEXT = 4_000  # bytes to train on: in less, neither counting nor compressing finds what a reader would
FREQUENCIES_ALONE = 0.98  # of what frequencies give: nothing that was tried is better, so the text is noise
NEARLY_NOTHING = 0.05  # bits per byte of the whole text

COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {"bz2": bz2.compress, "lzma": lzma.compress}


@dataclass(frozen=True)
class TextMeasures:
    """Bits per byte.

    frequencies: of training, in a code that knows how often each byte occurs. compressed: what the best compressor adds
    for validation after training. whole: what it makes of both together. n_kinds: different bytes of training.
    """

    train_bytes: int
    frequencies: float
    compressed: float
    whole: float
    n_kinds: int

    @property
    def is_trivial(self) -> bool:
        """Whether there is next to nothing in it."""
        return self.train_bytes >= LEAST_TEXT and self.whole < NEARLY_NOTHING

    def is_noise(self, ngram: float) -> bool:
        """Whether nothing finds more in it than frequencies. ngram: the bits per byte of an n-gram model."""
        return is_noise(self.train_bytes, self.frequencies, min(self.compressed, self.whole, ngram))

    def note(self, ngram: float) -> str:
        """What a person should know before training on it; "" for an ordinary text."""
        if self.is_trivial:
            what = "is one character over and over" if self.n_kinds == 1 else "repeats itself over and over"
            return f"the text {what}: {self.whole:.3f} bits per byte when compressed, so there is nothing to learn"
        if self.is_noise(ngram):
            return (
                f"the text looks like noise: the frequencies of its bytes give {self.frequencies:.2f} bits per byte, "
                f"and neither an n-gram model ({ngram:.2f}) nor a compressor ({self.compressed:.2f}) finds more in it"
            )
        return ""


def is_noise(train_bytes: int, frequencies: float, best: float) -> bool:
    """best: the least bits per byte that anything makes of the text; of validation alone, a handful may be odd."""
    return train_bytes >= LEAST_TEXT and best >= FREQUENCIES_ALONE * frequencies > 0


def measure_text(dataset: Dataset) -> TextMeasures:
    """Of the beginning of each side; about a second for a megabyte."""
    train, val = (
        sample(side, dataset.tokenizer, most)
        for side, most in ((dataset.train, TRAIN_SAMPLE), (dataset.val, VAL_SAMPLE))
    )
    counts = np.bincount(np.frombuffer(train, np.uint8), minlength=256)
    sizes = {name: (len(compress(train)), len(compress(train + val))) for name, compress in COMPRESSORS.items()}
    return TextMeasures(
        train_bytes=dataset.train.n_bytes,
        frequencies=_entropy(counts),
        compressed=min(8 * (both - first) / max(1, len(val)) for first, both in sizes.values()),
        whole=min(8 * both / max(1, len(train) + len(val)) for _, both in sizes.values()),
        n_kinds=int(np.count_nonzero(counts)),
    )


def sample(side: SideTokens, tokenizer: Tokenizer, most: int) -> bytes:
    """The first bytes of a side."""
    found, size = list[bytes](), 0
    for part in _parts(side, tokenizer):
        found.append(part[: most - size])
        size += len(found[-1])
        if size >= most:
            break
    return b"".join(found)


def _parts(side: SideTokens, tokenizer: Tokenizer) -> Iterator[bytes]:
    for block in blocks(side.tokens):
        yield tokenizer.decode_bytes(block)


def _entropy(counts: NDArray[Any]) -> float:
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log2(shares)).sum()) + 0.0
