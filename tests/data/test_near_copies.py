"""Which documents are near-copies of which, and on which sides they are."""

from __future__ import annotations

from pathlib import Path

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
    (found,) = near_copies(dataset, one_document_a_file=True)
    assert (found.copy, found.of, found.copy_side, found.of_side) == ("c.txt", "a.txt", "val", "train")
    assert found.across
    assert 0.9 < found.similarity < 1


def test_records_are_named_with_their_line(tmp_path: Path) -> None:
    write(tmp_path, {"all.txt": "\n".join([OTHER, STORY, "short", STORY, "end", "and"])})
    corpus = open_corpus(tmp_path, form=DocumentForm(documents="lines"))
    dataset = build_dataset(corpus, DatasetSettings(kind="bytes", train_fraction=0.98))
    (found,) = near_copies(dataset, one_document_a_file=False)
    assert (found.copy, found.of, found.similarity, found.across) == ("all.txt:4", "all.txt:2", 1.0, False)
