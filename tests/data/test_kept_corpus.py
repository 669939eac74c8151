"""A large corpus is read once, and again when any of its files has changed."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

import slmtui.data.kept_corpus as kept
from slmtui.data.corpus import Corpus, open_corpus
from slmtui.data.documents import DocumentForm
from slmtui.data.errors import DataError

PUBLISHED = DocumentForm(join="published")
RECORDS = DocumentForm(field="text")


@pytest.fixture
def text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with all that a corpus can tell of: a blank file, a binary one, wrong bytes, a secret, marks."""
    monkeypatch.setattr(kept, "KEPT_FROM", 1)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "text"
    folder.mkdir()
    for i in range(5):
        (folder / f"{i}.py").write_text(f"value_{i} = {i}\n" * 20)
    (folder / "bl\udcffank.py").write_text(" \n")
    (folder / "binary.py").write_bytes(b"\0\1\2" * 100)
    (folder / "wrong.txt").write_bytes(b"caf\xc3\xa9 " * 4000 + b"\xff\n")
    (folder / "latin.txt").write_bytes("über, für, größer\n".encode("cp1252") * 20)
    (folder / "secret.py").write_text('password = "kJ8x2Lq9vR4t"\n<|endoftext|>\n')
    (folder / "records.jsonl").write_text('{"text": "one"}\n{"text": \n{"text": "two"}\n')
    settled(folder)
    return folder


def settled(folder: Path) -> None:
    """The files have not been changed for an hour."""
    for path in folder.iterdir():
        os.utime(path, (time.time() - 3600, time.time() - 3600))


def unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on, no corpus can be read."""
    monkeypatch.setattr("slmtui.data.corpus._read_files", None)


def opened(text: Path, form: DocumentForm | None = None) -> Corpus:
    return open_corpus(text) if form is None else open_corpus(text, form=form)


@pytest.mark.parametrize("form", [None, PUBLISHED, RECORDS, DocumentForm(separator="<|endoftext|>")])
def test_it_is_the_same_the_second_time(text: Path, form: DocumentForm | None, monkeypatch: pytest.MonkeyPatch) -> None:
    first = opened(text, form)
    unread(monkeypatch)
    assert opened(text, form) == first
    assert [chunk.texts for chunk in first.chunks()] == [chunk.texts for chunk in opened(text, form).chunks()]


def test_a_file_alone(text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = opened(text / "0.py")
    unread(monkeypatch)
    assert opened(text / "0.py") == first


def test_it_is_another_from_another_folder_but_the_same_by_another_name(
    text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(text)
    monkeypatch.chdir(text.parent)
    unread(monkeypatch)
    corpus = opened(Path("text"))
    assert (corpus.source, corpus.files[0].path) == ("text", Path("text/0.py"))
    text.rename("moved")
    with pytest.raises(TypeError):  # it would be read
        opened(Path("moved"))


@pytest.mark.parametrize("change", ["content", "name", "more", "fewer"])
def test_a_changed_one_is_read_again(text: Path, change: str) -> None:
    before = opened(text)
    if change == "content":
        (text / "0.py").write_text("value_9 = 9\n" * 20)  # of the same size
    elif change == "name":
        (text / "0.py").rename(text / "zero.py")
    elif change == "more":
        (text / "9.py").write_text("value_9 = 9\n")
    else:
        (text / "0.py").unlink()
    after = opened(text)
    assert after.files != before.files
    assert change == "name" or after.fingerprint != before.fingerprint


def test_one_that_has_just_been_changed_is_not_kept(text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (text / "0.py").write_text("value = 1\n")
    opened(text)
    unread(monkeypatch)
    with pytest.raises(TypeError):
        opened(text)


def test_what_is_kept_is_not_needed(text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = opened(text)
    (path,) = (tmp_path / "cache").rglob("*.json")
    for content in (b"", b"{}", b"[1, 2]", b"\xff\xfe", path.read_bytes()[:-40]):
        path.write_bytes(content)
        assert opened(text) == first
    monkeypatch.setattr(kept, "make_room", full)
    path.unlink()
    assert opened(text) == first
    assert not path.exists()


def full(_: Path, __: int) -> None:
    raise OSError("no room")


def test_a_file_that_changes_after_it_was_opened_is_told_of(text: Path) -> None:
    opened(text)
    corpus = opened(text)
    (text / "0.py").write_text("changed\n")
    with pytest.raises(DataError, match="changed while it was being read"):
        list(corpus.chunks())
