"""A console that shows the Studies screen."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual.pilot import Pilot
from textual.widgets import Static

from slmtui.console.app import Console
from slmtui.console.screens.studies.screen import StudiesScreen
from slmtui.console.ui_state import UIState
from tests.console.screen_text import rows_of
from tests.patience import until

WIDE, NARROW, TINY = (120, 40), (80, 24), (60, 15)


RUNS = Path("checkpoints")


class Opened:
    def __init__(self, app: Console, pilot: Pilot[str]) -> None:
        self.app, self.pilot = app, pilot

    @property
    def screen(self) -> StudiesScreen:
        screen = self.app.screen_stack[0]
        assert isinstance(screen, StudiesScreen)
        return screen

    @property
    def all_text(self) -> str:
        return "\n".join("".join(segment.text for segment in row) for row in rows_of(self.app))

    def text(self, selector: str) -> str:
        return str(self.screen.query_one(selector, Static).content)

    async def until(self, happened: Callable[[], Any]) -> None:
        await until(self.pilot, happened)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()


@asynccontextmanager
async def open_studies(size: tuple[int, int] = NARROW, glyphs: str = "braille") -> AsyncIterator[Opened]:
    memory = UIState(Path("memory.json"))
    memory.remember("screen", "studies")
    app = Console(RUNS, log=Path("console.log"), ui_state=memory, glyphs=glyphs)  # type: ignore[arg-type]
    async with app.run_test(size=size) as pilot:
        opened = Opened(app, pilot)
        await opened.until(lambda: isinstance(app.screen_stack[0], StudiesScreen) and app.screen_stack[0].is_mounted)
        await opened.until(lambda: "Reading" not in opened.text("#empty") or opened.screen.studies)
        yield opened
        app.trainer.leave()
