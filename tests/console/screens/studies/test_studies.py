"""The Studies screen: what it shows of studies, and what each of its keys brings about."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from rich.color import ColorSystem
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widgets import Input, Static

from slmtui.config.phase_file import load_phase
from slmtui.config.study import load_study
from slmtui.console.app import Console
from slmtui.console.charts.widget import Chart
from slmtui.console.charts.zoom import Zoom
from slmtui.console.dialogs.input import InputDialog
from slmtui.console.dialogs.question import Question
from slmtui.console.rows import Rows
from slmtui.console.screens.studies.grid import LEVELS, SHADES, level
from slmtui.console.screens.studies.heat_map import HeatMap
from slmtui.console.screens.studies.lists import TrialList
from slmtui.console.screens.studies.screen import VIEWS, StudiesScreen
from slmtui.console.ui_state import UIState
from slmtui.runs.run import all_runs
from slmtui.studies.claims import CLAIMS
from slmtui.studies.reading import read_results
from slmtui.training import events
from tests.console.screen_text import rows_of, toasts
from tests.console.screens.studies.written_studies import write_study, write_trial, write_trials
from tests.patience import until
from tests.written_runs import BEGAN, started, write_run

WIDE, NARROW, TINY = (120, 40), (80, 24), (60, 15)
RUNS = Path("checkpoints")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "phases").mkdir()
    return tmp_path


class Opened:
    def __init__(self, app: Console, pilot: Pilot[str]) -> None:
        self.app, self.pilot = app, pilot

    @property
    def screen(self) -> StudiesScreen:
        screen = self.app.screen_stack[0]
        assert isinstance(screen, StudiesScreen)
        return screen

    @property
    def all_text(self) -> str:
        return "\n".join("".join(segment.text for segment in row) for row in rows_of(self.app))

    def text(self, selector: str) -> str:
        return str(self.screen.query_one(selector, Static).content)

    async def until(self, happened: Callable[[], Any]) -> None:
        await until(self.pilot, happened)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()


@asynccontextmanager
async def open_studies(size: tuple[int, int] = NARROW, glyphs: str = "braille") -> AsyncIterator[Opened]:
    memory = UIState(Path("memory.json"))
    memory.remember("screen", "studies")
    app = Console(RUNS, log=Path("console.log"), ui_state=memory, glyphs=glyphs)  # type: ignore[arg-type]
    async with app.run_test(size=size) as pilot:
        opened = Opened(app, pilot)
        await opened.until(lambda: isinstance(app.screen_stack[0], StudiesScreen) and app.screen_stack[0].is_mounted)
        await opened.until(lambda: "Reading" not in opened.text("#empty") or opened.screen.studies)
        yield opened
        app.trainer.leave()


def commands(file: Path) -> list[str]:
    return [json.loads(line)["command"] for line in file.read_text().splitlines()] if file.exists() else []


async def test_without_a_folder_it_says_how_to_make_a_study(folder: Path) -> None:
    async with open_studies() as opened:
        await opened.until(lambda: "There is no studies/" in opened.text("#empty"))
        (folder / "studies").mkdir()
        await opened.until(lambda: "There is no study in studies/ yet" in opened.text("#empty"))
        write_study(folder)
        await opened.until(lambda: "width" in opened.all_text and "0 of 27" in opened.all_text)


async def test_the_grid_has_the_means_and_the_line_below_what_is_known_of_a_cell(folder: Path) -> None:
    study = write_study(folder)
    write_trials(RUNS, study, lambda trial: trial.cell.number < 9)
    write_trial(RUNS, study.trials[8], done=False)
    async with open_studies(glyphs="ascii") as opened:
        await opened.until(lambda: "24 of 27" in opened.all_text and "spread" in opened.text("#cell"))
        results = read_results(study, RUNS)
        means = [cell.estimate.mean for cell in results.cells if cell.estimate is not None]
        assert len(means) == 8
        assert all(f"{mean:.3f}" in opened.all_text for mean in means)
        best = results.best
        assert best is not None
        assert opened.text("#cell").startswith(f"{best.cell.label}: {min(means):.3f} bits per byte")
        assert f"[# {min(means):.3f}" in opened.all_text  # a shade, and a frame, without colour or other letters
        await opened.press("enter", "down", "right")
        assert opened.screen.cell is not None
        assert opened.screen.cell.cell.number == 9
        assert "seed 1 stopped 200 of 600, seed 2 not begun" in opened.text("#cell")


class ListAlone(App[None]):
    def compose(self) -> ComposeResult:
        yield Rows("study", "done", "state", id="rows")


async def test_a_list_that_is_drawn_at_once_is_not_cut_off() -> None:
    """Textual measures columns after it has drawn them, and keeps what it has drawn."""
    app = ListAlone()

    def second() -> str:
        return "".join(segment.text for segment in rows_of(app)[1]).rstrip()

    async with app.run_test(size=(80, 10)) as pilot:
        for words in ("not begun", "2 running, about 14 min to go", "done"):
            app.query_one(Rows).show_rows({"width": ("width", "0 of 27", words)})
            for _ in range(2):
                assert second() == f" width  0 of 27  {words}"
                await pilot.pause()


@pytest.mark.parametrize("size", [TINY, NARROW, WIDE], ids=str)
async def test_every_view_can_be_gone_through_at_every_size(folder: Path, size: tuple[int, int]) -> None:
    study = write_study(folder)
    write_trials(RUNS, study)
    async with open_studies(size) as opened:
        await opened.until(lambda: opened.screen.finding is not None and "1.9" in opened.all_text)
        if size == WIDE:
            await opened.until(lambda: opened.screen.query(Chart))
        else:
            await opened.press("right_square_bracket")
            await opened.until(lambda: opened.screen.query(Chart) and opened.screen.query_one(Chart).spec)
        chart = opened.screen.query_one(Chart)
        assert chart.spec is not None
        assert any(series.name.endswith("(best)") for series in chart.spec.series)
        await opened.press("right_square_bracket")
        await opened.until(lambda: chart.spec is not None and chart.spec.log_x)
        assert len(chart.spec.marks) == 9
        lower, upper, line = chart.spec.series[-4:-1]  # of the widest network, which the cursor's cell has
        assert (lower.name, upper.name, line.name) == ("", "", "28,800 parameters")
        assert (lower.ys[: len(line.ys)] < line.ys).all()
        assert (upper.ys[: len(line.ys)] > line.ys).all()
        assert "L = 1." in opened.text("#law-words")
        await opened.press("right_square_bracket")
        await opened.until(lambda: "worse by" in opened.text("#table-text"))
        await opened.press("right_square_bracket")
        await opened.until(lambda: "supported: More data" in opened.text("#claims-text"))
        await opened.press("right_square_bracket")
        await opened.until(lambda: opened.screen.query_one(TrialList).row_count == 3)


async def test_a_part_of_a_chart_is_left_with_its_x_and_with_its_study(folder: Path) -> None:
    for name in ("one", "other"):
        write_trials(RUNS, write_study(folder, name))
    async with open_studies(WIDE) as opened:
        await opened.until(lambda: opened.screen.finding is not None and opened.screen.query(Chart))
        chart = opened.screen.query_one(Chart)
        await opened.until(lambda: chart.spec is not None)
        chart.focus()
        await opened.press("up", "shift+up")
        assert chart.zoom.x is not None
        assert chart.zoom.y is not None
        await opened.press("right_square_bracket")
        await opened.until(lambda: chart.spec is not None and chart.spec.log_x)
        assert chart.zoom == Zoom()
        await opened.press("left", "up", "left")  # on logarithmic axes, too
        assert chart.zoom.x is not None
        assert chart.cursor is not None
        assert chart.zoom.x[0] <= chart.cursor <= chart.zoom.x[1]
        await opened.press("escape")
        assert chart.cursor is None
        await opened.press("escape", "j")
        await opened.until(lambda: chart.zoom == Zoom())


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=str)
async def test_sixteen_colours_are_enough(folder: Path, size: tuple[int, int]) -> None:
    """No letter vanishes into its ground, and what a colour says of a cell its shade says, too."""
    study = write_study(folder)
    write_trials(RUNS, study)
    async with open_studies(size) as opened:
        await opened.until(lambda: opened.screen.finding is not None and "1.9" in opened.all_text)
        means = [cell.estimate.mean for cell in read_results(study, RUNS).cells if cell.estimate is not None]
        shades = [shade for shade in opened.screen.query_one(HeatMap).render().plain if shade in SHADES[:-1]]
        assert sorted(shades) == sorted(SHADES[level(mean, means)] for mean in means if level(mean, means) < LEVELS - 1)
        for _ in VIEWS:
            await opened.press("right_square_bracket")
            for row in rows_of(opened.app):
                for segment in row:
                    style = segment.style
                    if style is None or style.color is None or style.bgcolor is None or not segment.text.strip():
                        continue
                    ink, ground = (colour.downgrade(ColorSystem.STANDARD) for colour in (style.color, style.bgcolor))
                    assert ink.number != ground.number, segment.text


async def test_where_no_law_can_be_fitted_it_says_why(folder: Path) -> None:
    study = write_study(folder, grid="[grid]\nmodel.n_embd = [8, 16]\n")
    write_trials(RUNS, study)
    async with open_studies() as opened:
        await opened.until(lambda: opened.screen.finding is not None)
        await opened.press("right_square_bracket", "right_square_bracket")
        await opened.until(lambda: "takes 6 cells or more that are done, not 2" in opened.text("#law-words"))


async def test_a_file_with_a_fault_is_listed_with_it_and_read_again_when_it_is_mended(folder: Path) -> None:
    write_study(folder)
    file = folder / "studies" / "bad.toml"
    good = (folder / "studies" / "width.toml").read_text().replace('"width"', '"other"')
    file.write_text(good.replace("[1, 2, 3]", "[1, 1]"))
    async with open_studies() as opened:
        await opened.until(lambda: "studies/bad.toml:6: study.seeds: not possible" in opened.text("#fault"))
        await opened.until(lambda: "width" in opened.all_text)
        file.write_text(good)
        await opened.until(lambda: "other" in opened.all_text and not opened.screen.has_class("-fault"))


async def test_enter_shows_the_best_trial_of_a_cell_on_train_or_the_one_that_runs(folder: Path) -> None:
    study = write_study(folder)
    write_trials(RUNS, study, lambda trial: trial.seed < 3)
    async with open_studies() as opened:
        await opened.until(lambda: "18 of 27" in opened.all_text and opened.screen.cell is not None)
        await opened.press("enter", "enter")
        assert opened.app.current_mode == "train"
        assert opened.app.watched is not None
        assert opened.app.watched.name == "width.09-001"  # the luckiest seed
        running = write_trial(RUNS, study.trials[-1], done=False)
        with running.lock():
            await opened.press("Y")
            await opened.until(lambda: "1 running" in opened.all_text)
            await opened.press("enter")
            assert opened.app.watched == running
            await opened.press("Y", "P")
            await opened.until(lambda: commands(running.control_file) == ["pause"])
            await opened.press("s")  # which stops it where that can be
            await opened.until(lambda: "by nobody on this machine" in "".join(toasts(opened.app)))
        await opened.until(lambda: "1 stopped" in opened.all_text)


async def test_start_says_what_it_means_and_does_nothing_before_it_is_told_to(folder: Path) -> None:
    study = write_study(folder)
    async with open_studies() as opened:

        async def asked() -> str:
            await opened.press("s")
            await opened.until(lambda: isinstance(opened.app.screen, Question))
            assert isinstance(opened.app.screen, Question)
            assert opened.app.focused is opened.app.screen.query_one("#answer-cancel")
            question = opened.app.screen.question
            await opened.press("enter")
            await opened.until(lambda: opened.app.screen is opened.screen)
            return question

        await opened.until(lambda: "0 of 27" in opened.all_text)
        assert "27 trials (" in (question := await asked())
        assert "how long they take cannot be said before one is done" in question
        phase = load_phase("phases/base.toml")
        steps = [
            events.Step(
                step=step, time=BEGAN + step / 20, loss=2.0, learning_rate=1e-3, grad_norm=1.0, tokens=64 * step
            )
            for step in range(1, 20)
        ]
        write_run(RUNS, "base-004", phase, [started(phase), *steps])
        assert re.search(r"27 trials, about .+ at a time\), by the speed of base-004\?", await asked())
        write_trials(RUNS, study, lambda trial: trial.seed < 3)
        await opened.until(lambda: "18 of 27" in opened.all_text)
        assert re.search(r"9 trials, about .+ at a time\)\?", await asked())
        assert not opened.screen.training.started


async def test_nothing_that_cannot_be_done_is_done(folder: Path) -> None:
    study = write_study(folder, grid="")
    write_trials(RUNS, study)
    async with open_studies() as opened:
        await opened.until(lambda: "3 of 3" in opened.all_text)
        await opened.press("s")
        assert "has nothing left to train" in toasts(opened.app)[-1]
        await opened.press("P")
        assert "no trial of width is running" in toasts(opened.app)[-1]


async def test_seeds_are_added_to_the_file_once_their_price_was_said(folder: Path) -> None:
    study = write_study(folder)
    write_trials(RUNS, study)
    file = folder / "studies" / "width.toml"
    before = file.read_text()
    async with open_studies() as opened:
        await opened.until(lambda: "27 of 27" in opened.all_text)
        await opened.press("plus")
        await opened.until(lambda: isinstance(opened.app.screen, InputDialog))
        question = opened.app.screen.question  # type: ignore[attr-defined]
        assert "One more: 9 trials, about " in question
        opened.app.screen.query_one(Input).value = "x"
        await opened.press("enter")
        assert isinstance(opened.app.screen, InputDialog)
        opened.app.screen.query_one(Input).value = "2"
        await opened.press("enter")
        await opened.until(lambda: isinstance(opened.app.screen, Question))
        assert file.read_text() == before
        assert "18 trials" in opened.app.screen.question
        await opened.press("a")
        await opened.until(lambda: "27 of 45" in opened.all_text)
    assert file.read_text() == before.replace("[1, 2, 3]", "[1, 2, 3, 4, 5]")


TINY_STUDY = """\
[study]
name = "small"
phase = "phases/tiny.toml"
seeds = [1, 2]

