"""A text gives the same tokens in pieces and as a whole."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slmtui.data.chunks import chunks, safe_cut
from slmtui.data.tokenizer import gpt2_tokenizer

# Whitespace of many kinds, on some of which Python and the tokeniser disagree; words, digits, signs.
SPACES = [*" \n\t\r\x0b\x0c\x1c\x1f\x85\xa0\u2028\u3000\u180e\u200b"]
WORDS = ["a", "word", "'s", "12", "3.14", "==", "# File:", "é日本🙂", "e\u0301", "<|endoftext|>", "_x"]
texts = st.lists(st.sampled_from([*SPACES, *WORDS]), max_size=60).map("".join)


def in_chunks(text: str, size: int) -> Iterator[str]:
    return (text[i : i + size] for i in range(0, len(text), size))


@settings(max_examples=300, deadline=None)
@given(texts | st.text(max_size=80), st.integers(1, 9))
def test_no_safe_cut_changes_a_token(text: str, limit: int) -> None:
    start = 0
    while len(text) - start > limit:
        cut = safe_cut(text, start, limit)
        assert start < cut <= start + limit
        if cut < start + limit or (text[cut] in " \n" and not text[cut - 1].isspace()):
            halves = [gpt2_tokenizer().encode(text[start:cut]), gpt2_tokenizer().encode(text[cut:])]
            assert np.concatenate(halves).tolist() == gpt2_tokenizer().encode(text[start:]).tolist()
        start = cut


@settings(max_examples=300, deadline=None)
@given(texts, texts)
def test_a_document_may_begin_at_the_newline_before_its_header(before: str, after: str) -> None:
    header = "\n# File: x.py\n" + after
    halves = [gpt2_tokenizer().encode(before), gpt2_tokenizer().encode(header)]
    assert np.concatenate(halves).tolist() == gpt2_tokenizer().encode(before + header).tolist()


@settings(max_examples=200, deadline=None)
@given(texts, st.integers(1, 12), st.integers(1, 30))
def test_how_the_text_arrives_makes_no_difference(text: str, chunk: int, limit: int) -> None:
    cut = list(chunks(in_chunks(text, chunk), limit))
    assert "".join(cut) == text
    assert all(0 < len(piece) <= limit for piece in cut)
    assert cut == list(chunks([text], limit))


@pytest.mark.parametrize("text", ["a" * 1_500_000, "\n" * 1_500_000 + "x", " \t" * 700_000 + "é", "日" * 600_000])
def test_a_text_without_any_place_to_cut_is_cut_all_the_same(text: str) -> None:
    ids = gpt2_tokenizer().encode(text)
    assert gpt2_tokenizer().decode(ids) == text
