"""When a screen's worker looks for news: one look at a time, and a pause between two."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Rhythm:
    """`begin()` in the pulse says whether a look is due; the worker looks inside `look()`."""

    def __init__(self, pause: float) -> None:
        """pause: seconds from the end of a look to the next one."""
        self._pause = pause
        self._looking, self._ended = False, 0.0

    @property
    def has_looked(self) -> bool:
        return self._ended > 0

    def begin(self) -> bool:
        if self._looking or time.monotonic() - self._ended < self._pause:
            return False
        self._looking = True
        return True

    @contextmanager
    def look(self) -> Iterator[None]:
        try:
            yield
        finally:
            self._ended = time.monotonic()
            self._looking = False
