"""Text becomes ids and comes back, with each vocabulary; a foreign state is refused, never fatal."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slmtui.data.bpe import merged_tokens, train_bpe
from slmtui.data.errors import DataError
from slmtui.data.gpt2 import gpt2_encoding
from slmtui.data.tokenizer import (
    BpeTokenizer,
    CompactTokenizer,
    Tokenizer,
    gpt2_tokenizer,
    id_dtype,
    tokenizer_from_state,
)

CODE = 'def get_collection(client, name):\n    return client.get_collection(name)\n\n\nprint("é 日本 🙂")\n'
GPT2 = gpt2_tokenizer()
COMPACT = CompactTokenizer(GPT2.encode(CODE).astype(np.int64))
BPE = BpeTokenizer(train_bpe([CODE * 3], 512), end=False)
ALL = [GPT2, COMPACT, BPE]
each_tokenizer = pytest.mark.parametrize("tokenizer", ALL, ids=lambda tokenizer: tokenizer.kind)


def test_gpt2_agrees_with_tiktoken() -> None:
    assert GPT2.encode("hello world").tolist() == [31373, 995]
    assert GPT2.encode(CODE).tolist() == gpt2_encoding().encode_ordinary(CODE)


def test_a_special_token_in_a_text_is_text() -> None:
    ids = GPT2.encode("<|endoftext|>")
    assert 50256 not in ids
    assert GPT2.decode(ids) == "<|endoftext|>" == GPT2.decode([50256])


def test_ids_take_as_little_room_as_they_can() -> None:
    assert id_dtype(65_536) is np.uint16
    assert id_dtype(65_537) is np.uint32
    assert all(tokenizer.encode(CODE).dtype == np.uint16 for tokenizer in ALL)


@each_tokenizer
@settings(max_examples=150, deadline=None)
@given(text=st.text(max_size=60))
def test_any_text_comes_back(tokenizer: Tokenizer, text: str) -> None:
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert b"".join(tokenizer.token_bytes(token) for token in ids.tolist()) == text.encode()
    assert tokenizer.token_lengths[ids].sum() == len(text.encode())


@each_tokenizer
@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=60) | st.text(max_size=20).map(lambda text: text.encode()[1:-1]))
def test_any_bytes_come_back(tokenizer: Tokenizer, data: bytes) -> None:
    ids = tokenizer.encode_bytes(data)
    assert tokenizer.decode_bytes(ids) == data
    assert tokenizer.decode(ids) == data.decode("utf-8", "replace")


@each_tokenizer
def test_half_a_character_is_replaced(tokenizer: Tokenizer) -> None:
    assert tokenizer.decode(tokenizer.encode("a\ud800b")) == "a\ufffdb"


@each_tokenizer
def test_nothing_is_nothing(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("").tolist() == []
    assert tokenizer.encode_bytes(b"").tolist() == []
    assert tokenizer.decode([]) == ""


@each_tokenizer
def test_line_breaks_are_counted_per_token(tokenizer: Tokenizer) -> None:
    assert tokenizer.newlines[tokenizer.encode(CODE)].sum() == CODE.count("\n")


def test_a_large_text_is_encoded_and_decoded_in_blocks() -> None:
    text = CODE * 8_000  # more than a piece, and more tokens than a block
    ids = GPT2.encode(text)
    assert len(ids) == 8_000 * len(GPT2.encode(CODE))
    assert GPT2.decode(ids) == text


def test_compact_keeps_gpt2s_tokens_and_spells_the_others() -> None:
    assert len(COMPACT.encode(CODE)) == len(GPT2.encode(CODE))
    assert COMPACT.n_vocab < 320
    assert len(GPT2.encode(" submarine")) == 1
    assert COMPACT.encode(" submarine").tolist() == COMPACT.byte_ids[list(b" submarine")].tolist()


def test_compact_is_the_same_in_whatever_order_it_was_made() -> None:
    ids = GPT2.encode(CODE).astype(np.int64)
    again = CompactTokenizer(np.concatenate([ids[::-1], ids]))
    assert again.fingerprint == COMPACT.fingerprint
    assert again.state() == COMPACT.state()


@each_tokenizer
def test_state_brings_the_tokenizer_back(tokenizer: Tokenizer) -> None:
    again = tokenizer_from_state(tokenizer.state())
    assert again.fingerprint == tokenizer.fingerprint
    assert again.n_vocab == tokenizer.n_vocab
    assert again.encode(CODE).tolist() == tokenizer.encode(CODE).tolist()


def test_fingerprints_differ() -> None:
    assert len({tokenizer.fingerprint for tokenizer in ALL}) == 3


def test_bpe_is_an_encoding_of_tiktoken() -> None:
    assert BPE.encoding.n_vocab == BPE.n_vocab
    assert BPE.encoding.encode_ordinary(CODE) == BPE.encode(CODE).tolist()


BYTES = list(range(256))


@pytest.mark.parametrize(
    "state",
    [
        None,
        [],
        {},
        {"kind": "gpt3"},
        {"kind": ["gpt2"]},
        {"kind": "x" * 10_000},
        {"kind": "gpt2-compact"},
        {"kind": "gpt2-compact", "gpt2_ids": "abc"},
        {"kind": "gpt2-compact", "gpt2_ids": BYTES[1:]},
        {"kind": "gpt2-compact", "gpt2_ids": BYTES[::-1]},
        {"kind": "gpt2-compact", "gpt2_ids": [*BYTES, 300, 300]},
        {"kind": "gpt2-compact", "gpt2_ids": [*BYTES, 50257]},
        {"kind": "gpt2-compact", "gpt2_ids": [*BYTES, 10**30]},
        {"kind": "gpt2-compact", "gpt2_ids": [*BYTES, 300.0]},
        {"kind": "gpt2-compact", "gpt2_ids": [True, *BYTES]},
        {"kind": "gpt2-compact", "gpt2_ids": [0] * 60_000},
        {"kind": "bpe"},
        {"kind": "bpe", "merges": [1, 2, 3]},
        {"kind": "bpe", "merges": [1, 256]},
        {"kind": "bpe", "merges": [-1, 2]},
        {"kind": "bpe", "merges": [1, 2, 1, 2]},
        {"kind": "bpe", "merges": [0] * 40_000},
        # Each merge doubles the last token: a terabyte after forty.
        {"kind": "bpe", "merges": [1, 1, *(i for token in range(256, 296) for i in (token, token))]},
    ],
)
def test_a_foreign_state_is_refused(state: Any) -> None:
    with pytest.raises(DataError, match="vocabulary"):
        tokenizer_from_state(state)


def test_merges_are_learned_by_frequency() -> None:
    # "ab" six times, "cd" five, of which with a space before: four and two.
    merges = train_bpe(["ab.ab. ab ab ab ab cd cd cd.cd.cd"], 512)
    assert merged_tokens(merges)[256:] == [b"ab", b"cd", b" ab", b" cd"]


def test_of_equally_frequent_pairs_the_smaller_ids_come_first() -> None:
    assert merged_tokens(train_bpe(["xy.ab.xy.ab"], 512))[256:258] == [b"ab", b"xy"]


def test_learning_stops_where_nothing_occurs_twice() -> None:
    assert train_bpe(["abcdef"], 512) == []
    assert train_bpe([], 512) == []


def test_learning_counts_over_all_texts_and_stops_at_the_size() -> None:
    assert train_bpe([CODE, CODE], 270) == train_bpe([CODE * 2], 270)
    assert len(train_bpe([CODE * 2], 270)) == 270 - 256


def test_no_token_grows_without_bound() -> None:
    assert max(map(len, merged_tokens(train_bpe(["=" * 4096, "é" * 4096], 512)))) == 128


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text("ab c", max_size=30), max_size=5))
def test_whatever_is_learned_is_a_vocabulary(texts: list[str]) -> None:
    tokenizer = BpeTokenizer(train_bpe(texts, 300), end=False)
    assert all(tokenizer.decode(tokenizer.encode(text)) == text for text in texts)


def test_a_text_without_spaces_is_learned_from_in_pieces() -> None:
    tokens = merged_tokens(train_bpe(["ab" * 100_000], 300))
    assert tokens[256] == b"ab"
    assert max(map(len, tokens)) == 64
