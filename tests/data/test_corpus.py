"""What becomes part of a corpus, as what, and what is left out."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import slmtui.data.text_file as text_file
from slmtui.data.corpus import Corpus, open_corpus
from slmtui.data.documents import Chunk, DocumentForm
from slmtui.data.errors import DataError
from slmtui.data.published import FOOTER, split_sections


def write(folder: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def published(
    source: str | Path | Sequence[str | Path], include: Sequence[str] = (), exclude: Sequence[str] = ()
) -> Corpus:
    """A corpus in the published form."""
    return open_corpus(source, include=include, exclude=exclude, form=DocumentForm(join="published"))


def text_of(corpus: Corpus) -> str:
    return "".join(text for chunk in corpus.chunks() for text in chunk.texts)


def names(corpus: Corpus) -> list[str]:
    return [file.name for file in corpus.files]


def skipped(corpus: Corpus) -> dict[str, str]:
    return {item.path: item.reason for item in corpus.skipped}


def test_a_folder_is_joined_in_the_order_of_its_paths(tmp_path: Path) -> None:
    write(tmp_path, {"b.py": "b\n", "a/z.py": "z", "a.py": "", "a/y/x.txt": "x\n"})
    corpus = published(tmp_path)
    assert names(corpus) == ["a.py", "a/y/x.txt", "a/z.py", "b.py"]
    expected = [("a.py", ""), ("x.txt", "x\n"), ("z.py", "z"), ("b.py", "b\n")]
    assert text_of(corpus) == "".join(f"\n# File: {name}\n{text}{FOOTER}" for name, text in expected)
    assert FOOTER == "\n==================================================\n"


def test_byte_order_mark_and_line_ends(tmp_path: Path) -> None:
    write(tmp_path, {"a.txt": b"\xef\xbb\xbfone\r\ntwo\rthree\n"})
    assert text_of(published(tmp_path / "a.txt")) == "one\ntwo\nthree\n"


def test_a_line_end_across_two_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_file, "_READ", 1)
    write(tmp_path, {"a.txt": "é\r\n日\r\n".encode()})
    assert text_of(published(tmp_path / "a.txt")) == "é\n日\n"


def test_what_is_no_text_is_skipped_and_reported(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "good.py": "x = 1\n",
            "noise.txt": bytes(range(1, 256)) * 40,
            "image.png": b"\x89PNG\0\0",
            ".hidden": "x",
            ".git/config": "x",
        },
    )
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "nowhere").symlink_to("missing")
    corpus = published(tmp_path)
    assert names(corpus) == ["good.py"]
    reasons = skipped(corpus)
    assert reasons["noise.txt"].startswith("not UTF-8: 5,120 bytes (the first: 0x80, line 2, offset 127)")
    assert reasons["image.png"] == "binary: a PNG image"
    assert reasons[".hidden"] == reasons[".git"] == "hidden"
    assert reasons["pipe"] == "neither a file nor a folder"
    assert reasons["nowhere"] == "a broken link"


def test_a_file_found_to_be_no_text_leaves_no_trace(tmp_path: Path) -> None:
    write(tmp_path, {"one/a.py": "a", "one/b.bin": b"b" * 10 + b"\0", "two/a.py": "a"})
    assert published(tmp_path / "one").fingerprint == published(tmp_path / "two").fingerprint


def test_an_unreadable_file_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"a.py": "a", "b.py": "b"})
    original = Path.open

    def refuse(self: Path, mode: str) -> object:
        if self.name == "a.py":
            raise PermissionError(13, "Permission denied")
        return original(self, mode)

    monkeypatch.setattr(Path, "open", refuse)
    corpus = published(tmp_path)
    assert names(corpus) == ["b.py"]
    assert skipped(corpus) == {"a.py": "cannot be read: Permission denied"}


def test_links(tmp_path: Path) -> None:
    write(tmp_path, {"elsewhere/far.py": "far", "root/real/a.py": "a", "root/z.py": "z"})
    root = tmp_path / "root"
    (root / "a_link.py").symlink_to("real/a.py")
    (root / "b_link").symlink_to("real")
    (root / "real" / "up").symlink_to("..")
    (root / "slash").symlink_to("/")
    (root / "self").symlink_to("self")
    (root / "out").symlink_to("../elsewhere")
    (root / "back").symlink_to("../elsewhere/back")
    (tmp_path / "elsewhere" / "back").symlink_to("../root")
    corpus = published(root)
    assert names(corpus) == ["out/far.py", "real/a.py", "z.py"]
    reasons = skipped(corpus)
    assert reasons["a_link.py"] == "same as real/a.py"
    assert reasons["b_link"] == "same as real"
    for loop in ("real/up", "slash", "back", "out/back"):
        assert reasons[loop] == "a link back to a folder that contains it"
    assert reasons["self"] == "a broken link"


def test_gitignore(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            ".gitignore": "*.log\nbuild/\n/only_here.py\n# comment\n",
            "a.py": "a",
            "a.log": "log",
            "only_here.py": "x",
            "build/x.py": "x",
            "sub/.gitignore": "!keep.log\nsecret.py\n",
            "sub/keep.log": "kept",
            "sub/drop.log": "dropped",
            "sub/secret.py": "s",
            "sub/only_here.py": "there",
            "other/secret.py": "not secret",
        },
    )
    corpus = published(tmp_path)
    assert names(corpus) == ["a.py", "other/secret.py", "sub/keep.log", "sub/only_here.py"]
    ignored = [path for path, reason in skipped(corpus).items() if reason == "ignored by .gitignore"]
    assert ignored == ["a.log", "build", "only_here.py", "sub/drop.log", "sub/secret.py"]


def test_a_gitignore_that_is_no_gitignore_is_reported(tmp_path: Path) -> None:
    write(tmp_path, {".gitignore": "!\n", "a.py": "a"})
    corpus = published(tmp_path)
    assert names(corpus) == ["a.py"]
    assert skipped(corpus)[".gitignore"].startswith("not applied: ")


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        (["*.py"], [], ["a.py", "docs/c.py", "test/d.py"]),
        (["*.py", "!/test/*"], [], ["a.py", "docs/c.py"]),
        (["docs/"], [], ["docs/b.md", "docs/c.py"]),
        ([], ["test/", "*.md"], ["a.py", "docs/c.py"]),
        (["/*.py"], [], ["a.py"]),
        (["**/*.py"], ["/a.py"], ["docs/c.py", "test/d.py"]),
    ],
)
def test_patterns(tmp_path: Path, include: list[str], exclude: list[str], expected: list[str]) -> None:
    write(tmp_path, {"a.py": "a", "docs/b.md": "b", "docs/c.py": "c", "test/d.py": "d"})
    corpus = published(tmp_path, include=include, exclude=exclude)
    assert names(corpus) == expected
    assert corpus.skipped == ()


def test_a_file_name_cannot_break_the_text(tmp_path: Path) -> None:
    write(tmp_path, {"a\n# File: b.py": "a"})
    (tmp_path / os.fsdecode(b"\xff.py")).write_text("b")
    corpus = published(tmp_path)
    assert names(corpus) == ["a\ufffd# File: b.py", "\ufffd.py"]
    assert "\n# File: a\ufffd# File: b.py\n" in text_of(corpus)


def test_several_sources(tmp_path: Path) -> None:
    write(tmp_path, {"one/a.py": "a", "two/a.py": "b", "c.md": "# File: inner.py\nc"})
    corpus = published([tmp_path / "one", tmp_path / "two", tmp_path / "c.md", tmp_path / "one"])
    assert names(corpus) == ["one/a.py", "two/a.py", (tmp_path / "c.md").as_posix()]
    assert [file.header for file in corpus.files] == [
        "\n# File: a.py\n",
        "\n# File: a.py\n",
        "\n# File: c.md\n",
    ]


def test_one_file_is_used_as_it_is(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "import os\n"})
    corpus = published([str(tmp_path / "a.py")])
    assert text_of(corpus) == "import os\n"
    assert names(corpus) == ["a.py"]
    assert corpus.files[0].lines_before == 0


def test_a_joined_text_knows_its_files(tmp_path: Path) -> None:
    write(tmp_path, {"folder/a.py": "a = 1\n", "folder/b.py": "", "folder/c.py": "a = 1\n"})
    folder = published(tmp_path / "folder")
    (tmp_path / "joined.txt").write_text(text_of(folder))
    joined = published(tmp_path / "joined.txt")
    assert names(joined) == names(folder)
    assert joined.fingerprint == folder.fingerprint
    assert list(joined.chunks()) == list(folder.chunks())
    assert [file.lines_before for file in joined.files] == [2, 2, 2]
    assert joined.files[0].content_hash == joined.files[2].content_hash != joined.files[1].content_hash


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# File: a\nx", [("a", "# File: a\nx", 1)]),
        ("# File: a", [("a", "# File: a", 1)]),
        ("\n\n \n# File: a\nx", [("a", "\n\n \n# File: a\nx", 4)]),
        ("hello\n# File: a\nx", [("j.txt", "hello", 0), ("a", "\n# File: a\nx", 2)]),
        ("x\n # File: a\n#File: b\ny # File: c\n", [("j.txt", "x\n # File: a\n#File: b\ny # File: c\n", 0)]),
        ("# File: a\n# File: b\n", [("a", "# File: a", 1), ("b", "\n# File: b\n", 2)]),
    ],
)
def test_sections(tmp_path: Path, text: str, expected: list[tuple[str, str, int]]) -> None:
    (tmp_path / "j.txt").write_text(text)
    corpus = published(tmp_path / "j.txt")
    assert names(corpus) == [name for name, _, _ in expected]
    assert list(corpus.chunks()) == [Chunk(i, (part,), (), ends=False) for i, (_, part, _) in enumerate(expected)]
    assert [file.lines_before for file in corpus.files] == [lines for _, _, lines in expected]
    assert [file.preamble for file in corpus.files] == [i == 0 and text[0] == "h" for i in range(len(expected))]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from(["\n", "# File: ", "name", " ", "x" * 600, "\n# File: a.py\n"]), max_size=25),
    st.integers(1, 50),
)
def test_sections_do_not_depend_on_how_the_text_arrives(parts: list[str], size: int) -> None:
    text = "".join(parts)
    chunks = [text[i : i + size] for i in range(0, len(text), size)]

    def merged(chunks: list[str]) -> list[list[str | None]]:
        sections: list[list[str | None]] = []
        for name, part in split_sections(chunks):
            if name is None and sections and sections[-1][0] is None:
                sections[-1][1] = f"{sections[-1][1]}{part}"
            else:
                sections.append([name, part])
        return sections

    assert merged(chunks) == merged([text])
    assert "".join(str(part) for _, part in merged(chunks)) == text


def test_a_corpus_that_changes_meanwhile_is_not_read_on(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "a", "b.py": "b"})
    corpus = published(tmp_path)
    (tmp_path / "b.py").write_text("longer")
    with pytest.raises(DataError, match=r"b\.py: changed while"):
        text_of(corpus)
    (tmp_path / "b.py").unlink()
    with pytest.raises(DataError, match=r"b\.py: cannot be read"):
        text_of(corpus)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("missing", "missing: no such file or folder"),
        ("nul\0name", "no such file or folder"),
        ("~nobody_has_this_name/x", "no such file or folder"),
        ("empty.txt", r"empty\.txt: the corpus is empty"),
        ("blank.txt", r"blank\.txt: the corpus is empty"),
        ("picture.png", r"picture\.png: binary"),
        ("noise.txt", r"noise\.txt: not UTF-8"),
        ("hollow", "hollow: no text file to train on"),
        ("empties", "empties: the corpus is empty: no text in its 2 files"),
        ("pipe", "pipe: neither a file nor a folder"),
        (["blank.txt", "missing"], "missing: no such file or folder"),
        ([], "the corpus has no source"),
    ],
)
def test_what_cannot_be_a_corpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str | list[str], message: str
) -> None:
    write(
        tmp_path,
        {
            "empty.txt": "",
            "blank.txt": " \n\n",
            "picture.png": b"\x89\0",
            "noise.txt": bytes(range(1, 256)) * 40,
            "hollow/.hidden": "x",
            "empties/a.py": "",
            "empties/b.py": "\n",
        },
    )
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=message):
        published(source)


def test_patterns_that_match_nothing_say_so(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "a"})
    with pytest.raises(DataError, match="check the patterns"):
        published(tmp_path, include=["*.rs"])
    write(tmp_path / "binary", {"a.bin": b"\0\1"})
    with pytest.raises(DataError, match=r"no text file to train on; skipped:\n  a\.bin: binary"):
        published(tmp_path / "binary")


def test_a_bad_pattern_says_which(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "a"})
    with pytest.raises(DataError, match="exclude: not a valid"):
        published(tmp_path, exclude=["!"])
