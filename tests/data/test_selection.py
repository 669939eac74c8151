"""Which patterns take a file in or leave it out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from slmtui.config.data_section import DataSection
from slmtui.data.corpus import open_corpus
from slmtui.data.errors import DataError
from slmtui.data.folder import Skipped
from slmtui.data.selection import Selection, left_out_by_patterns, take_in, take_out
from tests.data.test_corpus import names, write


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "notes", {"a.txt": "a", "b[1].txt": "b", "sub/c.txt": "c", ".hidden.txt": "h", "yarn.lock": "y"})
    write(tmp_path / "more", {"a.txt": "another"})
    return tmp_path


def section(**data: Any) -> DataSection:
    return DataSection.model_validate({"source": "notes", **data})


def used(data: DataSection, selection: Selection) -> list[str]:
    return names(open_corpus(data.source, include=selection.include, exclude=selection.exclude))


def left_out(data: DataSection) -> dict[str, Skipped]:
    corpus = open_corpus(data.source, include=data.include, exclude=data.exclude)
    return {item.path: item for item in (*corpus.skipped, *left_out_by_patterns(data))}


def with_selection(data: DataSection, selection: Selection) -> DataSection:
    return data.model_copy(update={"include": selection.include, "exclude": selection.exclude})


@pytest.mark.parametrize("name", ["a.txt", "b[1].txt", "sub/c.txt"])
def test_a_file_is_left_out_and_taken_in_again(name: str) -> None:
    data = section()
    out = take_out(data, name)
    assert out.exclude == ("/" + name.replace("[", "\\["),)
    assert used(data, out) == sorted({"a.txt", "b[1].txt", "sub/c.txt"} - {name})
    then = with_selection(data, out)
    assert left_out(then)[name].reason == "data.exclude names it"
    assert take_in(then, left_out(then)[name]) == Selection((), ())


@pytest.mark.parametrize("name", [".hidden.txt", "yarn.lock"])
def test_what_a_rule_leaves_out_is_taken_in_and_left_out_again(name: str) -> None:
    data = section()
    in_ = take_in(data, left_out(data)[name])
    assert name in used(data, in_)
    assert take_out(with_selection(data, in_), name) == Selection((), ())


def test_patterns_of_a_person_are_kept() -> None:
    data = section(include=["*.txt"], exclude=["a*"])
    assert set(left_out(data)) == {".hidden.txt", "a.txt", "yarn.lock"}
    assert take_in(data, left_out(data)["a.txt"]) == Selection(("*.txt",), ("a*", "!/a.txt"))
    data = section(include=["sub/"])
    assert left_out(data)["a.txt"].reason == "data.include does not name it"
    assert take_in(data, left_out(data)["a.txt"]) == Selection(("sub/", "/a.txt"), ())


def test_what_no_pattern_can_do_is_said() -> None:
    data = section(exclude=["sub/"])
    with pytest.raises(DataError, match="a folder above it is left out"):
        take_in(data, left_out(data)["sub/c.txt"])
    with pytest.raises(DataError, match="binary; no pattern takes it in"):
        take_in(section(), Skipped("photo.jpg", "binary"))
    with pytest.raises(DataError, match="no file of a folder"):
        take_out(section(source="notes/a.txt"), "a.txt")


def test_of_several_folders_the_right_one_is_meant() -> None:
    data = section(source=["notes", "more"])
    assert used(data, take_out(data, "notes/sub/c.txt")) == ["notes/a.txt", "notes/b[1].txt", "more/a.txt"]


def test_a_namesake_in_another_folder_is_not_meant() -> None:
    data = section(source=["notes", "more"])
    assert take_out(data, "more/a.txt").exclude == ("/more/a.txt",)
    assert used(data, take_out(data, "more/a.txt")) == ["notes/a.txt", "notes/b[1].txt", "notes/sub/c.txt"]
    then = with_selection(data, take_out(data, "notes/a.txt"))
    assert names(open_corpus(then.source, exclude=then.exclude)) == ["notes/b[1].txt", "notes/sub/c.txt", "more/a.txt"]
    assert take_in(then, left_out(then)["notes/a.txt"]) == Selection((), ())
    hidden = take_in(data, left_out(data)["notes/.hidden.txt"])
    assert hidden.exclude == ("!/notes/.hidden.txt",)
    assert "notes/.hidden.txt" in used(data, hidden)


def test_folders_of_the_same_name_are_told_apart(folder: Path) -> None:
    write(folder, {"one/src/a.txt": "first", "two/src/a.txt": "second"})
    data = section(source=["one/src", "two/src", "more"])
    assert names(open_corpus(data.source)) == ["one/src/a.txt", "two/src/a.txt", "more/a.txt"]
    assert used(data, take_out(data, "one/src/a.txt")) == ["two/src/a.txt", "more/a.txt"]
