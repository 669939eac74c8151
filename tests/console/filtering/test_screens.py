"""The filter on Data and Phases, where what is listed is also what keys act on."""

from __future__ import annotations

from pathlib import Path

from slmtui.console.app import Console
from slmtui.console.filtering.line import FilterInput
from slmtui.console.screens.data.file_table import FilesTable
from slmtui.console.screens.phases.phase_list import PhaseList
from slmtui.console.screens.phases.screen import PhasesScreen
from tests.console.conftest import NARROW, MakeConsole, Until
from tests.console.screen_text import rows_of


def seen(app: Console) -> str:
    return "\n".join("".join(segment.text for segment in row) for row in rows_of(app))


async def test_phases_are_filtered_and_the_one_in_view_is_a_listed_one(
    make_console: MakeConsole, project: Path, tiny_toml: str, until: Until
) -> None:
    (project / "phases" / "wide.toml").write_text(tiny_toml.replace('name = "tiny"', 'name = "wide"'))
    (project / "phases" / "broken.toml").write_text("[phase")
    app = make_console("phases")
    async with app.run_test(size=NARROW) as pilot:
        await until(pilot, lambda: isinstance(app.focused, PhaseList))
        phases = app.screen.query_one(PhaseList)
        await until(pilot, lambda: len(phases.rows) == 3)
        await pilot.press("slash", *"phase:wi", "enter")
        await until(pilot, lambda: [row.path.stem for row in phases.rows] == ["wide"])
        await until(pilot, lambda: phases.path == app.phase_file == Path("phases/wide.toml"))
        assert "1 of 3" in seen(app)
        await pilot.press("escape", "slash", *"wrong:broken", "enter")
        await until(pilot, lambda: [row.path.stem for row in phases.rows] == ["broken"])
        await pilot.press("escape", "slash", *"nonesuch", "enter", "x", "s", "e", "y")
        await until(pilot, lambda: phases.rows == [])
        assert not app.screen.is_modal
        assert isinstance(app.screen, PhasesScreen)
        assert app.screen.draft is None
        await pilot.press("escape")
        await until(pilot, lambda: len(phases.rows) == 3 and phases.path is not None)
        assert len(list((project / "phases").iterdir())) == 3


async def test_files_are_filtered_by_name_side_and_size(make_console: MakeConsole, until: Until) -> None:
    app = make_console("data")
    async with app.run_test(size=NARROW) as pilot:
        await until(pilot, lambda: app.screen.query(FilesTable) and app.screen.query_one(FilesTable).rows_shown)
        table = app.screen.query_one(FilesTable)
        everything = [row.name for row in table.rows_shown]
        some = [row.name for row in table.rows_shown if row.side == "val"]
        await pilot.press("slash", *"side:val", "enter")
        await until(pilot, lambda: f"{len(some)} of {len(everything)}" in seen(app))
        assert [row.name for row in table.rows_shown] == some
        await pilot.press("slash")
        app.screen.query_one(FilterInput).value = "tokens>1G"
        await until(pilot, lambda: table.rows_shown == [])
        await pilot.press("enter", "space", "j", "enter", "1", "escape")
        await until(pilot, lambda: [row.name for row in table.rows_shown] == everything)
