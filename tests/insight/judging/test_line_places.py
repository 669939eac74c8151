"""Where lines are completed: the same places in every vocabulary, each with its own document before it, never blank."""

from __future__ import annotations

from pathlib import Path

import pytest

from slmtui.data.corpus import open_corpus
from slmtui.data.dataset import Dataset, DatasetSettings, build_dataset
from slmtui.insight.judging.line_places import MOST_BYTES, MOST_CHARACTERS, LinePlace, first_line, line_places

NOUNS = ("order", "ticket", "invoice", "sensor", "route", "parcel", "garden", "window")
ALL = 100_000


def dataset(folder: Path, kind: str, documents: dict[str, bytes] | None = None, split: str = "contiguous") -> Dataset:
    folder.mkdir(exist_ok=True)
    for name, data in (documents or {f"{noun}.py": python(noun) for noun in NOUNS}).items():
        (folder / name).write_bytes(data)
    return build_dataset(open_corpus([str(folder)]), DatasetSettings(kind=kind, vocab_size=300, split=split))


def python(noun: str) -> bytes:
    text = (
        f"import json\n\n\ndef load_{noun}(path):\n    with open(path) as handle:\n        return json.load(handle)\n\n"
    )
    return (text + f"\ndef count_{noun}s({noun}s, limit):\n    return sum(1 for {noun} in {noun}s)\n").encode()


def places(of: Dataset, most: int = ALL, seed: int = 1) -> list[LinePlace]:
    return line_places(of.val, of.tokenizer, most, seed)


@pytest.mark.parametrize("kind", ["gpt2", "gpt2-compact", "characters", "bytes"])
def test_every_vocabulary_is_asked_at_the_same_places(tmp_path: Path, kind: str) -> None:
    learned, other = (dataset(tmp_path / "corpus", name) for name in ("bpe", kind))
    asked = [
        [(one.tokenizer.decode(place.context), place.rest) for place in places(one, 20)] for one in (learned, other)
    ]
    assert asked[0] == asked[1]
    assert len(asked[0]) == 20


def test_the_seed_decides_and_fewer_places_are_the_first_of_more(tmp_path: Path) -> None:
    val = dataset(tmp_path / "corpus", "bytes")
    rests = [[place.rest for place in places(val, most, seed)] for most, seed in ((20, 1), (20, 1), (5, 1), (20, 2))]
    assert rests[0] == rests[1]
    assert rests[2] == rests[0][:5]
    assert rests[3] != rests[0]


def test_a_place_has_its_own_document_before_it_and_the_rest_of_its_line_after(tmp_path: Path) -> None:
    val = dataset(tmp_path / "corpus", "bytes", split="by-document")
    tokenizer, side = val.tokenizer, val.val
    text = tokenizer.decode(side.tokens, "\0")
    documents = [document for document in text.split("\0") if document]
    found = places(val)
    assert len(found) > 40
    for place in found:
        before = tokenizer.decode(place.context)
        (document,) = {document for document in documents if document.startswith(before)}
        assert tokenizer.end not in place.context[1:]
        assert document[len(before) :].split("\n")[0] == place.rest
        assert place.rest.strip()
        assert tokenizer.token_bytes(place.next_token) == place.rest[0].encode()
    begins = [place for place in found if place.context.tolist() == [tokenizer.end]]
    assert len(begins) == len(documents) - 1, "nothing tells that the first one begins"


def test_long_lines_and_long_texts_are_cut(tmp_path: Path) -> None:
    words = " ".join(f"word{i}" for i in range(3_000)).encode()
    val = dataset(tmp_path / "corpus", "bytes", {"a.txt": words})
    found = places(val)
    assert {len(place.rest) for place in found if len(place.context) < 1_000} == {MOST_CHARACTERS}
    assert max(len(place.context) for place in found) <= MOST_BYTES
    assert max(len(place.rest) for place in found) == MOST_CHARACTERS


def test_text_that_is_not_ascii_or_not_utf8_is_counted_in_characters(tmp_path: Path) -> None:
    line = "日本語のテキスト、それは長い行です。 größer ÄÖÜ ".encode()
    broken = b"\n".join([line * 4, b"caf\xe9 und " + line] * 40)
    val = dataset(tmp_path / "corpus", "bytes", {"a.txt": broken})
    found = places(val)
    assert found
    data = val.tokenizer.decode_bytes(val.val.tokens)
    for place in found:
        before = val.tokenizer.decode_bytes(place.context)
        assert before + place.rest.encode("utf-8", "surrogateescape") in data
        assert len(place.rest) <= MOST_CHARACTERS


def test_blanks_alone_are_no_place(tmp_path: Path) -> None:
    val = dataset(tmp_path / "corpus", "bytes", {"a.txt": b"something to learn\n" * 90 + b" \n\t\n" * 100})
    assert places(val) == []
    assert first_line(b"  \n") == "  "
