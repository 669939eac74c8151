"""Where `slmtui suggest -o` writes, and what is left when it cannot."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from slmtui.cli import main
from slmtui.commands import suggest
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
