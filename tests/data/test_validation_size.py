"""A validation side of so many tokens at most, however long the text and its documents are."""

from __future__ import annotations

from pathlib import Path

import pytest

from slmtui.config.errors import PhaseError
from slmtui.config.phase_file import parse_phase
from slmtui.data.corpus import open_corpus
from tests.data.documents_of import dataset, sides
from tests.data.test_corpus import write

KINDS = ["gpt2", "gpt2-compact", "bpe"]


@pytest.fixture
def essays(tmp_path: Path) -> Path:
    """Twenty documents of 50 GPT-2 tokens each."""
    return write(tmp_path / "essays", {f"{i:02}.txt": " a" * 50 for i in range(20)})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("split", ["contiguous", "by-document"])
def test_fewer_documents_are_held_back_and_the_others_train(tmp_path: Path, kind: str, split: str) -> None:
    folder = write(tmp_path / "essays", {f"{i:02}.txt": f" {chr(97 + i)}" * 50 for i in range(20)})
    train, val = sides(dataset(open_corpus(folder), kind=kind, train_fraction=0.5, split=split, validation_size=102))
    assert (len(train), len(val)) == (18, 2)
    assert not set(train) & set(val)


def test_a_long_document_is_cut_and_its_rest_is_on_no_side(essays: Path) -> None:
    built = dataset(open_corpus(essays), validation_size=20)
    train, val = sides(built)
    assert train == [" a" * 50] * 19
    assert val == [" a" * 20]
    assert "validation is the first 20 GPT-2 tokens of that (data.validation_size)" in built.notes
    assert [file.side for file in built.files] == ["train"] * 19 + ["val"]


def test_named_files_are_cut_too(essays: Path) -> None:
    train, val = sides(dataset(open_corpus(essays), validation=("0[12].txt",), validation_size=71))
    assert len(train) == 18
    assert val == [" a" * 50, " a" * 20]  # the end of a document between them is one of the tokens


def test_of_a_single_document_the_end_validates(tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text(" a" * 900 + " b" * 100)
    train, val = sides(dataset(open_corpus(tmp_path / "one.txt"), validation_size=40))
    assert (train, val) == ([" a" * 900 + " b" * 60], [" b" * 40])


def test_a_side_that_is_smaller_anyway_stays_as_it_was(essays: Path) -> None:
    with_it, without = (dataset(open_corpus(essays), validation_size=size) for size in (10_000, None))
    assert with_it.fingerprint == without.fingerprint
    assert with_it.notes == without.notes


def test_a_test_side_is_not_touched(essays: Path) -> None:
    built = dataset(open_corpus(essays), test_fraction=0.1, validation_size=20)
    assert built.test is not None
    assert built.test.n_text_tokens == 100
    assert built.val.n_text_tokens == 20


def test_the_published_form_has_none() -> None:
    with pytest.raises(PhaseError, match=r'validation_size: has no meaning with join = "published"'):
        parse_phase('[phase]\nname = "x"\n[data]\njoin = "published"\nvalidation_size = 100\n')
