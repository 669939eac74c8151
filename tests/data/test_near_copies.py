"""Which documents are near-copies of which, and on which sides they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from slmtui.data import near_copies as near
from slmtui.data.corpus import open_corpus
from slmtui.data.dataset import DatasetSettings, build_dataset
from slmtui.data.documents import DocumentForm
from slmtui.data.near_copies import near_copies
from tests.data.test_corpus import write

STORY = " ".join(f"The {i}th sentence tells of {i * 7} ships." for i in range(40))
OTHER = " ".join(f"{i} birds flew over {i + 3} houses, and sang." for i in range(40))


def test_a_near_copy_is_named_with_what_it_is_like(tmp_path: Path) -> None:
    write(tmp_path, {"a.txt": STORY, "b.txt": OTHER, "c.txt": STORY.replace("39th", "last")})
    dataset = build_dataset(open_corpus(tmp_path), DatasetSettings(kind="gpt2", validation=("c.txt",)))
    copies = near_copies(dataset, one_document_a_file=True)
    (found,) = copies.pairs
    assert copies.note == ""
    assert (found.copy, found.of, found.copy_side, found.of_side) == ("c.txt", "a.txt", "val", "train")
    assert found.across
    assert 0.9 < found.similarity < 1


def test_records_are_named_with_their_line(tmp_path: Path) -> None:
    write(tmp_path, {"all.txt": "\n".join([OTHER, STORY, "short", STORY, "end", "and"])})
    corpus = open_corpus(tmp_path, form=DocumentForm(documents="lines"))
    dataset = build_dataset(corpus, DatasetSettings(kind="bytes", train_fraction=0.98))
    (found,) = near_copies(dataset, one_document_a_file=False).pairs
    assert (found.copy, found.of, found.similarity, found.across) == ("all.txt:4", "all.txt:2", 1.0, False)


def test_what_is_not_compared_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"a.txt": STORY, "b.txt": OTHER, "c.txt": STORY})
    dataset = build_dataset(open_corpus(tmp_path), DatasetSettings(kind="gpt2", validation=("c.txt",)))
    monkeypatch.setattr(near, "COMPARED_TOKENS", 700)
    n_train = len(dataset.train.tokens)
    first = f"near-copies looked for in the first 700 of {n_train:,} training tokens"
    assert near_copies(dataset, one_document_a_file=True).note == first
    monkeypatch.setattr(near, "DOCUMENT_LIMIT", 1)
    assert near_copies(dataset, one_document_a_file=True).note == f"{first}, only among 1 of 2 different documents"
