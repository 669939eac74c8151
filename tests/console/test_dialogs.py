"""Dialogs: on which screen they appear, and what they take."""

from __future__ import annotations

import asyncio

from slmtui.console.dialogs.question import Message, Question
from slmtui.console.screens.runs.screen import RunsScreen
from slmtui.console.workers.trainer_thread import Failure
from tests.console.conftest import NARROW, MakeConsole, Until
from tests.console.screen_text import toasts


async def test_a_dialog_that_is_late_waits_on_the_screen_that_asked(make_console: MakeConsole, until: Until) -> None:
    app = make_console("complete")
    async with app.run_test(size=NARROW) as pilot:
        measured, answers = asyncio.Event(), list[str | None]()

        async def ask() -> None:
            await measured.wait()
            answers.append(await app.push_screen_wait(Question("Go on?", {"yes": "Yes", "no": "No"})))

        app.screen.run_worker(ask())
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))
        measured.set()
        await until(pilot, lambda: "Complete has something to say: c goes there" in toasts(app))
        await pilot.press("y", "n")
        assert answers == []
        assert isinstance(app.screen, RunsScreen)
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, Question))
        await pilot.press("y")
        await until(pilot, lambda: answers == ["yes"])


async def test_why_nothing_was_trained_is_read_on_train(make_console: MakeConsole, until: Until) -> None:
    app = make_console("runs")
    async with app.run_test(size=NARROW) as pilot:
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))
        app.trainer.failures.append(Failure("tiny", "the corpus is empty"))
        await until(pilot, lambda: "tiny could not be trained: t says why" in toasts(app))
        assert isinstance(app.screen, RunsScreen)
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, Message))
        assert isinstance(app.screen, Message)
        assert app.screen.text == "the corpus is empty"
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, Message))
