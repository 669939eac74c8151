"""What the console leaves behind when it ends."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from slmtui.console import start
from slmtui.console.app import Console
from slmtui.output import ExitStatus
from tests import written_runs

TERMINAL = SimpleNamespace(lost=False, write=lambda _: None)


def test_a_run_that_goes_on_without_a_screen_is_not_said_to_be_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = written_runs.done_run(tmp_path, "tiny-001", reason="interrupted")
    other = written_runs.done_run(tmp_path, "tiny-000")
    monkeypatch.setattr(start, "guarded_terminal", lambda _: nullcontext(TERMINAL))
    monkeypatch.setattr(start, "signals", lambda *_, **__: nullcontext())
    monkeypatch.setattr(start, "resume_detached", lambda *_: 4711)

    def left(app: Console, **_: object) -> str:
        app.trainer.finished.extend([other, run])
        app.trainer.last_run = run
        return "detach"

    monkeypatch.setattr(Console, "run", left)
    assert start.run_console((), tmp_path) == ExitStatus.DONE
    said = capsys.readouterr().err
    assert "tiny-000: done" in said
    assert "tiny-001: trained by process 4711" in said
    assert "stopped" not in said


@pytest.mark.parametrize(("code", "status"), [(0, ExitStatus.DONE), (1, ExitStatus.FAILED)])
def test_a_console_that_broke_down_says_so_and_does_not_end_as_if_it_were_done(
    tmp_path: Path, code: int, status: ExitStatus, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(start, "guarded_terminal", lambda _: nullcontext(TERMINAL))
    monkeypatch.setattr(start, "signals", lambda *_, **__: nullcontext())
    monkeypatch.setattr(Console, "run", lambda *_, **__: None)
    monkeypatch.setattr(Console, "return_code", code)
    assert start.run_console((), tmp_path) == status
    said = capsys.readouterr().err
    assert ("ended with an error" in said) == (code != 0)
    assert (str(tmp_path / start.LOG_NAME) in said) == (code != 0)
