"""The console with Runs open, for tests of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual.pilot import Pilot
from textual.widgets import Static

from slmtui.console.app import Console
from slmtui.console.charts.widget import Chart
from slmtui.console.screens.runs.run_list import RunList
from slmtui.console.screens.runs.screen import RunsScreen
from slmtui.console.ui_state import UIState
from tests.console.screen_text import toasts
from tests.patience import until

WIDE, NARROW = (120, 40), (80, 24)


class Opened:
    """The console with Runs open, and short ways to look at it."""

    def __init__(self, app: Console, pilot: Pilot[str]) -> None:
        self.app, self.pilot = app, pilot

    @property
    def screen(self) -> RunsScreen:
        screen = self.app.screen_stack[0]
        assert isinstance(screen, RunsScreen)
        return screen

    @property
    def names(self) -> list[str]:
        return [str(row.key.value) for row in self.table.ordered_rows]

    @property
    def table(self) -> RunList:
        return self.screen.query_one(RunList)

    def row(self, name: str) -> dict[str, str]:
        columns = [str(column.key.value) for column in self.table.ordered_columns]
        cells = [str(cell).strip() for cell in self.table.get_row(name)]
        return dict(zip(columns, cells, strict=True))

    def text(self, selector: str) -> str:
        return str(self.screen.query_one(selector, Static).content)

    @property
    def curves(self) -> dict[str, list[float]]:
        spec = self.screen.query_one(Chart).spec
        assert spec is not None
        return {series.name: series.ys.tolist() for series in spec.series}

    @property
    def said(self) -> str:
        """The last toast."""
        return toasts(self.app)[-1]

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def until(self, happened: Callable[[], Any]) -> None:
        await until(self.pilot, happened)

    async def go_to(self, name: str) -> None:
        self.table.move_cursor(row=self.names.index(name))
        await self.pilot.pause()


@asynccontextmanager
async def open_runs(checkpoints: Path, size: tuple[int, int] = WIDE, *, empty: bool = False) -> AsyncIterator[Opened]:
    memory = UIState(checkpoints.parent / "memory.json")
    memory.remember("screen", "runs")
    app = Console(checkpoints, log=checkpoints.parent / "console.log", ui_state=memory)
    async with app.run_test(size=size) as pilot:
        opened = Opened(app, pilot)
        await opened.until(lambda: isinstance(app.screen_stack[0], RunsScreen))
        screen = opened.screen
        await opened.until(lambda: "There are no runs" in opened.text("#empty") if empty else screen.query(Chart))
        await pilot.pause()
        try:
            yield opened
        finally:
            app.trainer.leave()
            await asyncio.to_thread(app.trainer.join)
