"""Where `slmtui suggest -o` writes, and what is left when it cannot; what a person fixed stays so."""

from __future__ import annotations

import errno
import json
import os
import random
from pathlib import Path

import pytest

from slmtui.cli import main
from slmtui.commands import suggest
from slmtui.config.phase_file import load_phase, parse_phase
from slmtui.config.schema import keys
from slmtui.output import ExitStatus

PHASE = '[phase]\nname = "mine"\n'


def test_a_full_disk_leaves_no_file_and_the_phase_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(suggest, "suggested", lambda *_: PHASE)
    monkeypatch.setattr(os, "fsync", full)
    output = tmp_path / "mine.toml"
    assert main(["suggest", "-o", str(output)]) == ExitStatus.USAGE
    told = capsys.readouterr()
    assert told.out == PHASE
    assert told.err == (
        f"slmtui: {output}: cannot be written: No space left on device; the phase was printed instead\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_folder_is_noticed_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(suggest, "suggested", lambda *_: pytest.fail("it was measured"))
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere
    assert main(["suggest", "-o", str(tmp_path / "mine.toml")]) == ExitStatus.USAGE
    assert f"the folder {tmp_path} may not be changed" in capsys.readouterr().err
    (tmp_path / "there.toml").symlink_to("nowhere")
    assert main(["suggest", "-o", str(tmp_path / "there.toml")]) == ExitStatus.USAGE
    assert "already exists" in capsys.readouterr().err


def test_a_folder_that_is_missing_is_made_and_said_but_not_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(suggest, "suggested", lambda *_: PHASE)
    monkeypatch.chdir(tmp_path)
    assert main(["suggest", "-o", "phases/mine.toml"]) == 0
    assert "the folder phases was made" in capsys.readouterr().err
    assert Path("phases/mine.toml").read_text() == PHASE
    assert main(["suggest", "-o", "one/two/mine.toml"]) == ExitStatus.USAGE
    assert "there is no folder one" in capsys.readouterr().err
    assert not Path("one").exists()


ASKED = {  # a value for each key of [data] but the source
    "include": '["*.txt"]', "exclude": '["04.txt"]', "default_excludes": "false", "join": '"published"',
    "documents": '"lines"', "field": '"{text}"', "separator": '"---"', "broken_records": '"refuse"',
    "encoding": '"utf-8"', "dataset_size": "1500", "dedupe": "false", "validation": '["03.txt"]', "test": '["02.txt"]',
    "train_fraction": "0.9", "validation_size": "400", "test_fraction": "0.1",
    "split": '"contiguous"', "patterns": "{w = 'word1'}",
}  # fmt: skip


@pytest.fixture
def copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small folder of texts, and of the same as records; the last two of ten repeat the first."""
    monkeypatch.setattr(suggest, "step_seconds", lambda _: None)
    folder = tmp_path / "texts"
    folder.mkdir()
    dice = random.Random(5)
    texts = [" ".join(dice.choices([f"word{i}" for i in range(40)], k=60)) + "\n" for _ in range(8)]
    for i, text in enumerate([*texts, texts[0], texts[0]]):
        (folder / f"{i:02}.txt").write_text(text)
        (folder / f"{i:02}.jsonl").write_text(json.dumps({"text": text}) + "\n")
    return folder


@pytest.mark.parametrize("key", [key for section, key in keys() if section == "data" and key != "source"])
def test_every_key_of_data_stays_as_it_was_asked_for(
    key: str, copies: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = 'data.include=["*.jsonl"]' if key == "field" else 'data.include=["*.txt"]'
    asked = f"data.{key}={ASKED[key]}"
    assert main(["suggest", str(copies), "--set", files, "--set", asked]) == 0
    phase = parse_phase(capsys.readouterr().out)
    (tmp_path / "asked.toml").write_text('[phase]\nname = "asked"\n')
    assert getattr(phase.data, key) == getattr(load_phase(tmp_path / "asked.toml", [asked]).data, key)


def test_copies_that_are_to_stay_are_not_left_out_of_what_is_measured(
    copies: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    only_texts = ["suggest", str(copies), "--set", 'data.include=["*.txt"]']
    assert main(only_texts) == 0
    assert parse_phase(capsys.readouterr().out).data.dedupe
    assert main([*only_texts, "--set", "data.dedupe=false"]) == 0
    told = capsys.readouterr().out
    assert "without copies" not in told
    assert [line.split("#")[1] for line in told.splitlines() if line.startswith("dedupe = false")] == [" as you asked"]
