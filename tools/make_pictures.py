"""Make the pictures of the README and docs: `python -m tools.make_pictures [FOLDER]`.

A new project in a temporary folder, a few short trainings, and a console that goes from screen to screen. Everything
seen is real: what the models say, how fast the machine is. It takes a few minutes on two cores.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from slmtui import openmp
from slmtui.config.phase_file import load_phase
from slmtui.console.app import Console
from slmtui.console.charts.widget import Chart
from slmtui.console.screens.complete.prompt_area import PromptArea
from slmtui.console.screens.complete.screen import CompleteScreen
from slmtui.console.screens.data.screen import DataScreen
from slmtui.console.screens.phases.screen import PhasesScreen
from slmtui.console.screens.runs.run_list import RunList
from slmtui.console.screens.runs.screen import RunsScreen
from slmtui.console.screens.studies.screen import StudiesScreen
from slmtui.console.screens.train.screen import TrainScreen
from slmtui.console.ui_state import UIState
from slmtui.project import DEFAULT_PHASE, set_up
from tools.picture import save_picture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.pilot import Pilot

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
WIDE, NARROW = (120, 40), (80, 24)
PATIENCE = 600.0  # seconds for anything to happen
LONG_ENOUGH = 8  # evaluations of the run that Train is seen with
PROMPT = "client = chromadb."
# Runs to compare: one phase with one thing changed each time.
SHORT = ("training.max_iters=300", "evaluation.interval=25", "sampling.tokens=20")
RUNS = (
    ("phase.name=small", "phase.title=Half as wide", "model.n_embd=48", *SHORT),
    ("phase.name=dropout", "phase.title=Half of it dropped", "model.dropout=0.5", *SHORT),
    ("phase.name=hasty", "phase.title=Rate ten times higher", "training.learning_rate=3e-2", *SHORT),
)
# A study of six cells, for Studies.
STUDY = """\
[study]
name = "width-and-data"
title = "Width and data"
phase = "phases/quick.toml"
seeds = [1, 2]
claims = ["more_data_is_better"]

[set]
data.validation = ["test_embeddings.py", "update_metadata.py", "watch_folder.py"]
model.context_mixing = false
training.max_iters = 120
evaluation.interval = 10
early_stopping.patience = 0
sampling.prompts = []

[grid]
model.n_embd = [16, 32, 64]

[[variant]]
name = "13 KB"
data.include = ["0*", "test_embeddings.py", "update_metadata.py", "watch_folder.py"]

[[variant]]
name = "51 KB"
data.include = ["*"]
"""
SEEN = (
    "training.max_iters=600", "evaluation.interval=50", "sampling.when=evaluation", "sampling.tokens=80",
)  # fmt: skip


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURES
    folder.mkdir(parents=True, exist_ok=True)
    folder = folder.resolve()
    openmp.set_wait_policy()
    os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}  # whatever this is started from
    os.environ.pop("NO_COLOR", None)
    with new_project():
        train_some()
        asyncio.run(tour(folder))


@contextmanager
def new_project() -> Iterator[None]:
    """A project with phases and corpus, as the current folder."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            set_up(Path())
            yield
        finally:
            os.chdir(before)


def train_some() -> None:
    from slmtui.config.study import load_study
    from slmtui.runs.control import nothing
    from slmtui.session import begin  # torch
    from slmtui.studies.claims import CLAIMS
    from slmtui.studies.runner import Work

    for overrides in RUNS:
        session = begin(load_phase(DEFAULT_PHASE, overrides), Path("checkpoints"))
        print(session.run.name)  # noqa: T201
        for _ in session.events:
            pass
    for other in Path("studies").glob("*.toml"):
        other.unlink()
    file = Path("studies/width-and-data.toml")
    file.write_text(STUDY)
    for result in Work(load_study(file, CLAIMS), Path("checkpoints"), nothing).run():
        print(result.trial.label)  # noqa: T201


async def tour(folder: Path) -> None:
    """Go from screen to screen and take a picture of each."""
    app = Console(Path("checkpoints"), log=Path("console.log"), ui_state=UIState(Path("memory.json")))
    app.ui_state.remember("screen", "data")
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: app.backend.ready)
        await take_data(app, pilot, folder)
        await take_train(app, pilot, folder)
        await take_complete(app, pilot, folder)
        await take_runs(app, pilot, folder)
        await take_studies(app, pilot, folder)
        await take_phases(app, pilot, folder)
        app.trainer.leave()
        await asyncio.to_thread(app.trainer.join)


