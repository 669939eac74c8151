"""The terminal in front of a person learns how far a training is, and that it has ended."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from slmtui.console.app import Console
from slmtui.settings import Settings
from tests.conftest import MakePhase
from tests.console.conftest import MakeConsole, Until


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the terminal gets beside the screen."""
    heard: list[str] = []
    monkeypatch.setattr(Console, "_to_terminal", lambda _, sequence: heard.append(sequence))
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("TMUX", raising=False)
    monkeypatch.delenv("STY", raising=False)
    return heard


async def test_the_title_says_how_far_it_is_and_the_end_is_noticed(
    make_console: MakeConsole, make_phase: MakePhase, written: list[str], until: Until, project: Path
) -> None:
    told = project / "told"
    command = f'echo "$SLMTUI_MESSAGE" > {shlex.quote(str(told))}'
    phase = make_phase("training.max_iters=400", "evaluation.interval=20", "sampling.when=end")
    app = make_console("train", phases=[phase], settings=Settings(on_finish=command))
    async with app.run_test() as pilot:
        await until(pilot, lambda: app.finished)
        titles = [one for one in written if one.startswith("\x1b]2;")]
        assert any(re.fullmatch(r"\x1b]2;\d+ % · val \d\.\d\d · tiny-001\a", title) for title in titles)
        await until(pilot, lambda: [one for one in written if "]2;" in one][-1] == "\x1b]2;slmtui\a")
        ends = [one for one in written if "\x1b]9;" in one]
        assert len(ends) == 1
        assert re.match(r"\a\x1b]9;tiny-001 is done at step 400, best \d\.\d\d bits/byte\a\x1b]777;", ends[0])
        await until(pilot, lambda: told.is_file() and told.read_text().startswith("tiny-001 is done at step 400"))


async def test_what_is_turned_off_stays_away(
    make_console: MakeConsole, make_phase: MakePhase, written: list[str], until: Until
) -> None:
    quiet = Settings(bell=False, notification=False, window_title=False)
    app = make_console("train", phases=[make_phase("training.max_iters=2")], settings=quiet)
    async with app.run_test() as pilot:
        await until(pilot, lambda: app.finished)
        assert "".join(written) == ""


async def test_a_training_that_cannot_begin_is_noticed_too(
    make_console: MakeConsole, make_phase: MakePhase, written: list[str], until: Until, corpus: Path
) -> None:
    phase = make_phase()
    for file in corpus.iterdir():
        file.unlink()
    app = make_console("data", phases=[phase], settings=Settings())
    async with app.run_test() as pilot:
        await until(pilot, lambda: any("\x1b]9;tiny has failed: " in one for one in written))
