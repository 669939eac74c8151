"""The Studies screen: what is trained, paused and stopped from it, and asked before."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from textual.screen import Screen
from textual.widgets import Input

from slmtui.config.phase_file import load_phase
from slmtui.config.study import load_study
from slmtui.console.dialogs.input import InputDialog
from slmtui.console.dialogs.question import Question
from slmtui.console.screens.studies.words import why_not_yet
from slmtui.runs.run import all_runs
from slmtui.studies.claims import CLAIMS
from slmtui.studies.reading import read_results
from slmtui.training import events
from tests.console.screen_text import toasts
from tests.console.screens.studies.opened import RUNS, open_studies
from tests.console.screens.studies.written_studies import write_study, write_trial, write_trials
from tests.console.tiny_runs import tiny_study
from tests.written_runs import BEGAN, started, write_run


def commands(file: Path) -> list[str]:
    return [json.loads(line)["command"] for line in file.read_text().splitlines()] if file.exists() else []


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


@pytest.mark.parametrize(("key", "dialog"), [("s", Question), ("plus", InputDialog)])
async def test_a_key_that_is_pressed_twice_asks_once(folder: Path, key: str, dialog: type[Screen[object]]) -> None:
    write_study(folder)
    async with open_studies() as opened:
        await opened.until(lambda: "0 of 27" in opened.all_text)
        begin = opened.screen.action_start if key == "s" else opened.screen.action_seeds
        workers = [begin(), begin()]
        await opened.until(lambda: isinstance(opened.app.screen, dialog))
        await opened.until(lambda: workers[1].is_finished)
        await opened.press("escape")
        await opened.until(lambda: opened.app.screen is opened.screen and workers[0].is_finished)
        await opened.press(key)
        await opened.until(lambda: isinstance(opened.app.screen, dialog))


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


def small_study(folder: Path, steps: int, every: int) -> None:
    (folder / "studies").mkdir()
    settings = f"training.max_iters = {steps}\nevaluation.interval = {every}\nsampling.prompts = []\n"
    (folder / "studies" / "small.toml").write_text(tiny_study("small", "tiny", settings))


@pytest.mark.long
async def test_a_study_is_started_and_ends(folder: Path, tiny_toml: str) -> None:
    (folder / "phases" / "tiny.toml").write_text(tiny_toml)
    small_study(folder, steps=6, every=2)
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
    small_study(folder, steps=50_000, every=1000)
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


def test_why_a_study_is_neither_started_nor_stopped_names_the_key_of_what_can_be_done() -> None:
    assert why_not_yet("width", "start", at_work=True) == (
        "width is being trained already; s saves and stops its trials"
    )
    assert why_not_yet("width", "stop", at_work=False) == "no trial of width is running; s trains what is missing"
    assert why_not_yet("width", "start", at_work=False) == why_not_yet("width", "stop", at_work=True) == ""
