"""data.dedupe: documents that repeat an earlier one are left out, and it is said how many."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slmtui.config.phase_file import PhaseError, parse_phase
from slmtui.data import dedupe
from slmtui.data.corpus import open_corpus
from slmtui.data.dataset import Dataset, DatasetSettings, build_dataset
from slmtui.data.documents import DocumentForm
from slmtui.data.errors import DataError
from slmtui.data.inspection import inspect_corpus
from tests.data.test_corpus import write

WORDS = [f"word{i}" for i in range(16)]


def text(first: int, last_word: str = "end") -> str:
    """Thirty-two words; another `last_word` makes it a near-duplicate."""
    return " ".join(f"{word} {first + i}" for i, word in enumerate(WORDS * 2)) + f" {last_word}\n"


def settings(**others: object) -> DatasetSettings:
    return DatasetSettings(kind="bytes", dedupe=True, **others)  # type: ignore[arg-type]


def kept(dataset: Dataset) -> list[str]:
    sides = [side for side in (dataset.train, dataset.val, dataset.test) if side is not None]
    texts = [one for side in sides for one in dataset.tokenizer.decode(side.tokens, "\0").split("\0")]
    return [one for one in texts if one]


TEXTS = [text(0), text(500), text(0), text(0, "END"), text(900), text(500)]
ONCE = [text(0), text(500), text(900)]
SAID = "dedupe left out 3 of 6 {} that repeat an earlier one (2 identical, 1 nearly: {} is like {}), "


@pytest.mark.parametrize("split", ["contiguous", "by-document"])
def test_of_copies_the_first_is_kept(tmp_path: Path, split: str) -> None:
    write(tmp_path, {f"{i}.txt": one for i, one in enumerate(TEXTS)})
    dataset = build_dataset(open_corpus(tmp_path), settings(split=split))
    assert sorted(kept(dataset)) == sorted(ONCE)
    assert dataset.notes[0].startswith(SAID.format("files", "3.txt", "0.txt"))
    assert "of 3 files" in dataset.notes[1]
    assert [file.side != "" for file in dataset.files] == [True, True, False, False, True, False]
    assert [file.side for file in inspect_corpus(open_corpus(tmp_path), settings(split=split)).file_tokens].count(
        ""
    ) == 3


@pytest.mark.parametrize(
    ("name", "form", "content"),
    [
        ("a.jsonl", DocumentForm(field="text"), "".join(json.dumps({"text": one}) + "\n" for one in TEXTS)),
        ("a.txt", DocumentForm(documents="lines"), "".join(TEXTS)),
        ("a.txt", DocumentForm(separator="%%"), "%%".join(TEXTS)),
    ],
)
def test_documents_of_every_kind(tmp_path: Path, name: str, form: DocumentForm, content: str) -> None:
    write(tmp_path, {name: content})
    dataset = build_dataset(open_corpus(tmp_path / name, form=form), settings())
    assert [one.strip() for one in kept(dataset)] == [one.strip() for one in ONCE]
    assert dataset.notes[0].startswith(SAID.format("documents", f"{name}:4", f"{name}:1"))


def test_short_documents_that_differ_in_a_word_are_no_copies(tmp_path: Path) -> None:
    texts = [f"The capital of the country with the {i} hills is a city of {i} gates, by the sea.\n" for i in range(9)]
    write(tmp_path, {"a.txt": "".join([*texts, texts[0]])})
    dataset = build_dataset(open_corpus(tmp_path, form=DocumentForm(documents="lines")), settings())
    assert kept(dataset) == [one.rstrip("\n") for one in texts]
    assert "(1 identical, 0 nearly)" in dataset.notes[0]


def test_a_test_file_that_repeats_training_text_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, {f"{i}.txt": one for i, one in enumerate(TEXTS)})
    dataset = build_dataset(open_corpus(tmp_path), settings(test=("3.txt", "4.txt")))
    assert dataset.test is not None
    assert dataset.tokenizer.decode(dataset.test.tokens) == text(900)


def test_of_too_many_documents_only_identical_ones_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, {f"{i}.txt": one for i, one in enumerate(TEXTS)})
    monkeypatch.setattr(dedupe, "DOCUMENT_LIMIT", 3)
    dataset = build_dataset(open_corpus(tmp_path), settings())
    assert kept(dataset) == [text(0), text(500), text(0, "END"), text(900)]
    assert "2 of 6 files that repeat an earlier one (2 identical)" in dataset.notes[0]
    assert "near-duplicates are looked for among 3 files" in dataset.notes[0]


def test_a_corpus_of_copies_has_too_few_to_split(tmp_path: Path) -> None:
    write(tmp_path, {f"{i}.txt": text(0) for i in range(3)})
    with pytest.raises(DataError, match="a split by document needs 2 different documents"):
        build_dataset(open_corpus(tmp_path), settings(split="by-document"))
    assert "".join(kept(build_dataset(open_corpus(tmp_path), settings()))) == text(0)  # a single document is cut


def test_the_published_form_has_no_documents_to_leave_out() -> None:
    with pytest.raises(PhaseError, match=r'dedupe.*has no meaning with join = "published"'):
        parse_phase('[phase]\nname = "a"\n[data]\njoin = "published"\ndedupe = true\n', "a.toml")
