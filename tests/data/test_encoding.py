"""In which encoding a file is read, what is said of it, and that no byte is lost."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

import slmtui.data.text_file as text_file
from slmtui.config.phase_file import PhaseError, parse_phase
from slmtui.data.corpus import Corpus, open_corpus
from slmtui.data.dataset import DatasetSettings, build_dataset
from slmtui.data.documents import DocumentForm
from slmtui.data.encoding import Encoding, WrongBytes, find_encoding, to_bytes
from slmtui.data.errors import DataError
from slmtui.data.text_file import NotText
from tests.data.test_corpus import skipped, text_of, write

RUSSIAN = "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему.\n"
FRENCH = "Le café était fermé à midi, où l'élève créait une étrange forêt. Ça ne plaît guère aux âmes naïves.\n"
JAPANESE = "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。\n"
POLISH = "Zażółć gęślą jaźń. Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw.\n"
ASCII = b"a line of plain text\n"


def one_file(folder: Path, content: bytes, encoding: str = "auto") -> Corpus:
    return open_corpus(write(folder, {"a.txt": content}) / "a.txt", form=DocumentForm(encoding=encoding))


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_a_byte_order_mark_decides(tmp_path: Path, codec: str) -> None:
    mark = "\ufeff" if codec[-2:] in ("le", "be") else ""
    corpus = one_file(tmp_path, (mark + "ein Fluß 🙂\r\nzwei").encode(codec))
    assert text_of(corpus) == "ein Fluß 🙂\nzwei"
    assert corpus.files[0].encoding.notes == ()


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        ("café", "cp1252"), ("café" * 20, "cp1252"), ("déjà vu à la crème\n", "cp1252"),
        (FRENCH, "cp1252"), (FRENCH, "mac_roman"), (RUSSIAN, "cp1251"), (RUSSIAN, "koi8_r"),
        (POLISH, "cp1250"), (POLISH, "iso8859_2"), (JAPANESE, "cp932"), (JAPANESE * 9, "euc_jp"),
    ],
)  # fmt: skip
def test_what_is_not_utf_8_is_guessed_and_the_guess_is_said(tmp_path: Path, text: str, codec: str) -> None:
    corpus = one_file(tmp_path, text.encode(codec))
    assert text_of(corpus) == text
    assert corpus.files[0].encoding.notes == (f"read as {codec}, a guess; data.encoding can name another",)


def test_a_phase_overrides_the_guess(tmp_path: Path) -> None:
    turkish = "Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar.\n"
    corpus = one_file(tmp_path, turkish.encode("cp1254"), "cp1254")
    assert text_of(corpus) == turkish
    assert corpus.files[0].encoding == Encoding("cp1254", "phase")
    assert text_of(one_file(tmp_path, turkish.encode("utf-16-le"), "utf-16-le")) == turkish


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", [RUSSIAN, FRENCH, "plain words, in English\n"])
def test_utf_16_without_a_mark_is_recognised(tmp_path: Path, codec: str, text: str) -> None:
    corpus = one_file(tmp_path, text.encode(codec))
    assert text_of(corpus) == text
    assert corpus.files[0].encoding == Encoding(codec, "guess")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (ASCII * 3 + b"one\0more\n" + ASCII * 3, "text, but for 1 NUL byte (line 4); take it out"),
        (RUSSIAN.encode() * 9 + b"\0\n\0", "text, but for 2 NUL bytes (the first: line 10); take them out"),
        (ASCII * 9 + b"\0\1", "binary: contains a NUL byte"),
        (b"a\0\1\0" * 40, "binary: contains a NUL byte"),
    ],
)
def test_where_a_text_has_nul_bytes_is_said(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(DataError) as error:
        one_file(tmp_path, content)
    assert str(error.value) == f"{tmp_path / 'a.txt'}: {reason}"


def test_an_encoding_that_a_phase_names_makes_no_text_of_what_is_none(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"a.txt": "café".encode("cp1252"), "b.png": b"\x89PNG\r\n\x1a\n" + b"abc" * 100, "c.o": b"\x7fELF\0\1"},
    )
    corpus = open_corpus(tmp_path, form=DocumentForm(encoding="cp1252"))
    assert skipped(corpus) == {"b.png": "binary: a PNG image", "c.o": "binary: contains a NUL byte"}
    assert text_of(corpus) == "café"


@pytest.mark.parametrize("codec", ["utf-16", "utf-32"])
def test_a_file_without_the_mark_that_its_encoding_needs_is_no_text(tmp_path: Path, codec: str) -> None:
    write(tmp_path, {"a.txt": "with a mark".encode(codec), "b.txt": b"plain ASCII, no mark"})
    corpus = open_corpus(tmp_path, form=DocumentForm(encoding=codec))
    assert text_of(corpus) == "with a mark"
    reason = skipped(corpus)["b.txt"]
    assert reason.startswith(f"not {codec.upper()}: ")
    assert reason.endswith("; data.encoding can name another encoding")
    with pytest.raises(DataError, match=rf"b\.txt: not {codec.upper()}: "):
        open_corpus(tmp_path / "b.txt", form=DocumentForm(encoding=codec))


def test_one_wrong_byte_in_a_large_file_is_kept_counted_and_placed(tmp_path: Path) -> None:
    content = ASCII * 50_000 + b"here:\xff\n" + ASCII * 550_000  # 12 MB
    path = write(tmp_path, {"a.txt": content}) / "a.txt"
    tracemalloc.start()
    corpus = open_corpus(path)
    read = sum(len(to_bytes(text)) for chunk in corpus.chunks() for text in chunk.texts)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert read == len(content)
    assert peak < 8e6
    (note,) = corpus.files[0].encoding.notes
    assert note == "not UTF-8: 1 byte (0xff, line 50,001, offset 1,050,005), kept as such"


def test_bytes_that_are_kept_are_tokens_of_their_own_and_come_back(tmp_path: Path) -> None:
    content = ("größer\n" * 20).encode() + b"\xe9t\xe9\n" + ("kleiner, schöner\n" * 20).encode()
    for kind in ("gpt2", "gpt2-compact", "bpe", "characters", "bytes"):
        corpus = one_file(tmp_path, content)
        dataset = build_dataset(corpus, DatasetSettings(kind=kind, vocab_size=300))
        decoded = [dataset.tokenizer.decode_bytes(side.tokens) for side in (dataset.train, dataset.val)]
        assert b"".join(decoded) == content
    assert corpus.files[0].encoding.wrong == WrongBytes(2, 21, 180, 0xE9)


@pytest.mark.parametrize("n_bytes", [1, 2, 3, 7])
def test_the_place_does_not_depend_on_how_a_file_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_bytes: int
) -> None:
    monkeypatch.setattr(text_file, "_READ", n_bytes)
    path = write(tmp_path, {"a": ("日本語\n" * 10).encode() + b"\xe6\x97\n" + "日本語\n".encode()}) / "a"
    assert find_encoding(path) == Encoding("utf-8", wrong=WrongBytes(2, 11, 100, 0xE6))


def test_wrong_bytes_of_other_encodings(tmp_path: Path) -> None:
    corpus = one_file(tmp_path, "\ufeff日\n".encode("utf-16-le") + b"\x00\xd8\n\0", "auto")
    assert text_of(corpus).startswith("日\n")
    assert corpus.files[0].encoding.notes == ("not UTF-16: 1 byte (line 2), kept as such",)


@pytest.mark.parametrize(
    "content", [bytes(range(1, 256)) * 40, b"\x89PNG\r\n\x1a\n\0\0", b"text\0text", b"%PDF-1.7\nall of it is ASCII\n"]
)
def test_what_is_no_text_is_refused_with_a_reason(tmp_path: Path, content: bytes) -> None:
    path = write(tmp_path, {"a.bin": content, "b.txt": "b"}) / "a.bin"
    with pytest.raises(
        NotText, match=r"binary: (contains a NUL byte|a PNG image|a PDF)|not UTF-8: .* data\.encoding can name it"
    ):
        find_encoding(path)
    assert list(skipped(open_corpus(tmp_path))) == ["a.bin"]


def test_records_keep_their_bytes_too(tmp_path: Path) -> None:
    lines = b'{"text": "sch\xc3\xb6n, gr\xc3\xbcn"}\n' * 30 + b'{"text": "\xff \\ud83d"}\n'
    write(tmp_path, {"a.jsonl": lines})
    corpus = open_corpus(tmp_path, form=DocumentForm(field="text"))
    texts = [text for chunk in corpus.chunks() for text in chunk.texts]
    assert texts[-1] == "\udcff \ufffd"


def test_data_encoding_is_an_encoding_of_files(tmp_path: Path) -> None:
    phase = '[phase]\nname = "x"\n[data]\nencoding = "{}"\n'
    assert parse_phase(phase.format("latin-1")).data.encoding == "iso8859-1"
    for name in ("nope", "base64", "rot13", "idna", "unicode_escape"):
        with pytest.raises(PhaseError, match=r'data\.encoding.*not an encoding.*"auto" or the name of a codec'):
            parse_phase(phase.format(name))


def test_a_file_without_text_is_empty_in_every_encoding(tmp_path: Path) -> None:
    for mark in (b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\xff\xfe\0\0"):
        with pytest.raises(DataError, match="the corpus is empty"):
            one_file(tmp_path, mark)
