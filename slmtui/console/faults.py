"""A fault of ours is shown and logged; whatever widget or screen it happened in goes on.

Textual ends the message pump in which a handler raised. The widget stays on the screen, deaf: a dialog could not be
closed, and the application waited for it for ever. Here the message is dropped and the pump takes the next one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import Literal

from textual.message import Message
from textual.message_pump import MessagePump
from textual.widgets import OptionList
from textual.worker import WorkerFailed

AGAIN = 10.0  # seconds without a fault after which the same one is shown again; many come with each pulse


def keep_pumps_alive() -> None:
    """From now on, a handler that raises ends neither its widget nor the application while that runs."""
    if getattr(MessagePump._dispatch_message, "_survives", False):
        return
    dispatch = MessagePump._dispatch_message

    @wraps(dispatch)
    async def survive(self: MessagePump, message: Message) -> None:
        try:
            await dispatch(self, message)
        except Exception as error:
            if not self.app.is_running:
                raise
            self.app._handle_exception(error)

    survive._survives = True  # type: ignore[attr-defined]
    MessagePump._dispatch_message = survive  # type: ignore[method-assign]


def turn_no_pages_without_room() -> None:
    """From now on, page up and page down do nothing in a list that has no room for a line, as in a tiny window.

    Textual's would raise KeyError. It holds for all lists, that of the command palette among them.
    """
    if getattr(OptionList._move_page, "_has_room", False):
        return
    move_page = OptionList._move_page

    @wraps(move_page)
    def move_if_seen(self: OptionList, direction: Literal[-1, 1]) -> None:
        if self.scrollable_content_region:
            move_page(self, direction)

    move_if_seen._has_room = True  # type: ignore[attr-defined]
    OptionList._move_page = move_if_seen  # type: ignore[method-assign]


class RepeatedFaults:
    """Knows which faults a person has just been told of."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: dict[str, float] = {}

    def is_new(self, error: BaseException) -> bool:
        """Was there no such fault in the last seconds? It counts as seen from now on."""
        now, what = self._clock(), describe(error)
        before = self._last.get(what)
        self._last[what] = now
        return before is None or now - before > AGAIN


def describe(error: BaseException) -> str:
    """Kind and message of a fault, in one line."""
    return f"{type(error).__name__}: {error}"


def cause_of(error: Exception) -> BaseException:
    """What went wrong, where Textual only says that a worker failed."""
    return error.error if isinstance(error, WorkerFailed) else error
