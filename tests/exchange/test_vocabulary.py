"""Vocabularies as Hugging Face's tokenizers read them: the same ids as ours, on every text."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmtui.data.tokenizer import CompactTokenizer, Tokenizer
from slmtui.exchange.huggingface import tokenizer_json
from slmtui.exchange.vocabulary import Unwritable, vocabulary_of
from tests.corpora import odd
from tests.exchange.vocabularies import KINDS, made_from

tokenizers = pytest.importorskip("tokenizers", reason="Hugging Face's tokenizers, which reads what is tested here")
TEXT = Path("tests/golden/corpus.txt").read_text(encoding="utf-8")
AWKWARD = "猫吃鱼é日本🙂 foo\u00a0bar\u0085x \u2028 \x1c\x00 <0x41> ▁ab 'll don't  \n\n \r\n\t x1234 ÀÈ"


def theirs(tokenizer: Tokenizer) -> Any:
    """The same vocabulary, as Hugging Face reads it. END in a text is ordinary characters, as it is to us."""
    found = tokenizers.Tokenizer.from_str(json.dumps(tokenizer_json(vocabulary_of(tokenizer))))
    found.encode_special_tokens = True
    return found


@cache
def pair(kind: str, end: bool) -> tuple[Tokenizer, Any]:
    ours = made_from(kind, TEXT + "猫é🙂", end=end)
    return ours, theirs(ours)


@pytest.mark.parametrize("make", odd.ODD, ids=lambda make: make.__name__)
def test_every_odd_corpus_has_the_same_ids_in_every_vocabulary(make: odd.Maker, tmp_path: Path) -> None:
    make(tmp_path)
    files = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    texts = [path.read_bytes()[:20_000].decode("utf-8", "replace") for path in files[:40]]
    for kind in KINDS:
        # gpt2 is what it is; the others are learned from half of the corpus, so that the rest has what they lack
        ours = made_from(kind, "\n".join(texts)[::2][:20_000])
        other = pair("gpt2", True)[1] if kind == "gpt2" else theirs(ours)
        for text in texts:
            assert other.encode(text, add_special_tokens=False).ids == ours.encode(text).tolist()


@pytest.mark.parametrize("end", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_awkward_texts_have_the_same_ids_and_come_back(kind: str, end: bool) -> None:
    ours, other = pair(kind, end)
    for text in (TEXT[:5_000], AWKWARD, AWKWARD * 3 + TEXT[:50], "<|endoftext|>", " ", ""):
        ids = ours.encode(text).tolist()
        assert other.encode(text, add_special_tokens=False).ids == ids
        assert other.decode(ids, skip_special_tokens=False) == text


@given(text=st.text(max_size=60), kind=st.sampled_from(KINDS))
def test_any_text_has_the_same_ids(text: str, kind: str) -> None:
    ours, other = pair(kind, True)
    assert other.encode(text, add_special_tokens=False).ids == ours.encode(text).tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_a_prompt_begins_a_document_there_too(kind: str) -> None:
    ours, other = pair(kind, True)
    assert other.encode("def load").ids == ours.encode_prompt("def load").tolist()
    assert ours.end == other.token_to_id("<|endoftext|>")
    ours, other = pair(kind, False)
    assert other.encode("def load").ids == ours.encode("def load").tolist()


def test_a_learned_vocabulary_joins_all_that_tiktoken_joins() -> None:
    text = "abcabc bcabc aabc bca cab " * 20  # tokens that can be made in more than one way
    ours = made_from("bpe", text)
    other = theirs(ours)
    rng = np.random.default_rng(1)
    for _ in range(300):
        word = "".join(rng.choice(list("abc "), size=12))
        assert other.encode(word, add_special_tokens=False).ids == ours.encode(word).tolist()


def test_what_nobody_else_can_spell_is_refused_with_what_to_do() -> None:
    with pytest.raises(Unwritable, match=r"anew with --set tokenizer\.kind=bpe \(or gpt2\)"):
        vocabulary_of(CompactTokenizer(np.array([300, 400])))
