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
