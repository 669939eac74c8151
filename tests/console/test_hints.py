"""The bottom line: a click on a key does what the key does, wherever it is bound."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.command import CommandPalette
from textual.widgets import Input, TextArea

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


@pytest.mark.parametrize("size", [(60, 15), NARROW], ids=str)
async def test_where_letters_are_typed_help_and_the_way_out_are_named(
    make_console: MakeConsole, until: Until, size: tuple[int, int]
) -> None:
    app = make_console("phases")
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: isinstance(app.screen, PhasesScreen) and app.screen.draft)

        def keys() -> list[str]:
            return str(app.screen.query_one(Hints).render()).split("  ")

        await until(pilot, lambda: "? help" in keys())
        for opens, way_out in (("e", "esc list"), ("f", "esc list"), ("slash", "esc clear")):
            await pilot.press(opens)
            await until(pilot, lambda: isinstance(app.focused, Input | TextArea))
            await until(pilot, lambda way_out=way_out: {way_out, "F1 help"} <= set(map(str.strip, keys())))  # type: ignore[misc]
            assert len(str(app.screen.query_one(Hints).render()).rstrip()) <= size[0]
            await pilot.press("escape")
            await until(pilot, lambda: "? help" in keys())


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
