"""From start to end in a real terminal, by keys alone: train a phase, pause it, talk to it, stop it, find it again."""

from __future__ import annotations

import termios
from pathlib import Path
from typing import TypeVar

import pytest

from slmtui.runs.run import Run
from slmtui.training import events
from tests.conftest import TINY
from tests.processes import Processes
from tests.terminal import Terminal, slmtui_in_terminal

E = TypeVar("E", bound=events.Base)
ENTER_SCREEN, LEAVE_SCREEN = b"\x1b[?1049h", b"\x1b[?1049l"
HIDE_CURSOR, SHOW_CURSOR = b"\x1b[?25l", b"\x1b[?25h"


@pytest.fixture
def project(tmp_path: Path, corpus: Path) -> Path:
    """A project with one phase that would take an hour."""
    (tmp_path / "phases").mkdir()
    phase = TINY.format(source=corpus.name).replace("max_iters = 12", "max_iters = 5_000_000")
    phase = phase.replace("[model]", 'join = "published"\n[model]')  # completions of full length
    (tmp_path / "phases/tiny.toml").write_text(phase.replace("interval = 4", "interval = 500"))
    return tmp_path


@pytest.mark.long
def test_train_pause_prompt_resume_stop_find(project: Path, processes: Processes) -> None:
    run = Run(project / "checkpoints/tiny-001")

    def said(kind: type[E]) -> list[E]:
        return [event for event in run.events() if isinstance(event, kind)] if run.log_file.exists() else []

    def steps() -> int:
        return max((event.step for event in said(events.Step)), default=0)

    with slmtui_in_terminal(processes, cwd=project) as terminal:
        before = termios.tcgetattr(terminal.master)
        terminal.until_seen("▌Data▐", "corpus · 6 files")
        terminal.press("p")
        terminal.until_seen("▌Phases▐", "phases/tiny.toml", "what this phase means")
        terminal.press("s")
        terminal.until_seen("▌Train▐", "tiny-001 · running", "training tiny-001")
        terminal.until(lambda: steps() > 20, "20 steps in the log")

        terminal.press("space")
        terminal.until_seen("tiny-001 · paused")
        assert len(said(events.Paused)) == 1
        paused_at = steps()

        terminal.press("c")
        terminal.until_seen("▌Complete▐", "tiny-001 best", "type a prompt below")
        terminal.press(*"def ", "enter")
        terminal.until_seen("tok/s", "token 1 of 60")
        assert any(line.startswith("│ def ") for line in terminal.lines)

        terminal.press("escape")
        terminal.until(lambda: "esc back" not in terminal.lines[-1], "the prompt is left")
        terminal.press("t")
        terminal.until_seen("▌Train▐", "tiny-001 · paused")
        assert steps() == paused_at
        terminal.press("space")
        terminal.until_seen("tiny-001 · running")
        assert len(said(events.Resumed)) == 1
        terminal.until(lambda: steps() > paused_at, "steps after the pause")

        terminal.press("s")
        terminal.until_seen("Stop this run and save it?", "Stop and save")
        terminal.press("s")
        terminal.until_seen("tiny-001 · stopped")
        (finished,) = said(events.RunFinished)
        assert finished.reason == "stopped"
        assert run.last_file.exists()

        terminal.press("r")
        terminal.until_seen("▌Runs▐", f"s resumes from step {finished.step:,}")
        (row,) = [line for line in terminal.lines if line.split()[:3] == ["│", "tiny-001", "stopped"]]
        assert f"{finished.best_step:,}" in row.split()
        terminal.until(lambda: "training tiny-001" not in terminal.lines[0], "the trainer is idle")
        terminal.press("q")
        status = terminal.wait()
        after = termios.tcgetattr(terminal.master)

    assert status == 0
    assert_restored(terminal)
    assert after == before
    summary = terminal.written.rpartition(LEAVE_SCREEN)[2].decode()
    assert f"tiny-001: stopped at step {finished.step:,}/5,000,000, best val loss " in summary
    assert "Traceback" not in terminal.written.decode(errors="replace")


def assert_restored(terminal: Terminal) -> None:
    """The screen of before is back, with its cursor."""
    for on, off in ((ENTER_SCREEN, LEAVE_SCREEN), (HIDE_CURSOR, SHOW_CURSOR)):
        assert terminal.written.rfind(off) > terminal.written.rfind(on) >= 0
