"""Sides: whole documents, chosen by their place, by a share or by a person, and no text on two of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from slmtui.data.corpus import open_corpus
from slmtui.data.errors import DataError
from tests.data.documents_of import KINDS, dataset, documents, sides
from tests.data.test_corpus import write


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("split", ["contiguous", "by-document"])
def test_no_document_is_on_both_sides_and_none_is_lost(poems: Path, kind: str, split: str) -> None:
    corpus = open_corpus(poems)
    built = dataset(corpus, kind=kind, vocab_size=300, split=split)
    train, val = sides(built)
    assert sorted(train + val) == sorted(documents(corpus))
    assert len(val) == 2
    assert built.train.n_bytes + built.val.n_bytes == sum(len(text.encode()) for text in documents(corpus))
    assert built.train.n_text_tokens == len(built.train.tokens) - len(train)
    assert built.n_documents == 20


def test_sides_that_a_person_chooses(poems: Path) -> None:
    built = dataset(open_corpus(poems), validation=("0[12].txt",), test=("03.txt",))
    train, val = sides(built)
    assert val == [(poems / name).read_text() for name in ("01.txt", "02.txt")]
    assert len(train) == 17
    assert built.test is not None
    assert built.tokenizer.decode(built.test.tokens) == (poems / "03.txt").read_text()
    assert built.locate("test", 0) == ("03.txt", 1)
    with pytest.raises(
        DataError, match=r"data\.validation: no file of .* matches nothing\.txt; its files: 00\.txt, 01"
    ):
        dataset(open_corpus(poems), validation=("nothing.txt",))
    with pytest.raises(DataError, match=r"01\.txt is named by data\.validation and by data\.test"):
        dataset(open_corpus(poems), validation=("01.txt",), test=("01.txt",))


def test_the_test_side_is_kept_out_of_the_rest(poems: Path) -> None:
    built = dataset(open_corpus(poems), test=("03.txt",), kind="gpt2-compact")
    train, val = sides(built)
    assert len(train) + len(val) == 19
    assert (poems / "03.txt").read_text() not in train + val


@pytest.mark.parametrize("split", ["contiguous", "by-document"])
@pytest.mark.parametrize("named", [(), ("00.txt",)])
def test_a_share_for_the_test_is_of_whole_documents(poems: Path, split: str, named: tuple[str, ...]) -> None:
    built = dataset(open_corpus(poems), split=split, test_fraction=0.2, train_fraction=0.75, validation=named)
    assert built.test is not None
    train, val = sides(built)
    test = [text for text in built.tokenizer.decode(built.test.tokens, "\0").split("\0") if text]
    assert sorted(train + val + test) == sorted(path.read_text() for path in poems.iterdir())
    sizes = [sum(map(len, side)) for side in (test, val, train)]
    assert sizes[0] / sum(sizes) == pytest.approx(0.2, abs=0.06)
    assert named or sizes[1] / sum(sizes) == pytest.approx(0.2, abs=0.06)  # a quarter of the rest
    if split == "contiguous" and not named:
        assert train + val + test == sorted(
            train + val + test, key=[p.read_text() for p in sorted(poems.iterdir())].index
        )


def test_a_single_document_is_cut_in_three(tmp_path: Path) -> None:
    text = "".join(f"line {number}\n" for number in range(200))
    (tmp_path / "a.txt").write_text(text)
    built = dataset(open_corpus(tmp_path / "a.txt"), kind="bytes", test_fraction=0.2, train_fraction=0.5)
    assert built.test is not None
    parts = [built.tokenizer.decode(side.tokens, "") for side in (built.train, built.val, built.test)]
    assert "".join(parts) == text
    assert [len(part) / len(text) for part in parts] == pytest.approx([0.4, 0.4, 0.2], abs=0.04)
    assert built.locate("test", 0)[1] == 1 + "".join(parts[:2]).count("\n")


def test_copies_are_on_one_of_three_sides_and_too_few_documents_are_refused(tmp_path: Path) -> None:
    texts = [f"poem {number} of its own, {number * 7}\n" for number in range(6)]
    write(tmp_path, {f"{number}{twin}.txt": text for number, text in enumerate(texts) for twin in "ab"})
    built = dataset(open_corpus(tmp_path), split="by-document", test_fraction=0.3, train_fraction=0.5)
    assert built.test is not None
    parts = [set(built.tokenizer.decode(side.tokens, "\0").split("\0")) - {""} for side in built.sides]
    assert sum(map(len, parts)) == len(texts)
    write(tmp_path / "few", {"a.txt": texts[0], "b.txt": texts[1], "c.txt": texts[1]})
    with pytest.raises(DataError, match=r"needs 3 different documents \(found 3, 2 different\)"):
        dataset(open_corpus(tmp_path / "few"), split="by-document", test_fraction=0.3)
    with pytest.raises(DataError, match=r"1 for test, at least 2 are needed"):
        dataset(open_corpus(tmp_path / "few" / "a.txt"), test_fraction=0.1, train_fraction=0.5)


def test_a_share_that_whole_documents_cannot_give_is_said(tmp_path: Path) -> None:
    write(tmp_path, {"a.txt": "first text of some length\n", "b.txt": "second text that is as long as the first\n"})
    (note,) = dataset(open_corpus(tmp_path)).notes
    assert "(10% were asked for, but no file is cut; name files with data.validation to choose)" in note


def test_copies_of_a_document_are_on_one_side(tmp_path: Path) -> None:
    write(tmp_path, {f"{i:02}.txt": f"text {i // 2} and again text {i // 2}" for i in range(40)})
    train, val = sides(dataset(open_corpus(tmp_path), split="by-document"))
    assert val
    assert not set(train) & set(val)


@pytest.mark.parametrize("kind", KINDS)
def test_a_side_has_a_token_to_predict_that_is_text(tmp_path: Path, kind: str) -> None:
    write(tmp_path, {"a.py": "some = text\n" * 100, "z.py": "x"})
    with pytest.raises(DataError, match="too few to split: 1 for validation, at least 2 are needed"):
        dataset(open_corpus(tmp_path), kind=kind, vocab_size=300)
    (tmp_path / "b.py").write_text("other = text\n" * 100)
    with pytest.raises(DataError, match="too few to split: 1 for test, at least 2 are needed"):
        dataset(open_corpus(tmp_path), kind=kind, vocab_size=300, test=("z.py",))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"test": ("*",)}, r"nothing is left to train on: data\.test takes all documents; name fewer files"),
        (
            {"test": ("a.txt",), "dedupe": True, "validation": ("c.txt", "b.txt")},
            r"nothing is left to train on: data\.validation and data\.test take all documents but copies; name fewer",
        ),
        (
            {"test": ("c.txt",), "dataset_size": 50},
            r"data\.test: c\.txt is not in the dataset: data\.dataset_size ends before it; raise or unset it",
        ),
        ({"validation": ("e.txt",)}, r"data\.validation: e\.txt is not in the dataset: it holds no text; name other"),
        (
            {"validation": ("d.txt",), "dedupe": True},
            r"data\.validation: dedupe left out all that d\.txt matches, because it repeats earlier documents",
        ),
    ],
)
def test_files_that_cannot_be_a_side_are_refused_with_the_cause(
    tmp_path: Path, settings: dict[str, object], message: str
) -> None:
    texts = {f"{name}.txt": " ".join(f"{name}{i * 7}" for i in range(60)) for name in "abc"}
    corpus = open_corpus(write(tmp_path, {**texts, "d.txt": texts["a.txt"], "e.txt": ""}))
    with pytest.raises(DataError, match=message):
        dataset(corpus, **settings)
