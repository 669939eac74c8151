"""Waiting for what is to happen: until it is so, and never for a time. A busy machine is given minutes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from textual.pilot import Pilot

PATIENCE = 300.0  # seconds; only a test that fails waits for all of them


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
