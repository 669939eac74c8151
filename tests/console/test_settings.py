"""The settings in the console: shown, changed, kept in a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Input

from slmtui.console.dialogs.input import InputDialog
from slmtui.console.dialogs.settings import SettingsDialog
from slmtui.settings import Settings, load_settings, settings_file
from tests.console.conftest import MakeConsole, Until
from tests.console.screen_text import rows_of

HERE = (80, 24)


@pytest.fixture(autouse=True)
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


async def test_each_is_shown_changed_and_kept(make_console: MakeConsole, until: Until) -> None:
    app = make_console("runs")

    def seen() -> str:
        return "\n".join(row.text for row in rows_of(app))

    async with app.run_test(size=HERE) as pilot:
        assert any(one.title == "Settings  ·  f2" for one in app.get_system_commands(app.screen))  # of ctrl+p
        await pilot.press("f2")
        await until(pilot, lambda: "settings.toml" in seen())
        for line in (
            "theme          dark",
            "glyphs         auto",
            "refresh        0.25",
            "bell           on",
            "on finish      none",
        ):
            assert line in seen()
        await pilot.press("enter")
        await until(pilot, lambda: app.theme == "slmtui-light" and "theme          light" in seen())
        await pilot.press("down", "space")
        await until(pilot, lambda: "glyphs         braille" in seen())
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(app.screen, InputDialog))
        app.screen.query_one(Input).value = "9"
        await pilot.press("enter")
        await until(pilot, lambda: "allowed: a number from 0.1 to 5" in seen())
        app.screen.query_one(Input).value = "1"
        await pilot.press("enter")
        await until(pilot, lambda: "refresh        1" in seen())
        await pilot.press("down", "enter")
        await until(pilot, lambda: "bell           off" in seen())
        await pilot.press("down", "down", "enter")
        await until(pilot, lambda: isinstance(app.screen, InputDialog))
        await pilot.press(*"true", "enter")
        await until(pilot, lambda: "on finish      true" in seen())
        assert load_settings() == app.settings == Settings("braille", 1.0, bell=False, on_finish="true")
        assert app.trainer.on_finish == "true"
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, SettingsDialog))


async def test_a_file_with_a_mistake_is_not_written_over(make_console: MakeConsole, until: Until) -> None:
    app = make_console("runs")
    async with app.run_test(size=HERE) as pilot:
        settings_file().parent.mkdir(parents=True)
        settings_file().write_text("bel = true\n")
        await pilot.press("f2")
        await until(pilot, lambda: isinstance(app.screen, SettingsDialog))
        await pilot.press("down", "down", "down", "enter")
        await until(pilot, lambda: any("did you mean bell?" in note.message for note in app._notifications))
        assert settings_file().read_text() == "bel = true\n"
        assert app.settings.bell
