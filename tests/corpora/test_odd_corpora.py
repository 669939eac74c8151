"""Twenty-odd corpora through the door: what is read, left out and said, and which phase is suggested for each.

The values are what an expert would say of the text. With the soak, each suggestion is trained, and its verdict read.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import tomli_w

import slmtui.commands.suggest as suggest_command
from slmtui.cli import main
from slmtui.config.phase import Phase
from slmtui.config.phase_file import parse_phase
from tests.corpora import odd


@dataclass(frozen=True)
class Expected:
    """files and documents: what is trained on. kind: of the suggested vocabulary. said: in lines on stderr."""

    files: int
    documents: int
    kind: str
    said: tuple[str, ...] = ()
    split: str = "contiguous"
    left_out: frozenset[str] = frozenset()


EXPECTED: dict[Callable[[Path], odd.DataKeys], Expected] = {
    odd.uniform_letters: Expected(1, 1, "bytes", ("looks like noise: the frequencies of its bytes give 4.75 bits",)),
    odd.one_symbol: Expected(1, 1, "bytes", ("one character over and over", "there is nothing to learn")),
    odd.names: Expected(1, 1_461, "bytes"),
    odd.recipes: Expected(1, 80, "bpe", ("validation is 8 of 80 documents",)),
    odd.broken_records: Expected(
        1, 57, "bpe", ("posts.jsonl:11 (not JSON", "posts.jsonl:21 (no field 'text'; it has 'title')"),
        left_out=frozenset({"posts.jsonl:11", "posts.jsonl:21", "posts.jsonl:31"}),
    ),
    odd.table: Expected(1, 120, "bpe"),
    odd.tiny_files: Expected(300, 300, "bpe", ("reading", "300 files, 5.1 KB")),
    odd.one_small_file: Expected(1, 1, "bpe"),
    odd.play: Expected(1, 1, "bytes"),
    odd.thai: Expected(1, 1, "characters"),
    odd.chinese: Expected(1, 1, "characters"),
    odd.right_to_left: Expected(1, 1, "characters"),
    odd.emoji: Expected(1, 1, "bpe"),
    odd.languages: Expected(4, 4, "bpe", ("(10% were asked for, but no file is cut; name files with data.validation",)),
    odd.licensed: Expected(40, 40, "bpe"),
    odd.copies: Expected(15, 15, "bpe"),
    odd.encodings: Expected(4, 4, "bpe", ("b_latin1.txt: read as cp1252, a guess; data.encoding can name another",)),
    odd.checkout: Expected(
        12, 12, "bpe", ("node_modules (installed packages)", "package-lock.json, poetry.lock (a lock file)"),
        left_out=frozenset({
            ".venv", "dist", "node_modules", "package-lock.json", "paper.pdf", "poetry.lock", "static/app.js.map",
            "static/bundle.js", "venv",
        }),
    ),
    odd.notebooks: Expected(6, 6, "bpe"),  # all six have a function with one and the same body, on any side
    odd.secrets: Expected(
        2, 2, "bytes", ("deploy.py:101: looks like an AWS access key", "id_rsa (keys or passwords)"),
        left_out=frozenset({"id_rsa"}),
    ),
    odd.sections: Expected(1, 30, "bpe"),
    odd.joined_before: Expected(1, 1, "bpe", ("a text that was joined before", "data.separator = ")),
    odd.log: Expected(1, 1, "bytes"),
}  # fmt: skip
CASES = [pytest.param(make, expected, id=make.__name__) for make, expected in EXPECTED.items()]


def settings_of(keys: odd.DataKeys) -> list[str]:
    return [f"data.{tomli_w.dumps({key: value}).strip()}" for key, value in keys.items()]


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(suggest_command, "step_seconds", lambda _: None)  # as it would be on any machine
    (tmp_path / "corpus").mkdir()
    return tmp_path / "corpus"


def suggested(settings: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[Phase, str]:
    """The suggested phase, and what was said beside it."""
    assert main(["suggest", "corpus", *(word for one in settings for word in ("--set", one))]) == 0
    out, err = capsys.readouterr()
    return parse_phase(out), err


def test_every_odd_corpus_is_expected_to_be_something() -> None:
    assert set(odd.ODD) == set(EXPECTED)


@pytest.mark.parametrize(("make", "expected"), CASES)
def test_what_is_read_said_and_suggested(
    make: odd.Maker, expected: Expected, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = settings_of(make(corpus))
    assert main(["inspect", "corpus", "--json", *(word for one in settings for word in ("--set", one))]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["files"], found["documents"]) == (expected.files, expected.documents)
    assert {item["path"] for item in found["skipped"]} == expected.left_out
    phase, said = suggested(settings, capsys)
    for words in expected.said:
        assert words in said
    assert "IOSFODNN7EXAMPLF" not in said  # a secret is never repeated
    assert (phase.tokenizer.kind, phase.data.split) == (expected.kind, expected.split)


@pytest.mark.soak
@pytest.mark.parametrize(("make", "expected"), CASES)
def test_the_suggestion_is_trained_and_its_verdict_is_no_praise_for_nothing(
    make: odd.Maker, expected: Expected, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = settings_of(make(corpus))
    assert main(["suggest", "corpus", "-o", "phase.toml", *(word for one in settings for word in ("--set", one))]) == 0
    assert main(["--headless", "phase.toml", "--set", "training.max_iters=150", "--set", "evaluation.interval=25"]) == 0
    capsys.readouterr()
    assert main(["report", "latest"]) == 0
    report = capsys.readouterr().out
    if make is odd.one_symbol or make is odd.uniform_letters:
        assert "under-fitting" not in report.lower()
