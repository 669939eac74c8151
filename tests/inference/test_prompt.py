"""A prompt that ends within a word: it is spelled out, and goes on as a text does."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from slmtui.data.bpe import train_bpe
from slmtui.data.tokenizer import BpeTokenizer, ByteTokenizer, CharacterTokenizer, Tokenizer, gpt2_tokenizer
from slmtui.inference.batch import Batch, Sampling, _Reader
from slmtui.inference.generation import complete, generate
from slmtui.inference.prompt import BegunWord, DrawnText, Prompt, read_prompt
from slmtui.inference.streaming import Request, Settings, branch, stream
from slmtui.model.gpt import GPT, GPTConfig, initial_gpt

TEXT = "for print in range(printers):\n    print(printed)\n    return the printer\n" * 9
FREE, GREEDY = Sampling(1.0, 0, 1.0), Sampling(0.0)


@pytest.fixture(scope="module")
def tokenizer() -> BpeTokenizer:
    return BpeTokenizer(train_bpe([TEXT], 290), end=True)


@pytest.fixture(scope="module")
def model(tokenizer: BpeTokenizer) -> GPT:
    return initial_gpt(GPTConfig(tokenizer.n_vocab, 1, 2, 16, 16, 0.0, copy_head=True), 3).eval()


@pytest.mark.parametrize(
    "prompt", ["print", "a pri", "range(pr", "x\n    ", "x\n", "end.", "p", "the print", "é", "naï"]
)
def test_its_last_word_is_taken_back_and_stands_in_the_text_again(
    tokenizer: BpeTokenizer, model: GPT, prompt: str
) -> None:
    ids, word = read_prompt(tokenizer, prompt)
    assert word is not None
    assert tokenizer.decode(ids) + word.left.decode() == prompt
    assert np.array_equal(read_prompt(tokenizer, prompt).all_ids(), tokenizer.encode_prompt(prompt))
    for seed in range(6):
        batch = Batch(model, apart=True)
        row = batch.join(read_prompt(tokenizer, prompt), FREE, seed)
        text = DrawnText(tokenizer, word)
        added = ""
        for _ in range(12):
            (token,) = batch.step().tokens.tolist()
            added += text.add(token)
        assert row.word is None
        assert tokenizer.decode(row.text.numpy()).startswith(prompt)
        assert tokenizer.decode(row.text.numpy()) == prompt + added + text.rest()


@pytest.mark.parametrize("n_vocab", [257, 258, 259])
def test_it_is_taken_back_however_short_the_longest_token_is(n_vocab: int) -> None:
    tokenizer = BpeTokenizer(train_bpe([TEXT], n_vocab), end=True)
    assert 1 < tokenizer.token_lengths.max() <= 4
    ids, word = read_prompt(tokenizer, "the pri")
    assert word is not None
    assert (tokenizer.decode(ids), word.left) == ("the", b" pri")


def test_probabilities_are_those_of_tokens_that_spell_it(tokenizer: BpeTokenizer, model: GPT) -> None:
    prompt = read_prompt(tokenizer, "the pri")
    assert prompt.word is not None
    plain, draw = (next(generate(model, [one], 1, FREE, [1])) for one in (prompt.ids, prompt))
    p, q = plain.probabilities[0], draw.probabilities[0]
    spell = torch.tensor([spells(tokenizer.token_bytes(i), b" pri") for i in range(tokenizer.n_vocab)])
    assert 2 < spell.sum() < 20
    assert (q[~spell] == 0).all()
    assert torch.allclose(q[spell], p[spell] / p[spell].sum())


def spells(token: bytes, word: bytes) -> bool:
    return token != b"" and (token[: len(word)] == word or word[: len(token)] == token)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([b"t", b"the pr", b" print", b" printers and", b"\xff", b"\xe6\x97"]) | st.binary(min_size=1))
def test_what_spells_it_is_found_among_all_tokens(tokenizer: BpeTokenizer, left: bytes) -> None:
    for one in (tokenizer, gpt2_tokenizer(end=True)):
        expected = [i for i in range(one.n_vocab) if spells(one.token_bytes(i), left)]
        assert BegunWord(left, one).possible().nonzero()[:, 0].tolist() == expected


def test_rows_that_began_no_word_are_as_they_would_be_alone(tokenizer: BpeTokenizer, model: GPT) -> None:
    begun, whole = read_prompt(tokenizer, "the pri"), Prompt(tokenizer.encode("the print").astype(np.int64))
    together = list(generate(model, [begun, whole], 5, FREE, [1, 2]))
    alone = list(generate(model, [whole], 5, FREE, [2]))
    assert [int(draw.tokens[1]) for draw in together[:5]] == [int(draw.tokens[0]) for draw in alone]


def test_tokens_that_only_spell_the_word_do_not_count(tokenizer: BpeTokenizer, model: GPT) -> None:
    """A person who asks for n tokens is given n that go on with the prompt, and texts that end earlier are not cut."""
    within = set()
    for seed in range(30):
        prompt = read_prompt(tokenizer, "the print")
        text, n = DrawnText(tokenizer, prompt.word), 0
        for draw in generate(model, [prompt], 3, FREE, [seed]):
            n += 1
            text.add(int(draw.tokens[0]))
        assert text.n_tokens == 3
        within.add(n - 3)
        settings = Settings(1.0, 0, 1.0, seed, 3)
        tokens = list(stream(model, tokenizer, Request("the print", settings)))
        assert len(tokens) == 3
        kept = list(stream(model, tokenizer, Request("the print", settings, kept=tuple(tokens[:-1]))))
        assert [token.id for token in kept[:-1]] == [token.id for token in tokens[:-1]]
        assert len(kept) == 3
    assert len(within) > 1


def test_words_are_finished_in_proportion_to_how_likely_they_are(tokenizer: BpeTokenizer, model: GPT) -> None:
    prompt = read_prompt(tokenizer, "the pri")
    draw = next(generate(model, [prompt], 1, FREE, [0]))
    drawn = Counter(int(next(generate(model, [prompt], 1, FREE, [seed])).tokens[0]) for seed in range(400))
    for token, p in enumerate(draw.probabilities[0].tolist()):
        assert drawn[token] / 400 == pytest.approx(p, abs=4 * (p * (1 - p) / 400) ** 0.5 + 1e-9)


@pytest.mark.parametrize(
    ("tokenizer", "prompt"),
    [
        (BpeTokenizer(train_bpe([TEXT], 290), end=False), "the"),  # nothing would be left
        (gpt2_tokenizer(), "the pri"),
        (ByteTokenizer(end=True), "the pri"),
        (BpeTokenizer([], end=True), "the pri"),
        (CharacterTokenizer("äöü中", end=True), "the pri"),
        (BpeTokenizer(train_bpe([TEXT], 290), end=True), ""),
        (BpeTokenizer(train_bpe([TEXT], 290), end=True), "x" * 300),
        (BpeTokenizer(train_bpe([TEXT], 290), end=True), "half a \ud83d"),
    ],
    ids=["all of it", "gpt2", "bytes", "no merges", "characters", "empty", "too long", "half a character"],
)
def test_what_begins_no_word_is_read_as_it_is(tokenizer: Tokenizer, prompt: str) -> None:
    assert read_prompt(tokenizer, prompt).word is None
    assert np.array_equal(read_prompt(tokenizer, prompt).ids, tokenizer.encode_prompt(prompt))


def test_gpt2s_words_are_taken_back_where_documents_end() -> None:
    ids, word = read_prompt(gpt2_tokenizer(end=True), "import nump")
    assert word is not None
    assert (gpt2_tokenizer().decode(ids[1:]), word.left) == ("import", b" nump")
    found = {gpt2_tokenizer().token_bytes(i) for i in word.possible().nonzero()[:, 0].tolist()}
    assert found == {b" ", b" n", b" nu", b" num"}  # and "py", after " num"


def test_the_text_of_a_completion_is_what_goes_on(tokenizer: BpeTokenizer, model: GPT) -> None:
    for seed in range(4):
        text = "".join(complete(model, tokenizer, "the pri", 10, FREE, seed))
        tokens = list(stream(model, tokenizer, Request("the pri", Settings(1.0, 0, 1.0, seed, 10))))
        assert "".join(token.text for token in tokens) == text
        assert not text.startswith("pri")
        assert tokens[0].origin is None
        assert tokens[-1].origin is not None


def test_what_cannot_come_is_no_choice(tokenizer: BpeTokenizer, model: GPT, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as the end of the document, within a word that was begun."""
    monkeypatch.setattr("slmtui.inference.streaming.CHOICES", tokenizer.n_vocab)
    first, *_ = stream(model, tokenizer, Request("the print", Settings(1.0, 0, 1.0, 0, 3)))
    assert all(choice.p > 0 and choice.text for choice in first.choices)


