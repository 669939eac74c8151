"""GPT-2's vocabulary, from a file in this package: 157 kB, no network.

50,257 tokens: the 256 bytes, 50,000 merges of two earlier tokens, and `<|endoftext|>`, which we never produce from
text. Source: the vocabulary published with "Language Models are Unsupervised Multitask Learners" (Radford et al.,
2019); tests/data/test_gpt2.py checks that ours is equal.
"""

from __future__ import annotations

import lzma
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import tiktoken
    from numpy.typing import NDArray

MERGES_FILE = "gpt2_merges.bin.xz"
VOCAB_BPE_SHA256 = "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5"
END_OF_TEXT = b"<|endoftext|>"
N_VOCAB = 50_257

# How GPT-2 splits text into words before it pairs bytes, in tiktoken's version (possessive, so it does not backtrack).
PATTERN = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"""

# The published file writes each byte as a printable character: its Latin-1 character if that is printable, else one
# from U+0100 on. The ids of the bytes follow the same order.
_OWN = (*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100))
_REST = tuple(byte for byte in range(256) if byte not in _OWN)
GPT2_BYTES = _OWN + _REST
PRINTABLE = {byte: chr(byte) for byte in _OWN} | {byte: chr(0x100 + i) for i, byte in enumerate(_REST)}


def gpt2_merges() -> NDArray[np.uint16]:
    """The 50,000 merges in order, shape (50000, 2): merge `i` joins two token ids into token `256 + i`."""
    import numpy as np  # which those that need the number of tokens alone do not wait for

    packed = resources.files("slmtui.data").joinpath(MERGES_FILE).read_bytes()
    halves = np.frombuffer(lzma.decompress(packed), np.uint8).astype(np.uint16).reshape(2, -1)
    pairs: NDArray[np.uint16] = (halves[0] | halves[1] << 8).reshape(-1, 2)
    return pairs


@cache
def gpt2_tokens() -> tuple[bytes, ...]:
    """The bytes of each token, by id; the last is the end of text."""
    tokens = [bytes([byte]) for byte in GPT2_BYTES]
    for left, right in gpt2_merges().tolist():
        tokens.append(tokens[left] + tokens[right])
    return (*tokens, END_OF_TEXT)


@cache
def gpt2_encoding() -> tiktoken.Encoding:
    """GPT-2's own encoding, as tiktoken would download it."""
    import tiktoken

    return tiktoken.Encoding(
        "gpt2",
        pat_str=PATTERN,
        mergeable_ranks={token: i for i, token in enumerate(gpt2_tokens()[:-1])},
        special_tokens={END_OF_TEXT.decode(): N_VOCAB - 1},
        explicit_n_vocab=N_VOCAB,
    )
