"""A project without studies, as the current folder, and no process that outlives its test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from slmtui.studies.processes import StudyProcess


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "phases").mkdir()
    return tmp_path


@pytest.fixture(autouse=True)
def no_study_is_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process that a test starts ends with it, and so do those that it has work for it."""
    started, start = list[StudyProcess](), StudyProcess.start

    def remembered(*how: object) -> StudyProcess:
        started.append(start(*how))  # type: ignore[arg-type]
        return started[-1]

    monkeypatch.setattr(StudyProcess, "start", remembered)
    yield
    for study in started:
        for process in _with_children(study.process.pid):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        study.process.wait()


def _with_children(pid: int) -> list[psutil.Process]:
    """The process, unless it is over, and those that work for it."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
