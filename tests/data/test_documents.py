"""Documents: files, lines, records and sections; what stands between them is neither text nor counted."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from slmtui.cli import main
from slmtui.config.limits import Join
from slmtui.config.phase_file import PhaseError, parse_phase
from slmtui.data.corpus import open_corpus
from slmtui.data.dataset import DatasetSettings
from slmtui.data.documents import DocumentForm
from slmtui.data.inspection import inspect_corpus
from slmtui.data.split_stats import dataset_baseline, dataset_leakage
from slmtui.data.tokenizer import tokenizer_from_state
from slmtui.training.events import Evaluation
from slmtui.training.hardware import choose_machine
from slmtui.training.prepare import prepare_dataset
from slmtui.training.state import Training
from slmtui.training.trainer import train
from tests.data.documents_of import KINDS, LINES, dataset, documents, sides
from tests.data.test_corpus import skipped, write


def test_nothing_of_ours_is_in_the_text(poems: Path) -> None:
    inspection = inspect_corpus(open_corpus(poems), DatasetSettings(kind="gpt2"))
    texts = [path.read_text() for path in sorted(poems.iterdir())]
    assert inspection.characters == sum(map(len, texts))
    assert (inspection.lines, inspection.files, inspection.documents) == (40, 20, 20)
    built = dataset(open_corpus(poems))
    assert "# File" not in built.tokenizer.decode(built.train.tokens)
    assert inspection.train_tokens + inspection.val_tokens == inspection.tokens


def test_a_folder_of_one_file_is_that_file(tmp_path: Path) -> None:
    write(tmp_path / "folder", {"a.txt": "some text of one file, and more of it\n" * 40})
    folder, file = (dataset(open_corpus(path)) for path in (tmp_path / "folder", tmp_path / "folder/a.txt"))
    assert folder.fingerprint == file.fingerprint
    assert folder.files == file.files


def test_headers_that_a_text_brings_along_are_text(tmp_path: Path) -> None:
    text = "\n# File: a.py\na = 1\n" + "=" * 50 + "\n# File: b.py\nb = 2\n"
    (tmp_path / "joined.txt").write_text(text)
    assert documents(open_corpus(tmp_path / "joined.txt")) == [text]


def test_a_single_document_is_cut_and_a_place_in_it_keeps_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("".join(f"line {i}\n" for i in range(1, 101)))
    built = dataset(open_corpus(tmp_path / "a.txt"), train_fraction=0.5)
    text = built.tokenizer.decode(built.val.tokens)
    assert text.startswith("line 51")
    assert built.locate("val", 0) == ("a.txt", 51)
    last = len(built.val.tokens) - 2  # before the end of the document
    assert built.locate("val", last) == ("a.txt", 100)
    assert not len(built.train.ends)
    assert built.val.ends.tolist() == [len(built.val.tokens) - 1]


@pytest.mark.parametrize("kind", KINDS)
def test_places_in_lines_records_and_files(tmp_path: Path, kind: str) -> None:
    rows = [json.dumps({"text": f"record {i}\nsecond line"}) for i in range(1, 31)]
    write(tmp_path, {"a.jsonl": "\n".join(rows), "b.jsonl": "\n\n" + "\n".join(rows)})
    built = dataset(open_corpus(tmp_path, form=DocumentForm(field="text")), kind=kind, vocab_size=280)
    assert built.n_documents == 60
    assert built.locate("train", 0) == ("a.jsonl", 1)
    second = int(built.train.ends[0]) + 1
    assert built.locate("train", second) == ("a.jsonl", 2)
    assert built.locate("val", len(built.val.tokens) - 1) == ("b.jsonl", 32)
    lines = dataset(open_corpus(tmp_path, form=LINES), kind=kind, vocab_size=280)
    assert lines.locate("val", len(lines.val.tokens) - 1) == ("b.jsonl", 32)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("join", get_args(Join))
def test_a_vocabulary_survives_its_state(poems: Path, kind: str, join: Join) -> None:
    tokenizer = dataset(open_corpus(poems, form=DocumentForm(join=join)), kind=kind, vocab_size=300).tokenizer
    again = tokenizer_from_state(tokenizer.state())
    assert (again.fingerprint, again.end, again.n_vocab) == (tokenizer.fingerprint, tokenizer.end, tokenizer.n_vocab)
    assert (tokenizer.end is None) == (join == "published")
    if tokenizer.end is not None:
        assert tokenizer.token_bytes(tokenizer.end) == b""
        text = "<|endoftext|> is a text, é 日本 too"
        assert tokenizer.end not in tokenizer.encode(text).tolist()
        assert tokenizer.decode(tokenizer.encode(text)) == text


def test_a_bpe_vocabulary_has_the_size_that_was_asked_for(poems: Path) -> None:
    for form in (DocumentForm(), DocumentForm(join="published")):
        corpus = open_corpus(poems, form=form)
        assert dataset(corpus, kind="bpe", vocab_size=270).tokenizer.n_vocab == 270


def test_no_pair_is_learned_across_documents(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("emma\n" * 200)
    tokenizer = dataset(open_corpus(tmp_path / "names.txt", form=LINES), kind="bpe", vocab_size=300).tokenizer
    tokens = {tokenizer.token_bytes(i) for i in range(256, tokenizer.n_vocab)}
    assert b"emma" in tokens
    assert not any(b"ae" in token for token in tokens)


def test_characters_of_several_bytes_are_one_token_and_unknown_ones_are_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("жук и жаба " * 30)
    tokenizer = dataset(open_corpus(tmp_path / "a.txt"), kind="characters").tokenizer
    assert len(tokenizer.encode("жаба")) == 4
    assert len(tokenizer.encode("щ日🙂a")) == 2 + 3 + 4 + 1
    assert tokenizer.decode(tokenizer.encode("жщ日🙂a")) == "жщ日🙂a"


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        (LINES, "a\n\n  \nb", ["a", "b"]),
        (DocumentForm(separator="<|endoftext|>"), "a\n<|endoftext|>b<|endoftext|>\n", ["a\n", "b"]),
        (DocumentForm(separator="\n\n"), "a\nb\n\nc", ["a\nb", "c"]),
        (DocumentForm(separator="\r\n---\r\n"), "a\r\n---\r\nb\n---\nc", ["a", "b", "c"]),
        (DocumentForm(separator="\r\r"), "a\r\rb", ["a", "b"]),
        (DocumentForm(separator="zz"), "no such thing", ["no such thing"]),
    ],
)
def test_lines_and_sections(tmp_path: Path, form: DocumentForm, text: str, expected: list[str]) -> None:
    (tmp_path / "a.txt").write_text(text)
    assert documents(open_corpus(tmp_path / "a.txt", form=form)) == expected


@pytest.mark.parametrize("read", [1, 2, 3, 7])
def test_sections_do_not_depend_on_how_the_text_arrives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: int
) -> None:
    monkeypatch.setattr("slmtui.data.text_file._READ", read)
    (tmp_path / "a.txt").write_text("eins<|>zwei\r\ndrei<|><|>é<|")
    assert documents(open_corpus(tmp_path, form=DocumentForm(separator="<|>"))) == ["eins", "zwei\ndrei", "é<|"]


@pytest.mark.parametrize("read", [1, 3, 1 << 19])
@pytest.mark.parametrize(("end", "n"), [("<|>", 0), ("<|", 1), ("\r\n<|", 1)])
def test_a_separator_that_stands_nowhere_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: int, end: str, n: int
) -> None:
    monkeypatch.setattr("slmtui.data.text_file._READ", read)
    write(tmp_path, {"a.txt": f"one text{end}", "b.txt": "another text"})
    said = ('data.separator: "<|>" stands nowhere in the text',) * n
    assert open_corpus(tmp_path, form=DocumentForm(separator="<|>")).notes == said


def test_long_documents_come_in_parts(tmp_path: Path) -> None:
    long = "word " * 400_000
    (tmp_path / "a.txt").write_text(f"{long}\nshort")
    assert documents(open_corpus(tmp_path / "a.txt", form=LINES)) == [long, "short"]
    built = dataset(open_corpus(tmp_path / "a.txt", form=LINES), kind="bytes")
    assert sides(built) == ([long], ["short"])


def test_a_limit_counts_text_and_cuts_the_last_document(poems: Path) -> None:
    whole, built = dataset(open_corpus(poems)), dataset(open_corpus(poems), dataset_size=50)
    assert built.train.n_text_tokens + built.val.n_text_tokens == 50
    n = len(built.train.tokens)
    assert np.array_equal(whole.train.tokens[:n], built.train.tokens)


def test_repeats_do_not_go_across_documents(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("\n".join(["one two three four five six"] * 20))
    built = dataset(open_corpus(tmp_path / "a.txt", form=LINES), split="contiguous")
    shared = dataset_leakage(built)
    assert shared.longest == len(built.tokenizer.encode("one two three four five six"))
    assert shared.repeated_share == 0.0


def same_text_thrice(folder: Path) -> list[Path]:
    """A text as one file, as a folder of that file, and as a folder of 1,000 files."""
    chosen = random.Random(1)
    words = ["".join(chosen.choices("etaoinshrdlu", k=chosen.randint(2, 8))) for _ in range(300)]
    lines = [" ".join(chosen.choices(words, range(300, 0, -1), k=8)) + "\n" for _ in range(10_000)]
    share = len(lines) // 1000
    write(folder / "alone", {"one.txt": "".join(lines)})
    write(folder / "many", {f"{i:03}.txt": "".join(lines[i * share : (i + 1) * share]) for i in range(1000)})
    return [folder / "alone/one.txt", folder / "alone", folder / "many"]


def test_the_baseline_of_text_does_not_depend_on_its_files(tmp_path: Path) -> None:
    bits = []
    for path in same_text_thrice(tmp_path):
        baseline = dataset_baseline(dataset(open_corpus(path), kind="bytes"))
        assert baseline is not None
        bits.append(baseline.bits_per_byte)
    assert bits == pytest.approx([bits[0]] * 3, rel=0.01)


@pytest.mark.soak
def test_a_trained_network_is_as_good_on_one_file_as_on_a_thousand(tmp_path: Path) -> None:
    bits = []
    for path in same_text_thrice(tmp_path):
        phase = parse_phase(
            f'''\
[phase]
name = "same"
[data]
source = "{path}"
[tokenizer]
kind = "bytes"
[model]
n_layer = 2
n_head = 2
n_embd = 64
block_size = 64
[training]
max_iters = 400
learning_rate = 3e-3
[evaluation]
interval = 400
[sampling]
prompts = []
''',
            "same.toml",
        )
        happened = train(Training.start(phase, prepare_dataset(phase), choose_machine(phase.training)))
        bits.append([e.bits_per_byte for e in happened if isinstance(e, Evaluation)][-1])
    assert bits == pytest.approx([bits[0]] * 3, rel=0.01)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ('field = "text"\nseparator = "x"', "separator: says what a document is, as field does"),
        ('documents = "lines"\nfield = "text"', "field: says what a document is, as documents does"),
        ('join = "published"\nfield = "text"', 'field: has no meaning with join = "published"'),
    ],
)
def test_a_phase_says_once_what_a_document_is(keys: str, message: str) -> None:
    with pytest.raises(PhaseError, match=message):
        parse_phase(f'[phase]\nname = "x"\n[data]\n{keys}\n')


@pytest.mark.parametrize(
    ("content", "offered"),
    [
        ("One.\n<|endoftext|>\nTwo.\n<|endoftext|>\nThree.\n", '"<|endoftext|>"'),
        ("\n# File: a.py\na = 1\n" + "=" * 50 + "\n\n# File: b.py\nb = 2\n" + "=" * 50 + "\n", f'"\\n{"=" * 50}\\n"'),
    ],
)
def test_a_separator_that_a_text_has_is_offered_and_works(
    tmp_path: Path, content: str, offered: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.txt").write_text(content)
    for command in ("inspect", "suggest"):
        main([command, str(tmp_path / "a.txt")])
        assert f"stands twice in the text; if it separates documents, set data.separator = {offered}\n" in (
            capsys.readouterr().err
        )
    main(["inspect", str(tmp_path / "a.txt"), "--set", f"data.separator={offered}", "--json"])
    seen = capsys.readouterr()
    assert json.loads(seen.out)["documents"] > 1
    assert "separates documents" not in seen.err
    assert "separates documents" not in " ".join(dataset(open_corpus(tmp_path / "a.txt", form=LINES)).notes)


def test_a_file_of_nothing_but_white_space_is_no_document(tmp_path: Path) -> None:
    corpus = open_corpus(write(tmp_path, {"a.txt": "some text\n" * 30, "b.txt": "   \n\n"}))
    assert [file.name for file in corpus.files] == ["a.txt"]
    assert skipped(corpus) == {"b.txt": "blank"}
    assert corpus.n_documents == 1
    built = dataset(corpus)
    assert built.val.n_text_tokens > 2  # a.txt is cut