[set]
training.max_iters = {steps}
evaluation.interval = {every}
sampling.prompts = []

[grid]
model.n_embd = [8, 16]
"""


@pytest.mark.long
async def test_a_study_is_started_and_ends(folder: Path, tiny_toml: str) -> None:
    (folder / "phases" / "tiny.toml").write_text(tiny_toml)
    (folder / "studies").mkdir()
    (folder / "studies" / "small.toml").write_text(TINY_STUDY.format(steps=6, every=2))
    async with open_studies() as opened:
        await opened.until(lambda: "0 of 4" in opened.all_text)
        await opened.press("s", "t")
        await opened.until(lambda: "4 trials to train" in "".join(toasts(opened.app)[-1:]))
        process = opened.screen.training.started["studies/small.toml"].process
        await opened.until(lambda: "4 of 4" in opened.all_text)
        await opened.until(lambda: not opened.screen.training.started)
        assert process.returncode == 0
    assert read_results(load_study("studies/small.toml", CLAIMS), RUNS).count("done") == 4


@pytest.mark.long
async def test_stop_saves_and_start_goes_on(folder: Path, tiny_toml: str) -> None:
    (folder / "phases" / "tiny.toml").write_text(tiny_toml)
    (folder / "studies").mkdir()
    (folder / "studies" / "small.toml").write_text(TINY_STUDY.format(steps=50_000, every=1000))
    async with open_studies() as opened:
        await opened.until(lambda: "0 of 4" in opened.all_text)
        await opened.press("s", "t")
        await opened.until(lambda: opened.screen.training.started)
        process = opened.screen.training.started["studies/small.toml"].process
        await opened.until(lambda: "running" in opened.all_text)
        opened.screen.training.started.clear()  # as a console that was started later, which knows it by its locks alone
        await opened.press("s")
        await opened.until(lambda: process.poll() is not None)
        assert process.returncode == 130
        await opened.until(lambda: "stopped" in opened.all_text and "running" not in opened.all_text)
    assert all(run.last_file.exists() for run in all_runs(RUNS))


async def test_no_key_waits_long_where_a_hundred_trials_are_shown(folder: Path) -> None:
    widths = ", ".join(f"{8 * n}" for n in range(1, 35))
    study = write_study(folder, grid=f"[grid]\nmodel.n_embd = [{widths}]\n")
    assert len(study.trials) == 102
    write_trials(RUNS, study)
    async with open_studies() as opened:
        await opened.until(lambda: "102 of 102" in opened.all_text and opened.screen.finding is not None)
        await opened.press("enter")
        longest = 0.0

        async def feel() -> None:
            nonlocal longest
            while True:
                began = time.perf_counter()
                await asyncio.sleep(0.005)
                longest = max(longest, time.perf_counter() - began)

        feeling = asyncio.create_task(feel())
        await opened.press("down", "down", *["right_square_bracket"] * 6, "up")
        feeling.cancel()
        assert longest < 2.0  # seconds that the screen stood still; below 0.25 on an idle machine
        assert isinstance(opened.screen.focused, HeatMap)
