"""The bottom line: a click on a key does what the key does, wherever it is bound."""

from __future__ import annotations

from pathlib import Path

from textual.command import CommandPalette

from slmtui.console.dialogs.question import Message
from slmtui.console.hints import Hints
from slmtui.console.screens.phases.screen import PhasesScreen
from tests.console.conftest import NARROW, MakeConsole, Until


async def test_a_click_does_what_the_key_does(make_console: MakeConsole, until: Until) -> None:
    app = make_console("phases")
    async with app.run_test(size=NARROW) as pilot:
        await until(pilot, lambda: isinstance(app.screen, PhasesScreen) and app.screen.draft)
        screen = app.screen
        assert isinstance(screen, PhasesScreen)

        async def click(words: str) -> None:
            hints = screen.query_one(Hints)
            await until(pilot, lambda: words in str(hints.render()))
            await pilot.click(hints, offset=(str(hints.render()).index(words), 0))

        await click("mark")  # bound in the list, for the screen
        await until(pilot, lambda: screen.marked == [Path("phases/tiny.toml")])
        await click("help")  # bound in the app
        await until(pilot, lambda: isinstance(app.screen, Message))
        await pilot.press("escape")
        await click("edit")
        await until(pilot, lambda: "esc" in str(screen.query_one(Hints).render()))


async def test_the_palette_opens_once_whatever_stands_upon_it(make_console: MakeConsole, until: Until) -> None:
    app = make_console("phases")
    async with app.run_test(size=NARROW) as pilot:
        await until(pilot, lambda: isinstance(app.screen, PhasesScreen) and app.screen.draft)
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, CommandPalette))
        await pilot.press("f1", "ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, Message))
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(app.screen, CommandPalette))
        await pilot.press("ctrl+p", "escape")
        await until(pilot, lambda: isinstance(app.screen, PhasesScreen))
