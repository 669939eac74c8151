"""The most recently used models, kept in memory as long as their files do not change."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

MOST_MODELS = 4  # the number that Complete can show side by side

Model = TypeVar("Model")
Key = TypeVar("Key")
FileState = tuple[int, int, int]


def file_state(path: Path) -> FileState | None:
    """Inode, size and modification time, which change when the file is replaced; None if there is no file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


class ModelCache(Generic[Key, Model]):
    """`load(key)` reads a model once and returns the same one until its state changes. Thread-safe."""

    def __init__(self, read: Callable[[Key], Model], state: Callable[[Key], Any]) -> None:
        """read: returns a model, ready for inference; its errors are passed on. state: of the files that it is read
        from, None if they are not there."""
        self._read, self._state = read, state
        self._models: dict[Key, tuple[Any, Model]] = {}  # most recently used last
        self._lock = threading.Lock()

    def holds(self, key: Key) -> bool:
        """Whether `load` would read nothing now."""
        kept = self._models.get(key)
        return kept is not None and kept[0] == self._state(key)

    def load(self, key: Key) -> Model:
        """The model that a key means, from memory if possible."""
        with self._lock:
            state = self._state(key)
            if self.holds(key):
                self._models[key] = self._models.pop(key)
                return self._models[key][1]
            model = self._read(key)
            if state is not None:
                self._models[key] = (state, model)
            while len(self._models) > MOST_MODELS:
                del self._models[next(iter(self._models))]
            return model
