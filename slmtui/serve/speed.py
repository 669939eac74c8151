"""How many tokens are drawn in a second, lately and in all."""

from __future__ import annotations

import threading
import time
from collections import deque

LATELY = 10.0  # seconds


class Speed:
    """Counts from any thread."""

    def __init__(self) -> None:
        self.tokens = 0
        self._lock = threading.Lock()
        self._counts: deque[tuple[float, int]] = deque()  # by tenths of a second

    def count(self, tokens: int) -> None:
        now = round(time.monotonic(), 1)
        with self._lock:
            self.tokens += tokens
            if self._counts and self._counts[-1][0] == now:
                tokens += self._counts.pop()[1]
            self._counts.append((now, tokens))
            self._forget(now)

    def lately(self) -> float:
        """Tokens per second of the last ten seconds in which any were drawn, up to now; 0 if there were none."""
        now = time.monotonic()
        with self._lock:
            self._forget(now)
            if not self._counts:
                return 0.0
            return sum(n for _, n in self._counts) / max(0.1, now - self._counts[0][0])

    def _forget(self, now: float) -> None:
        while self._counts and now - self._counts[0][0] > LATELY:
            self._counts.popleft()
