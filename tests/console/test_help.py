"""Help: its headings are words for a person, not the names of classes."""

from __future__ import annotations

import importlib
import pkgutil

from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

import slmtui.console
from slmtui.console.dialogs.help import help_for
from slmtui.console.dialogs.question import Message, Question
from slmtui.console.hints import Hints
from slmtui.console.screens.data.file_table import FilesTable
from slmtui.console.text.seen import text_seen
from slmtui.runs.run import Run
from tests.console.conftest import NARROW, WIDE, MakeConsole, Until
from tests.patience import until


def test_every_widget_that_has_keys_names_itself() -> None:
    for module in pkgutil.walk_packages(slmtui.console.__path__, "slmtui.console."):
        importlib.import_module(module.name)
    nameless = {
        widget.__name__
        for widget in _subclasses(Widget)
        if widget.__module__.startswith("slmtui.") and not issubclass(widget, Screen)
        if widget.__dict__.get("BINDINGS") and "BINDING_GROUP_TITLE" not in widget.__dict__
    }
    assert nameless == set()


async def test_the_keys_of_the_focused_widget_come_first_under_its_name(
    make_console: MakeConsole, until: Until
) -> None:
    app = make_console("train")
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: app.screen.has_class("-empty"))
        app.screen.query_one("#loss").focus()
        await pilot.pause()
        headings = [line for line in help_for(app.screen).text.split("\n") if line and not line.startswith(" ")]
        assert headings[:3] == ["Chart", "Train", "Everywhere"]


async def test_a_question_says_its_keys_too(make_console: MakeConsole, until: Until) -> None:
    app = make_console("train")
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: app.screen.has_class("-empty"))
        app.push_screen(
            Question("Set up?", {"set-up": "Set up a project", "not-now": "Not now"}, title="a new project")
        )
        await until(pilot, lambda: isinstance(app.screen, Question) and app.screen.is_mounted)
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, Message))
        text = app.screen.text  # type: ignore[attr-defined]
        assert text.startswith("This dialog\n")
        assert ["s", "Set up a project"] in [line.split(maxsplit=1) for line in text.split("\n")]
        await pilot.press("escape")
        assert isinstance(app.screen, Question)


async def test_the_arrows_have_the_words_of_the_list_they_move_in(make_console: MakeConsole, until: Until) -> None:
    app = make_console("data")
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: isinstance(app.focused, FilesTable))
        lines = [line.split(maxsplit=2) for line in help_for(app.screen).text.split("\n")]
        assert ["↓", "j", "next file"] in lines
        assert not any("Cursor" in line for line in help_for(app.screen).text.split("\n"))


async def test_a_run_that_has_ended_offers_no_keys_to_steer_it(
    make_console: MakeConsole, finished_run: Run, until: Until
) -> None:
    app = make_console("train")
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: finished_run.name in str(app.screen.query_one("#phase-title", Static).render()))
        commands = [command.title for command in app.get_system_commands(app.screen)]
        assert [name for name in commands if name.startswith(("Pause", "Next", "Evaluate", "Lower", "Rate"))] == []
        assert "the learning rate" not in help_for(app.screen).text.partition("Words")[0]


async def test_i_explains_the_words_that_stand_on_the_screen(
    make_console: MakeConsole, finished_run: Run, until: Until
) -> None:
    app = make_console("train")
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: finished_run.name in str(app.screen.query_one("#phase-title", Static).render()))
        await until(pilot, lambda: "b/byte" in text_seen(app.screen, app.screen.region))
        await pilot.press("i")
        await until(pilot, lambda: isinstance(app.screen, Message))
        explained = app.screen.text  # type: ignore[attr-defined]
        assert "gap\n  The validation loss minus the training loss" in explained
        assert "bits per byte\n" in explained
        assert "temperature" not in explained  # which stands on another screen
        assert "ensemble" not in explained
        await pilot.press("i", "question_mark")
        await until(pilot, lambda: isinstance(app.screen, Message) and app.screen.heading == "help")
        assert "Words on this screen\n" in app.screen.text  # type: ignore[attr-defined]


async def test_f1_is_help_everywhere_also_where_a_question_mark_is_typed(
    make_console: MakeConsole, until: Until
) -> None:
    app = make_console("data")
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: isinstance(app.focused, FilesTable))
        for opens, field in ((), None), (("o", "slash"), "PathInput"), (("ctrl+p",), "CommandInput"):
            await pilot.press(*opens)
            await until(pilot, lambda field=field: field is None or type(app.focused).__name__ == field)  # type: ignore[misc]
            before = app.screen
            await pilot.press("f1")
            await until(pilot, lambda: isinstance(app.screen, Message) and app.screen.heading == "help")
            await pilot.press("f1")
            await until(pilot, lambda before=before: app.screen is before)  # type: ignore[misc]
            await pilot.press(*["escape"] * bool(opens))
            await until(pilot, lambda: app.screen is app.screen_stack[0])


def _subclasses(cls: type[Widget]) -> set[type[Widget]]:
    direct = cls.__subclasses__()
    return {*direct, *(found for one in direct for found in _subclasses(one))}


async def test_under_a_dialog_the_bottom_line_has_none_of_the_keys_below_it(make_console: MakeConsole) -> None:
    app = make_console("runs")
    async with app.run_test(size=NARROW) as pilot:
        hints = app.screen.query_one(Hints)
        await until(pilot, lambda: "? help" in str(hints.render()))
        await pilot.press("question_mark")
        await until(pilot, lambda: app.screen.is_modal and str(hints.render()).strip() == "F1 help")
        await pilot.press("escape")
        await until(pilot, lambda: "? help" in str(hints.render()))
