"""GPT-2's vocabulary, as packed in the package, is the published one."""

import hashlib

import numpy as np

from slmtui.data.gpt2 import GPT2_BYTES, N_VOCAB, PRINTABLE, VOCAB_BPE_SHA256, gpt2_merges, gpt2_tokens


def test_the_published_file_can_be_written_from_ours() -> None:
    spelling = [PRINTABLE[byte] for byte in GPT2_BYTES]
    lines = ["#version: 0.2"]
    for left, right in gpt2_merges().tolist():
        lines.append(f"{spelling[left]} {spelling[right]}")
        spelling.append(spelling[left] + spelling[right])
    assert hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest() == VOCAB_BPE_SHA256


def test_tokens() -> None:
    tokens = gpt2_tokens()
    assert len(tokens) == len(set(tokens)) == N_VOCAB
    assert tokens[0] == b"!"
    assert tokens[220] == b" "
    assert tokens[50256] == b"<|endoftext|>"
    assert sorted(GPT2_BYTES) == list(range(256))


def test_merges_join_earlier_tokens() -> None:
    merges = gpt2_merges()
    assert merges.shape == (50_000, 2)
    assert (merges.max(axis=1) < np.arange(256, 256 + 50_000)).all()
