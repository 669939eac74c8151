"""A console that is behind: `pytest -p tests.late tests/console` finds tests that look before there is anything to see.

What has changed is painted a third of a second later, and what is done beside the console begins as much later, as on a
machine that has other work. A test that waits for one thing and then looks at another fails here every time, and not
once in a hundred runs.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from textual.pilot import Pilot
from textual.screen import Screen
from textual.worker import Worker

LATE = 0.3  # seconds
paint, pause = Screen._on_timer_update, Pilot.pause
run_threaded, to_thread = Worker._run_threaded, asyncio.to_thread
since: dict[int, float] = {}  # when each screen that is not painted yet has changed


def painted_late(self: Screen[Any]) -> None:
    if self._layout_required or self._dirty_widgets or self._repaint_required or self._scroll_required:
        if time.monotonic() - since.setdefault(id(self), time.monotonic()) < LATE:
            return
        del since[id(self)]
    paint(self)


async def paused(self: Pilot[Any], delay: float | None = None) -> None:
    await pause(self, delay)
    paint(self.app.screen)  # a test that waits for the screen has it


async def threaded_late(self: Worker[Any]) -> Any:
    await asyncio.sleep(LATE)
    return await run_threaded(self)


async def to_thread_late(*arguments: Any, **options: Any) -> Any:
    await asyncio.sleep(LATE)
    return await to_thread(*arguments, **options)


Screen._on_timer_update = painted_late  # type: ignore[method-assign]
Pilot.pause = paused  # type: ignore[method-assign]
Worker._run_threaded = threaded_late  # type: ignore[method-assign]
asyncio.to_thread = to_thread_late
