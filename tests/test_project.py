"""Setting up a project: all of it, or nothing."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from slmtui.cli import main
from slmtui.output import ExitStatus


@pytest.mark.parametrize("folder", ["new", "new/deep", "."])
@pytest.mark.parametrize("room", [0, 3, 12])
def test_a_full_disk_leaves_nothing_behind_and_the_next_try_succeeds(
    tmp_path: Path, folder: str, room: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").write_text("kept")
    copyfile, copied = shutil.copyfile, list[str]()

    def filling(source: str | Path, target: str | Path, **how: bool) -> object:
        copied.append(str(target))
        if len(copied) <= room:
            return copyfile(source, target, **how)
        Path(target).touch()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as full:
        full.setattr(shutil, "copyfile", filling)
        assert main(["init", folder]) == ExitStatus.USAGE
    assert capsys.readouterr().err == (
        f"slmtui: {copied[-1]}: cannot be made (No space left on device), so no project was set up\n"
    )
    assert list(tmp_path.rglob("*")) == [tmp_path / "mine"]
    assert main(["init", folder]) == ExitStatus.DONE
    assert (tmp_path / folder / "phases" / "quick.toml").stat().st_size > 0
    assert any((tmp_path / folder / "data" / "chromadb").iterdir())
