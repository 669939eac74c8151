"""The first minutes: from an empty folder to a model, and from somebody's own text to a phase."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from slmtui.config.phase_file import load_phase
from slmtui.console import beginning
from slmtui.console.app import Console
from slmtui.console.dialogs.progress import ProgressDialog
from slmtui.console.dialogs.question import Message, Question
from slmtui.console.dialogs.source import SourceDialog
from slmtui.console.screens.complete.screen import CompleteScreen
from slmtui.console.screens.phases.screen import PhasesScreen
from slmtui.console.screens.train.screen import TrainScreen
from slmtui.console.ui_state import UIState
from slmtui.console.workers import first_phase
from slmtui.insight.estimates import NoCounts, Speed
from tests.conftest import set_up_small, write_corpus
from tests.console.screen_text import rows_of
from tests.patience import until


@pytest.fixture(autouse=True)
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder beside one with six small programs."""
    write_corpus(tmp_path / "scripts")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    return tmp_path / "empty"


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that takes 60 ms for a step, whatever it is."""
    speed = Speed(0.06, 30.0, "measured now")
    monkeypatch.setattr(first_phase, "measure", lambda *_: (NoCounts(""), speed))
    monkeypatch.setattr("slmtui.console.workers.phase_facts.measure", lambda *_: (NoCounts(""), speed))


@asynccontextmanager
async def console(size: tuple[int, int] = (80, 24)) -> AsyncIterator[tuple[Console, Pilot[str]]]:
    app = Console(Path("checkpoints"), log=Path("../console.log"), ui_state=UIState(Path("../memory.json")))
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: isinstance(app.screen, SourceDialog) and app.screen.query("SourceOptions"))
        await until(pilot, lambda: "model learn?" in seen(app) and "looking for" not in seen(app))
        yield app, pilot


def seen(app: Console) -> str:
    return "\n".join(row.text for row in rows_of(app))


def small(folder: Path) -> None:
    """The sample project with a third of its text, and four steps of a network alone."""
    set_up_small(folder)
    quick = folder / "phases/quick.toml"
    text = re.sub(r"(?m)^max_iters = \d+", "max_iters = 4", quick.read_text())
    text = re.sub(r"(?m)^context_mixing = true", "context_mixing = false", text)
    quick.write_text(re.sub(r"(?m)^warmup_iters = \d+", "warmup_iters = 1", text))


async def test_three_keys_lead_from_an_empty_folder_to_a_model_that_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beginning, "set_up", small)
    async with console() as (app, pilot):
        assert "The sample corpus: 31 files" in seen(app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Question))
        await until(pilot, lambda: "phases/quick.toml is a phase for this text" in seen(app))
        assert re.search(r"Train, about \d+ (s|min)", seen(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, TrainScreen) and app.screen.talking.prompts)
        await until(pilot, lambda: 'talk to it:  1 "def"' in seen(app))
        await pilot.press("1")
        await until(pilot, lambda: isinstance(app.screen, CompleteScreen) and app.screen.panels)
        screen = app.screen
        assert isinstance(screen, CompleteScreen)
        await until(pilot, lambda: screen.panels[0].count > 0)
        assert screen.request is not None
        assert screen.request.prompt == "def"


@pytest.mark.usefixtures("measured")
async def test_ones_own_text_is_listed_beside_an_empty_folder_and_gets_a_phase() -> None:
    async with console() as (app, pilot):
        await until(pilot, lambda: "scripts/" in seen(app))
        assert "6 files" in seen(app)
        await pilot.press("down", "down", "enter")
        await until(pilot, lambda: isinstance(app.screen, Question))
        phase = load_phase("phases/suggested-scripts.toml")
        assert phase.data.source == ("../scripts",)
        assert list(Path("phases").iterdir()) == [Path("phases/suggested-scripts.toml")]
        assert not Path("data").exists()
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, PhasesScreen) and app.screen.draft is not None)
        assert app.phase_file == Path("phases/suggested-scripts.toml")
        assert not app.trainer.busy
        await until(pilot, lambda: "◆ begin here" in seen(app))
        await pilot.press("b")  # once more, for the same text
        await until(pilot, lambda: isinstance(app.screen, SourceDialog))
        assert "sample corpus" not in seen(app)
        await pilot.press(*"../scr", "tab", "enter")
        await until(pilot, lambda: isinstance(app.screen, Question))
        assert load_phase("phases/suggested-scripts-2.toml").name == "suggested-scripts-2"


@pytest.mark.usefixtures("measured")
async def test_a_phase_that_is_gone_when_the_offer_is_taken_is_said_to_be_missing() -> None:
    async with console() as (app, pilot):
        await pilot.press("slash", *"../scripts", "enter")
        await until(pilot, lambda: isinstance(app.screen, Question))
        Path("phases/suggested-scripts.toml").unlink()
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Message) and "suggested-scripts.toml" in app.screen.text)
        assert not app.trainer.busy


@pytest.mark.usefixtures("measured")
async def test_a_text_that_is_too_short_is_told_so_and_nothing_is_made(empty: Path) -> None:
    (empty / "note.txt").write_text("hello")
    async with console() as (app, pilot):
        await pilot.press("slash", *"note.txt", "enter")
        await until(pilot, lambda: isinstance(app.screen, Message))
        await until(pilot, lambda: "too" in seen(app))
        assert sorted(path.name for path in empty.iterdir()) == ["note.txt"]


async def test_measuring_can_be_left(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = []

    def endless(_phase: object, stop: object) -> tuple[NoCounts, str]:
        while not stop():  # type: ignore[operator]
            pass
        stopped.append(True)
        return NoCounts(""), "not measured"

    monkeypatch.setattr(beginning, "set_up", small)
    monkeypatch.setattr(first_phase, "measure", endless)
    async with console() as (app, pilot):
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ProgressDialog) and "measuring" in seen(app))
        await pilot.press("escape")
        await until(pilot, lambda: stopped)
        await until(pilot, lambda: isinstance(app.screen, PhasesScreen) and app.screen.draft is not None)
        assert app.phase_file == Path("phases/quick.toml")


async def test_what_is_there_already_is_not_touched(empty: Path) -> None:
    (empty / "studies").mkdir()
    async with console() as (app, pilot):
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Message))
        await until(pilot, lambda: "studies already exists, so nothing was changed" in seen(app))
        assert [path.name for path in empty.iterdir()] == ["studies"]


async def test_escape_leaves_an_empty_folder_as_it_is(empty: Path) -> None:
    async with console((120, 40)) as (app, pilot):
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, PhasesScreen))
        await until(pilot, lambda: "b  begin: choose a text" in seen(app))
        assert list(empty.iterdir()) == []
