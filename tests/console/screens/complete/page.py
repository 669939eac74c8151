"""A console on its Complete screen as a page object: what tests read there and do there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual.pilot import Pilot
from textual.widget import Widget
from textual.widgets import Static

from slmtui.console.screens.complete.checkpoint_dialog import CheckpointDialog
from slmtui.console.screens.complete.completion_panel import CompletionPanel
from slmtui.console.screens.complete.prompt_area import PromptArea
from slmtui.console.screens.complete.sampling_fields import SamplingField
from slmtui.console.screens.complete.screen import CompleteScreen
from tests.console.tiny_runs import console
from tests.patience import until


class CompletePage:
    """A console that shows Complete, and what the tests ask of it."""

    def __init__(self, pilot: Pilot[Any]) -> None:
        self.pilot = pilot
        self.app: Any = pilot.app

    @property
    def screen(self) -> CompleteScreen:
        assert isinstance(self.app.screen, CompleteScreen)
        return self.app.screen

    @property
    def panel(self) -> CompletionPanel:
        return self.screen.panels[self.screen.current]

    @property
    def line(self) -> PromptArea:
        return self.screen.query_one(PromptArea)

    def status(self, panel: CompletionPanel | None = None) -> str:
        return str((panel or self.panel).query_one(".status", Static).render())

    def focuses(self, widget: Widget) -> bool:
        return self.app.focused is widget

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def until(self, true: Any, what: str = "what was waited for") -> None:
        await until(self.pilot, true, what)

    async def chooser(self) -> CheckpointDialog:
        """The list of models, once it has opened: they are looked for first."""
        await self.until(lambda: isinstance(self.app.screen, CheckpointDialog), "the list of models")
        assert isinstance(self.app.screen, CheckpointDialog)
        return self.app.screen

    def done(self) -> bool:
        """Are all panels drawn, judged and looked through?"""
        return all(p.count and not p.busy and "tok/s" in self.status(p) and "…" not in self.status(p)
                   for p in self.screen.panels)  # fmt: skip

    async def complete(self, prompt: str) -> None:
        before = self.screen.request
        self.line.put(prompt)
        self.line.focus()
        await self.press("enter")
        await self.until(lambda: self.screen.request is not before and self.done(), "the completion")

    async def set(self, name: str, value: str) -> None:
        self.screen.query_one(f"#set-{name}", SamplingField).value = value
        await self.pilot.pause()


@asynccontextmanager
async def complete_page(
    checkpoints: Path, folder: Path, size: tuple[int, int] = (120, 40)
) -> AsyncIterator[CompletePage]:
    app = console(checkpoints, folder)
    async with app.run_test(size=size) as pilot:
        page = CompletePage(pilot)
        await until(pilot, lambda: isinstance(app.screen, CompleteScreen) and app.screen.panels, "the first panel")
        await until(pilot, lambda: app.focused is page.line, "the focus in the prompt")
        yield page
