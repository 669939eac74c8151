"""Samples and what is said of them."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slmtui.data.dataset import Dataset
from slmtui.data.text_index import TextIndex
from slmtui.insight.judging import quality
from slmtui.insight.judging.counts import Rates
from slmtui.insight.judging.quality import Judge, rates
from tests.insight.corpora import prose_dataset, python_dataset


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    return Judge.build(python_dataset(tmp_path_factory.mktemp("python")))


@pytest.fixture(scope="module")
def prose(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    return Judge.build(prose_dataset(tmp_path_factory.mktemp("prose")))


def test_a_corpus_is_python_if_its_files_parse(python: Judge, prose: Judge) -> None:
    assert python.is_python
    assert not prose.is_python


@pytest.mark.parametrize(
    ("prompt", "text", "label"),
    [
        ("def ", "", "gibberish"),
        ("import ", "shelvginggingging tickload( ourweath zzz ) ]", "gibberish"),
        ("def ", "total total total total total total total total total total", "gibberish"),
        ("def load", " tickets shelf for path with line\nreturn total ticket in\nfor", "fragments"),
        ("def main():", "\n    totaltotal = 1\n    for ticket in tickets:\n        return total\n", "fragments"),
        ("def main():", "\n    for i in range(10):\n        print(i * 2)\n", "syntax"),
        ("def main():", "\n    tickets = load_tickets_1('x')\n    for ticket in tickets:\n        print(", "domain"),
    ],
)
def test_labels_of_python(python: Judge, prompt: str, text: str, label: str) -> None:
    assert python(prompt, text).label == label


def test_made_up_names_keep_a_program_from_being_of_the_domain(python: Judge) -> None:
    judgement = python(
        "def main():", "\n    crank = tickets(blorp)\n    for glimp in range(3):\n        print(total)\n"
    )
    assert judgement.parses
    assert judgement.names == ("tickets", "total")
    assert judgement.made_up == ("crank", "blorp", "glimp")
    assert judgement.label == "syntax"


def test_a_name_of_the_prompt_is_only_counted_where_the_model_completed_it(python: Judge) -> None:
    judgement = python("shelving = load_", "tickets_1(blorp) ")
    assert judgement.names == ("load_tickets_1",)
    assert judgement.made_up == ("blorp",)


def test_a_word_that_the_cut_shortened_is_not_made_up(python: Judge) -> None:
    assert python("", "total = ticket.weigh").made_up == ()
    assert python("", "total = ticket.weigh ").made_up == ("weigh",)


def test_a_copy_is_found_with_its_file_and_line(python: Judge) -> None:
    text = "\n    total = 0\n    for ticket in tickets:\n        if ticket.shelf == shelf and not ticket.closed:\n"
    judgement = python("def blorp(glimp):", text)
    assert judgement.label == "copy"
    assert judgement.copied_tokens == judgement.longest_copy == judgement.tokens == 21
    assert judgement.copied_text == text
    file, _, line = judgement.copied_from.partition(":")
    assert re.fullmatch(r"shop_\d\d.py", file)
    assert line == "11"  # the line whose end the copy begins with


def test_less_than_16_tokens_are_how_a_language_goes(python: Judge) -> None:
    judgement = python("", "    total = 0\n    for ticket in tickets:\n")
    assert judgement.longest_copy == judgement.tokens == 8
    assert judgement.copied_tokens == 0
    assert judgement.label != "copy"


@pytest.mark.parametrize(
    "vocabulary",
    [
        {"kind": "gpt2"}, {"kind": "gpt2-compact"}, {"kind": "bpe", "vocab_size": 300},
        {"kind": "bpe", "vocab_size": 1_000}, {"kind": "characters"}, {"kind": "bytes"},
    ],
    ids=lambda vocabulary: "-".join(map(str, vocabulary.values())),
)  # fmt: skip
def test_a_copy_is_as_much_text_in_any_vocabulary(vocabulary: dict[str, Any], tmp_path: Path) -> None:
    judge = Judge.build(python_dataset(tmp_path, **vocabulary))
    long = "\n    total = 0\n    for ticket in tickets:\n        if ticket.shelf == shelf and not ticket.closed:\n"
    short = "\n    total = 0\n    for ticket in tickets:\n"  # 8 tokens of GPT-2, 28 bytes that are not white space
    copied, usual = judge("def blorp(glimp):", long), judge("def blorp(glimp):", short)
    assert (copied.label, copied.copied_tokens) == ("copy", copied.tokens)
    assert (usual.label != "copy", usual.copied_tokens, usual.longest_copy) == (True, 0, usual.tokens)
    ids = judge.dataset.tokenizer.encode(long).tolist()
    (span,) = judge.copied_spans(ids)
    assert span.length == copied.longest_copy >= judge.shortest_copy
    assert judge.copied_spans(judge.dataset.tokenizer.encode(short).tolist()) == ()
    if vocabulary["kind"] in ("gpt2", "gpt2-compact"):
        assert judge.shortest_copy == 16  # whatever the text: the published numbers rest on it


def test_sixteen_bytes_are_no_copy(tmp_path: Path) -> None:
    judge = Judge.build(python_dataset(tmp_path, kind="bytes"))
    judgement = judge("", "    with open(path) as file: glimp")
    assert 16 < judgement.longest_copy < judgement.shortest_copy
    assert judgement.copied_tokens == 0


@settings(deadline=None, max_examples=25)
@given(start=st.integers(0, 500), length=st.integers(0, 40), seed=st.integers(0, 9))
def test_copied_tokens_are_those_in_long_runs(python: Judge, start: int, length: int, seed: int) -> None:
    """Against a slow search: the sample is two pieces of training text, each copied or not according to length."""
    train = python.dataset.train.tokens.tolist()
    text = python.dataset.tokenizer.decode(train[start : start + length] + train[seed * 7 : seed * 7 + 9])
    judgement = python("", text)
    tokens = python.dataset.tokenizer.encode(text).tolist()
    solid = [not python.dataset.tokenizer.token_bytes(token).isspace() for token in tokens]
    inside = set[int]()
    for i in range(len(tokens)):
        for j in range(i + 16, len(tokens) + 1):
            if sum(solid[i:j]) >= 16 and any(train[k : k + j - i] == tokens[i:j] for k in range(len(train))):
                inside |= {at for at in range(i, j) if solid[at]}
    assert judgement.copied_tokens == len(inside)
    spans = python.copied_spans(tokens)
    assert {at for span in spans for at in range(span.start, span.stop) if solid[at]} == inside
    assert all(span.length == sum(solid[span.start : span.stop]) >= 16 for span in spans)


def test_the_line_between_two_files_is_neither_wrong_nor_a_repetition(python: Judge) -> None:
    judgement = python("# File:", " shop_00.py\nimport shelving\n\n" + "=" * 50 + "\n\n# File: shop_99.py\n")
    assert judgement.parses
    assert judgement.distinct > 0.9


@pytest.mark.parametrize(
    ("text", "label"),
    [
        (" keeper of the harbour wrote down what the lighthouse did (in autumn). He lit the tea.", "domain"),
        (" zorgle of blenk wrote frump the splod did quibble a ", "gibberish"),
        (" keeper of the zorgle) wrote down what the weather did", "fragments"),
        (" keeper zorgle of the lighthouse frump wrote down what the weather did", "fragments"),
        (" wind wind wind wind wind wind wind wind wind wind wind wind wind", "gibberish"),
    ],
)
def test_labels_of_prose(prose: Judge, text: str, label: str) -> None:
    judgement = prose("The", text)
    assert judgement.label == label
    assert judgement.parses is None


def test_a_judgement_survives_the_log(python: Judge) -> None:
    judgement = python("def ", "load_tickets_1(path):\n    return blorp").to_dict()
    assert json.loads(json.dumps(judgement)) == judgement


def test_rates(python: Judge, prose: Judge) -> None:
    good = python("", "total = 0\n")
    copied = replace(good, tokens=40, copied_tokens=30)
    broken = replace(good, parses=False, tokens=20, copied_tokens=0)
    good = replace(good, tokens=40, copied_tokens=0)
    result = rates([good, copied, broken])
    assert result == Rates(samples=3, parse_rate=2 / 3, copied_share=0.3, labels={good.label: 3})
    assert rates([]).parse_rate is None
    assert rates([]).copied_share is None
    assert rates([prose("The", " wind")]).parse_rate is None


def test_words_of_a_large_corpus_come_from_blocks_all_over_it(python: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quality, "INDEXED_TOKENS", 1_000)
    monkeypatch.setattr(quality, "_BLOCK", 100)
    judge = Judge.build(python.dataset)
    assert len(judge.index.suffixes) == 1_000
    assert len(python.words) / 4 < len(judge.words & python.words) < len(python.words)


def test_fast_enough_for_every_evaluation(python: Judge) -> None:
    """On an index of a million tokens; 10 ms are aimed at, and the slack is for a busy machine."""
    text: Dataset = python.dataset
    tokens = np.random.default_rng(0).zipf(1.3, 1_000_000) % 5_000
    tokens[-len(text.train.tokens) :] = text.train.tokens
    train = replace(text.train, tokens=tokens)
    judge = replace(python, index=TextIndex.build(tokens), dataset=replace(text, train=train))
    sample = text.tokenizer.decode(text.train.tokens[300:360])
    seconds = []
    for _ in range(20):
        begin = time.process_time()
        judge("", sample)
        seconds.append(time.process_time() - begin)
    assert min(seconds) < 0.03
