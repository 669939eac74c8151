"""What ctrl+p finds, and where it goes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.command import CommandList, CommandPalette
from textual.widgets import Input

from slmtui.console.app import Console
from slmtui.console.base import MODES
from slmtui.console.dialogs.serving import ServingDialog
from slmtui.console.dialogs.settings import SettingsDialog
from slmtui.console.finding import keys_of
from slmtui.console.screens.phases.phase_list import PhaseList
from slmtui.console.screens.phases.screen import PhasesScreen
from slmtui.console.screens.runs.exporting import ExportDialog
from slmtui.runs.run import Run
from tests.console.conftest import NARROW, MakeConsole, Until
from tests.console.screen_text import rows_of, toasts


def seen(app: Console) -> str:
    return "\n".join(row.text for row in rows_of(app))


def test_every_screen_has_keys_to_be_found() -> None:
    for mode in MODES:
        keys = keys_of(mode)
        assert keys, mode
        assert len({key.binding.action for key in keys}) == len(keys)


@pytest.mark.parametrize(
    ("typed", "where", "so"),
    [
        ("runs: sort", "runs", lambda app: app.screen.panel.order != "run"),
        ("phases: file", "phases", lambda app: app.screen.editor.view == "file"),
        ("train: log-y", "train", lambda app: app.screen.charts.view.log_y),
        ("run tiny-001", "train", lambda app: app.watched.name == "tiny-001"),
        ("phase tiny", "phases", lambda app: app.screen.query_one(PhaseList).path.stem == "tiny"),
        ("settings", "data", lambda app: isinstance(app.screen, SettingsDialog)),
        ("theme light", "data", lambda app: app.theme == "slmtui-light"),
    ],
)
async def test_what_is_found_is_gone_to_and_done(
    make_console: MakeConsole, finished_run: Run, until: Until, typed: str, where: str, so: Callable[[Console], bool]
) -> None:
    app = make_console("data")
    async with app.run_test(size=NARROW, notifications=True) as pilot:
        await until(pilot, lambda: app.screen.is_mounted)
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, CommandPalette) and app.screen.query(Input))
        app.screen.query_one(Input).value = typed
        commands = app.screen.query_one(CommandList)

        def first() -> str:
            return str(commands.get_option_at_index(0).prompt) if commands.option_count else ""

        await until(pilot, lambda: first().lower().startswith(typed) and commands.highlighted == 0)
        await pilot.press("enter")
        await until(pilot, lambda: app.current_mode == where and not isinstance(app.screen, CommandPalette))
        await until(pilot, lambda: so(app))


async def test_brackets_in_a_name_are_no_markup(
    make_console: MakeConsole, project: Path, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "a[b]"
    shutil.copy(project / "phases/tiny.toml", project / f"phases/{name}.toml")
    app = make_console("data")
    async with app.run_test(size=NARROW, notifications=True) as pilot:
        await until(pilot, lambda: app.screen.is_mounted)
        app.screen.notify(f"{name} is a name")
        await until(pilot, lambda: toasts(app)[-1:] == [f"{name} is a name"])
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, CommandPalette) and app.screen.query(Input))
        app.screen.query_one(Input).value = f"phase {name}"
        commands = app.screen.query_one(CommandList)

        def first() -> str:
            return str(commands.get_option_at_index(0).prompt) if commands.option_count else ""

        await until(pilot, lambda: first() == f"Phase {name}\nphases/{name}.toml")
        await pilot.press("escape")
        await app.push_screen(ExportDialog(name))
        await until(pilot, lambda: f"export {name}" in seen(app))
        app.pop_screen()
        monkeypatch.setattr(app.server, "start", lambda _: None)
        await app.push_screen(ServingDialog(app.server, Run(Path("checkpoints") / name)))
        await until(pilot, lambda: f"serve {name}" in seen(app))


async def test_what_cannot_be_done_there_now_is_said(make_console: MakeConsole, until: Until) -> None:
    app = make_console("phases")
    async with app.run_test(size=NARROW, notifications=True) as pilot:
        await until(pilot, lambda: isinstance(app.screen, PhasesScreen))
        (pause,) = [key for key in keys_of("train") if key.binding.action == "pause"]
        await app.go_and_do("train", pause.owner, pause.binding)
        await until(pilot, lambda: app.current_mode == "train")
        said = "nothing is being trained: enter trains phases/tiny.toml"
        await until(pilot, lambda: toasts(app)[-1:] == [said])


async def test_a_key_that_has_nothing_to_do_says_why(make_console: MakeConsole, until: Until) -> None:
    app = make_console("train")
    async with app.run_test(size=NARROW, notifications=True) as pilot:
        await until(pilot, lambda: app.screen.has_class("-empty"))
        await pilot.press("space")
        await until(pilot, lambda: "nothing is being trained: enter trains phases/tiny.toml" in toasts(app))
        await pilot.press("y")
        await until(pilot, lambda: toasts(app)[-1].startswith("no run is shown here yet"))
