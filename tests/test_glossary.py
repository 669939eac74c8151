"""One glossary: the page is made from it, the docs use its words, and the console finds them on its screens."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from slmtui.glossary import GLOSSARY, glossary_page, words_in

ROOT = Path(__file__).parents[1]
KNOWN = {form.lower() for word in GLOSSARY for form in (word.word, *word.shown)}


def test_the_page_is_up_to_date() -> None:
    page = (ROOT / "docs/glossary.md").read_text()
    assert page == glossary_page(), "run `python -m slmtui.glossary > docs/glossary.md`"


@pytest.mark.parametrize(
    ("page", "heading"), [("README.md", "## Reading the numbers"), ("docs/first-hour.md", "# Your first hour")]
)
def test_what_the_docs_explain_is_a_word_of_the_glossary(page: str, heading: str) -> None:
    text = (ROOT / page).read_text().partition(f"{heading}\n")[2]
    text = text.partition("\n## Installation")[0]
    explained = {word.lower().removesuffix("s") for word in re.findall(r"\*\*([^*]+)\*\*", text)}
    assert len(explained) >= 8
    assert explained <= {word.removesuffix("s") for word in KNOWN}


def test_a_word_stands_for_one_thing_and_is_explained_in_whole_sentences() -> None:
    forms = Counter(form.lower() for word in GLOSSARY for form in (word.word, *word.shown))
    assert [form for form, count in forms.items() if count > 1] == []
    for word in GLOSSARY:
        assert word.meaning.endswith("."), word
        assert word.use.endswith(".") or not word.use, word


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("gap −0.13 excellent  1.38 b/byte", ["gap", "verdict", "bits per byte"]),
        ("┈ 7-gram 3.00  evaluations", ["bar", "evaluation"]),
        ("repeats of training    96 %", ["leakage", "training"]),
        ("stopgap gapped best-of", []),
        ("the trace of it, a command", []),  # of the code alone
    ],
)
def test_the_words_of_a_text_are_found_in_their_order(text: str, words: list[str]) -> None:
    assert [word.word for word in words_in(text)] == words
