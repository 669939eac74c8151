"""Dialogs: on which screen they appear, and what they take."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest
from textual.screen import Screen
from textual.widgets import Button
from textual.widgets._toast import Toast

from slmtui.console.app import Console
from slmtui.console.dialogs.input import InputDialog, SelectDialog
from slmtui.console.dialogs.progress import ProgressDialog
from slmtui.console.dialogs.question import Message, Question
from slmtui.console.dialogs.source import SourceDialog
from slmtui.console.screens.runs.screen import RunsScreen
from slmtui.console.workers.trainer_thread import Failure
from tests.console.conftest import NARROW, MakeConsole, Until
from tests.console.screen_text import rows_of, toasts


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


@pytest.mark.parametrize("letter", ["l", "h"])
async def test_each_letter_answers(make_console: MakeConsole, until: Until, letter: str) -> None:
    app, answers = make_console("runs"), list[str | None]()
    async with app.run_test(size=NARROW) as pilot:
        labels = {"stay": "Cancel", "l": "Leave without saving", "h": "Hang up"}
        app.push_screen(Question("Go on?", labels), answers.append)
        await until(pilot, lambda: isinstance(app.screen, Question))
        await pilot.press(letter)
        await until(pilot, lambda: answers == [letter])


async def test_what_is_pressed_twice_closes_one_dialog(make_console: MakeConsole, until: Until) -> None:
    app, answers = make_console("runs"), list[str | None]()
    async with app.run_test(size=NARROW) as pilot:
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))
        below = Question("And then?", {"no": "No"})
        for question in (below, Question("Go on?", {"yes": "Yes"})):
            app.push_screen(question, answers.append)
            await until(pilot, lambda question=question: app.screen is question and question.focused)  # type: ignore[misc]
        button = app.screen.query_one("#answer-yes", Button)
        for _ in range(3):
            app.screen.post_message(Button.Pressed(button))
        await until(pilot, lambda: answers == ["yes"])
        await pilot.pause()
        assert app.screen is below
        await pilot.press("n", "escape", "n")
        await until(pilot, lambda: answers == ["yes", "no"])
        assert isinstance(app.screen, RunsScreen)


async def test_words_to_read_close_once(make_console: MakeConsole, until: Until) -> None:
    app = make_console("runs")
    async with app.run_test(size=NARROW) as pilot:
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))
        below, above = (Message(words, title=words) for words in ("below", "above"))
        app.push_screen(below)
        app.push_screen(above)
        await until(pilot, lambda: app.screen is above)
        above.dismiss()
        above.dismiss()
        await pilot.pause()
        assert app.screen is below


@pytest.mark.parametrize(
    "dialog",
    [
        lambda: Question("Go on?", {"yes": "Yes"}),
        lambda: Message("words", title="a title"),
        lambda: InputDialog("Name:", title="a name", value="", wrong=lambda _: ""),
        lambda: SelectDialog(["one", "two"], title="which"),
        lambda: SourceDialog("which text"),
    ],
)
@pytest.mark.parametrize("size", [(60, 15), NARROW])
async def test_what_lies_behind_a_dialog_is_dimmed_and_not_gone(
    make_console: MakeConsole, until: Until, dialog: Callable[[], Screen[object]], size: tuple[int, int]
) -> None:
    app = make_console("runs")
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))
        app.push_screen(dialog())
        await until(pilot, lambda: app.screen.is_modal and app.screen.is_mounted)
        await pilot.pause()
        assert "Phases" in rows_of(app)[0].text
        colours = {segment.style.color for segment in rows_of(app)[0] if segment.style is not None}
        bright = app.theme_variables["accent"].lower()
        assert all(colour is None or colour.get_truecolor().hex != bright for colour in colours)


@pytest.mark.parametrize("size", [(60, 15), NARROW])
@pytest.mark.parametrize("words", ["short", ("many words " * 15).strip()])
async def test_a_toast_covers_nothing_but_keys(
    make_console: MakeConsole, until: Until, size: tuple[int, int], words: str
) -> None:
    app = make_console("runs")
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))
        app.notify("an earlier one")
        app.notify(words)
        await until(pilot, lambda: _seen_toasts(app) == [words])
        (toast,) = [one for one in app.screen.query(Toast) if one.region]
        await until(pilot, lambda: not toast.region.overlaps(app.screen.query_one("#body").region))
        assert toast.region.bottom == size[1]
        assert words.split()[-1] in "".join(row.text for row in rows_of(app)[-toast.region.height :])


def _seen_toasts(app: Console) -> list[str]:
    return [str(toast.render()) for toast in app.screen.query(Toast) if toast.region]


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


@pytest.mark.parametrize("keys", [("f1", "escape"), ("d", "r")], ids=["help is open", "another screen is seen"])
async def test_a_job_that_ends_where_its_dialog_is_not_on_top_gives_its_result_once_it_is(
    make_console: MakeConsole, until: Until, keys: tuple[str, str]
) -> None:
    app = make_console("runs")
    async with app.run_test(size=NARROW) as pilot:
        done, results = threading.Event(), list[object]()
        app.push_screen(ProgressDialog(lambda *_: done.wait(60), title="a job", about="A job."), results.append)
        await until(pilot, lambda: isinstance(app.screen, ProgressDialog))
        working = app.screen
        leave, come_back = keys
        if leave == "d":
            app.switch_mode("data")
        else:
            await pilot.press(leave)
        await until(pilot, lambda: app.screen is not working)
        above = app.screen
        done.set()
        await until(pilot, lambda: all(worker.is_finished for worker in working.workers))
        await pilot.pause(0.1)
        assert (results, app.screen) == ([], above)
        await pilot.press(come_back)
        await until(pilot, lambda: results == [True])
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))
