"""What takes a while before a training's first step is said before it begins."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from slmtui.data.context_mixing import compiled, kernels
from slmtui.session import READING, begin, resume
from slmtui.training.events import RunStarted
from tests.conftest import MakePhase

COUNTING = "counting contexts in the training text"


def test_each_thing_is_told_before_it_begins(make_phase: MakePhase, tmp_path: Path) -> None:
    told: list[str] = []
    session = begin(make_phase("model.context_mixing=true"), tmp_path, tell=told.append)
    assert told[0] == READING
    assert any(words.startswith(COUNTING) for words in told)
    assert isinstance(next(session.events), RunStarted)
    session.events.close()  # type: ignore[attr-defined]
    told.clear()
    resume(session.run, tell=told.append)
    assert told[0] == READING


def test_a_phase_without_counts_counts_for_its_baseline_alone(make_phase: MakePhase, tmp_path: Path) -> None:
    told: list[str] = []
    begin(make_phase(), tmp_path, tell=told.append)
    assert told[0] == READING
    assert told[-1] == f"{COUNTING}: seconds"


def test_counts_are_compiled_again_once_their_code_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = tmp_path / "kernels.py"
    code.touch()

    class Stats:
        cache_path = str(tmp_path)

    class Read:
        stats = Stats

    monkeypatch.setattr(kernels, "__file__", str(code))
    monkeypatch.setattr(kernels, "read", Read)
    assert not compiled.is_compiled()
    kept = tmp_path / "kernels.read-97.py311.nbi"
    kept.touch()
    assert compiled.is_compiled()
    later = kept.stat().st_mtime + 10
    os.utime(code, (later, later))
    assert not compiled.is_compiled()
