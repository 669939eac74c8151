"""A console on Data, over ten files that are much alike, and what it shows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

from textual.pilot import Pilot
from textual.widgets import Static

from slmtui.console.app import Console
from slmtui.console.dialogs.source import SourceDialog
from slmtui.console.screens.data.screen import DataScreen
from slmtui.console.screens.data.token_view import TokenView
from slmtui.console.ui_state import UIState
from slmtui.console.workers.trainer_thread import TrainerThread
from tests.console.screen_text import rows_of
from tests.patience import until

PHASE = """\
[phase]
name = "alpha"
[data]
source = "corpus"
join = "published"  # so that the border may fall into a file
dataset_size = 700
patterns."opens" = 'open\\('
[tokenizer]
kind = "gpt2"
"""


NOUNS = ("order", "ticket", "sensor", "invoice", "parcel", "route", "driver", "depot", "label", "quota")


class IdleTrainer(TrainerThread):
    """Takes what is put and trains nothing."""

    def run(self) -> None:
        pass


def data(app: Console) -> DataScreen:
    return cast("DataScreen", app.screen_stack[0])


def complete(app: Console) -> bool:
    screen = app.screen_stack[0]
    return isinstance(screen, DataScreen) and screen.found is not None and screen.found.complete


@asynccontextmanager
async def console(size: tuple[int, int] = (120, 40), *, wait: bool = True) -> AsyncIterator[tuple[Console, Pilot[str]]]:
    """The console on its Data screen, with all found out, nothing trained and torch not imported."""
    app = Console(Path("checkpoints"), log=Path("console.log"), ui_state=UIState(Path("memory.json")))
    app.trainer = IdleTrainer(app.checkpoints)
    app.backend.start = lambda: None  # type: ignore[method-assign]
    async with app.run_test(size=size) as pilot:
        if not Path("phases").is_dir():  # then it opens on Phases, which offers to set up a project
            await until(pilot, lambda: isinstance(app.screen, SourceDialog))
            await pilot.press("escape")
            await until(pilot, lambda: not isinstance(app.screen, SourceDialog))
            await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, DataScreen))
        if wait:
            await until(pilot, lambda: complete(app))
            await pilot.pause()
        yield app, pilot


def text_of(app: Console, selector: str) -> str:
    widget = data(app).query_one(selector)
    static = widget if isinstance(widget, Static) else widget.query_one(Static)
    return str(static.content)


def seen(app: Console) -> str:
    """Everything on the screen, as text."""
    return "\n".join(row.text for row in rows_of(app))


def view(app: Console) -> TokenView:
    return data(app).query_one(TokenView)
