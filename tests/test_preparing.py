"""What takes a while before a training's first step is said before it begins."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from slmtui.commands.options import saved_model
from slmtui.model.compiled import COMPILING, is_compiled
from slmtui.session import READING, begin, resume
from slmtui.training.events import RunStarted
from tests.conftest import MakePhase
from tests.written_runs import make_phase as make_written_phase
from tests.written_runs import started, write_run

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


@pytest.mark.parametrize(
    ("tokens", "compiled", "said"),
    [
        (4_500, True, []),
        (4_500, False, [COMPILING]),
        (900_000, True, ["tiny-001: counting its 900,000 training tokens again: up to half a minute"]),
    ],
)
def test_a_model_with_counts_says_what_takes_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    tokens: int, compiled: bool, said: list[str],
) -> None:  # fmt: skip
    monkeypatch.setattr("slmtui.model.compiled.is_compiled", lambda _: compiled)
    phase = make_written_phase(model={"context_mixing": True})
    run = write_run(tmp_path, "tiny-001", phase, [started(phase, train_tokens=tokens)])
    run.best_file.touch()
    saved_model(run, last=False)
    assert capsys.readouterr().err.splitlines() == said


def test_counts_are_compiled_again_once_their_code_has_changed(tmp_path: Path) -> None:
    code = tmp_path / "counting.py"
    code.write_text("def read(): pass\n")
    read: dict[str, Any] = {}
    exec(compile(code.read_text(), str(code), "exec"), read)

    class Compiled:
        py_func = read["read"]

        class stats:
            cache_path = str(tmp_path)

    assert not is_compiled(Compiled)
    kept = tmp_path / "counting.read-97.py311.nbi"
    kept.touch()
    assert is_compiled(Compiled)
    later = kept.stat().st_mtime + 10
    os.utime(code, (later, later))
    assert not is_compiled(Compiled)
