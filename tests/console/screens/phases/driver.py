"""The Phases screen as its tests drive it: a project of two phases, and functions that type into its form."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Input, Static

from slmtui.console.app import Console
from slmtui.console.dialogs.input import InputDialog
from slmtui.console.dialogs.question import Message, Question
from slmtui.console.dialogs.source import SourceDialog
from slmtui.console.screens.phases.field import KeyField
from slmtui.console.screens.phases.meaning_panel import MeaningPanel
from slmtui.console.screens.phases.screen import PhasesScreen
from slmtui.console.ui_state import UIState
from slmtui.console.workers.trainer_thread import TrainerThread
from tests.patience import until

ALPHA = """\
# The first phase.
[phase]
name = "alpha"
title = "Alpha: the first"

[data]
source = "corpus"  # six files

[tokenizer]
kind = "gpt2-compact"

[model]
n_layer = 1  # as small as can be
n_head = 2
n_embd = 8
block_size = 8

[training]
max_iters = 20
batch_size = 2
learning_rate = 1e-3  # constant
"""
BETA = ALPHA.replace("alpha", "beta").replace("n_layer = 1", "n_layer = 2")


class IdleTrainer(TrainerThread):
    """Takes what is put and trains nothing."""

    def run(self) -> None:
        pass


def two_phases(tmp_path: Path) -> Path:
    """A project folder with two phases and a corpus."""
    (tmp_path / "phases").mkdir()
    (tmp_path / "phases/alpha.toml").write_text(ALPHA)
    (tmp_path / "phases/beta.toml").write_text(BETA)
    (tmp_path / "corpus").mkdir()
    for noun in ("order", "ticket", "sensor"):
        (tmp_path / f"corpus/{noun}.py").write_text(f"def load_{noun}(path):\n    return open(path).read()\n" * 3)
    return tmp_path


@asynccontextmanager
async def console(
    size: tuple[int, int] = (120, 40), *, screen_of_last_time: str = "phases"
) -> AsyncIterator[tuple[Console, Pilot[str]]]:
    """The console on its Phases screen, with nothing trained and torch not imported."""
    app = Console(Path("checkpoints"), log=Path("console.log"), ui_state=UIState(Path("memory.json")))
    app.trainer = IdleTrainer(app.checkpoints)
    app.backend.start = lambda: None  # type: ignore[method-assign]
    app.ui_state.remember("screen", screen_of_last_time)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: isinstance(app.screen_stack[-1], PhasesScreen | SourceDialog))
        await pilot.pause(0.3)
        yield app, pilot


def screen(app: Console) -> PhasesScreen:
    return next(s for s in reversed(app.screen_stack) if isinstance(s, PhasesScreen))


def text_of(static: Static) -> str:
    return str(static.content)


def meaning(app: Console) -> str:
    return text_of(screen(app).query_one(MeaningPanel).query_one(Static))


def field(app: Console, name: str) -> KeyField:
    return next(f for f in screen(app).query(KeyField) if f.key.name == name and f.parent is not None)


async def to_section(app: Console, pilot: Pilot[str], name: str) -> None:
    if not screen(app).editor.has_focus_within:
        await pilot.press("e")
    await until(pilot, lambda: screen(app).editor.has_focus_within)
    await screen(app).action_show_section(name)
    await pilot.pause()


async def type_in(app: Console, pilot: Pilot[str], name: str, text: str) -> None:
    editor = field(app, name).editor
    editor.focus()
    await pilot.press("ctrl+a")
    if isinstance(editor, Input):
        editor.clear()
    await pilot.press(*("full_stop" if c == "." else "minus" if c == "-" else c for c in text))
    await pilot.pause()


def dialog(app: Console) -> str:
    return str(type(app.screen).__name__)


def heading(app: Console) -> str:
    assert isinstance(app.screen, Question | Message | InputDialog | SourceDialog)
    return app.screen.heading