def test_a_completion_branches_off_within_the_word(tokenizer: BpeTokenizer, model: GPT) -> None:
    before = set()
    for seed in range(8):
        settings = Settings(1.0, 0, 1.0, seed, 8)
        tokens = list(stream(model, tokenizer, Request("the print", settings)))
        before.add(tokens[0].within)
        for place in range(3):
            for choice in tokens[place].choices:
                if choice.text != "<end>":
                    kept = branch(tokens, place, choice)
                    again = list(stream(model, tokenizer, Request("the print", settings, kept=kept)))
                    assert [token.id for token in again[: place + 1]] == [token.id for token in kept]
                    drawn = [i for token in again for i in (*token.within, token.id)]
                    text = tokenizer.decode([*read_prompt(tokenizer, "the print").ids, *drawn])
                    assert text == "the print" + "".join(token.text for token in again)
    assert len(before) > 2


def test_a_word_that_no_token_is_likely_for_is_spelled_all_the_same(
    tokenizer: BpeTokenizer, model: GPT, monkeypatch: pytest.MonkeyPatch
) -> None:
    likely = torch.zeros(tokenizer.n_vocab)
    likely[[0, 1]] = -1e4  # which rounds to a probability of 0
    monkeypatch.setattr(_Reader, "_logits", lambda *_: likely[None])
    batch = Batch(model, apart=True)
    row = batch.join(Prompt(np.array([5]), BegunWord(b"\x00\x01", tokenizer)), GREEDY, 0)
    batch.step()
    batch.step()
    assert row.text.tolist() == [5, 0, 1]
