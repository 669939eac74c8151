"""Waiting for what is to happen: until it is so, and never for a time. A busy machine is given minutes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from textual.pilot import Pilot

PATIENCE = 300.0  # seconds; only a test that fails waits for all of them
ROUNDS = range(3, 10)  # of messages that bring others about, until a screen is drawn; one that moves is never done


def wait_for(true: Callable[[], object], what: str = "what was waited for") -> None:
    """Look until it is so; AssertionError if it does not come to that."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, f"in {PATIENCE:.0f} seconds it did not come to this: {what}"
        time.sleep(0.02)


async def until(pilot: Pilot[Any], true: Callable[[], object], what: str = "what was waited for") -> None:
    """Let a console work until it is so; AssertionError if it does not come to that."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, f"in {PATIENCE:.0f} seconds it did not come to this: {what}"
        await pilot.pause(0.02)
    await painted(pilot)


async def painted(pilot: Pilot[Any]) -> None:
    """Let a console draw what it is about to show: a dialog that has just opened, words that have just changed."""
    for done in range(1, ROUNDS.stop):
        await pilot.pause(0)  # all messages so far are worked through, and what has changed is drawn
        screen = pilot.app.screen
        moving = screen._layout_required or screen._dirty_widgets or screen._callbacks  # there is no public way to know
        if done in ROUNDS and screen.is_mounted and not moving:
            break
