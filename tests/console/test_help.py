"""Help: its headings are words for a person, not the names of classes."""

from __future__ import annotations

import importlib
import pkgutil

from textual.screen import Screen
from textual.widget import Widget

import slmtui.console
from slmtui.console.dialogs.help import help_for
from tests.console.conftest import WIDE, MakeConsole, Until


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


def _subclasses(cls: type[Widget]) -> set[type[Widget]]:
    direct = cls.__subclasses__()
    return {*direct, *(found for one in direct for found in _subclasses(one))}