async def take_data(app: Console, pilot: Pilot[str], folder: Path) -> None:
    def complete() -> bool:
        return isinstance(app.screen, DataScreen) and app.screen.found is not None and app.screen.found.complete

    await until(pilot, complete)
    await pilot.press("2", *["right"] * 12)
    await take(app, pilot, folder / "data.png")


async def take_train(app: Console, pilot: Pilot[str], folder: Path) -> None:
    def long_enough() -> bool:
        screen = app.screen
        return (
            isinstance(screen, TrainScreen) and screen.history is not None
            and len(screen.history.evaluations) >= LONG_ENOUGH
        )  # fmt: skip

    app.train(load_phase(DEFAULT_PHASE, SEEN))
    await until(pilot, lambda: app.trainer.run_now is not None)
    await until(pilot, long_enough)
    await take(app, pilot, folder / "train.png")
    await pilot.resize_terminal(*NARROW)
    await pilot.pause(1.0)
    await take(app, pilot, folder / "train-80x24.png")
    await pilot.resize_terminal(*WIDE)
    await until(pilot, lambda: not app.trainer.busy)
    app.clear_notifications()


async def take_complete(app: Console, pilot: Pilot[str], folder: Path) -> None:
    await pilot.press("escape", "c")
    await until(pilot, lambda: isinstance(app.screen, CompleteScreen) and app.screen.panels)
    screen = app.screen
    assert isinstance(screen, CompleteScreen)
    screen.show_models([Path("checkpoints/quick-001/best.pt"), Path("checkpoints/dropout-001/best.pt")])
    screen.query_one(PromptArea).put(PROMPT)
    screen.query_one(PromptArea).focus()
    await pilot.press("enter")
    await until(pilot, lambda: all(panel.count and not panel.busy for panel in screen.panels))
    await pilot.press("escape", "n")  # again, with another seed; the first stays below
    await until(pilot, lambda: all(panel.count and not panel.busy for panel in screen.panels))
    await pilot.app.workers.wait_for_complete()  # they look for copies still
    await pilot.press(*["right"] * 6)
    await take(app, pilot, folder / "complete.png")


async def take_runs(app: Console, pilot: Pilot[str], folder: Path) -> None:
    await pilot.press("escape", "r")
    await until(pilot, lambda: isinstance(app.screen, RunsScreen) and app.screen.query(Chart) and app.screen.runs)
    table = app.screen.query_one(RunList)
    for row in range(len(RUNS)):
        table.move_cursor(row=row)
        await pilot.press("space")
    table.move_cursor(row=table.row_count - 1)
    await take(app, pilot, folder / "runs.png")


async def take_studies(app: Console, pilot: Pilot[str], folder: Path) -> None:
    await pilot.press("Y")
    await until(pilot, lambda: isinstance(app.screen, StudiesScreen) and app.screen.finding is not None)
    await pilot.press("enter")
    await until(pilot, lambda: app.screen.query(Chart))
    await take(app, pilot, folder / "studies.png")
    await pilot.press("escape")


async def take_phases(app: Console, pilot: Pilot[str], folder: Path) -> None:
    await pilot.press("p")
    await until(pilot, lambda: isinstance(app.screen, PhasesScreen) and app.screen.draft is not None)
    screen = app.screen
    assert isinstance(screen, PhasesScreen)
    phases = [draft.phase for draft in screen.drafts.by_path.values() if draft.phase is not None]
    await until(pilot, lambda: all(screen.inspector.counts_of(phase) for phase in phases))
    screen.action_edit("form")
    await take(app, pilot, folder / "phases.png")


async def take(app: Console, pilot: Pilot[str], path: Path) -> None:
    await pilot.pause(0.5)  # for what is still being laid out and drawn
    save_picture(app, path)
    print(path)  # noqa: T201


async def until(pilot: Pilot[str], condition: Callable[[], object]) -> None:
    for _ in range(int(PATIENCE / 0.1)):
        if condition():
            return
        await pilot.pause(0.1)
    raise SystemExit(f"it did not happen within {PATIENCE:.0f} seconds; the screen says:\n{pilot.app.screen}")


if __name__ == "__main__":
    main()
