"""The most recently used models, kept in memory as long as their files do not change."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

MOST_MODELS = 4  # the number that Complete can show side by side

Model = TypeVar("Model")
FileState = tuple[int, int, int]


def file_state(path: Path) -> FileState | None:
    """Inode, size and modification time, which change when the file is replaced; None if there is no file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


class ModelCache(Generic[Model]):
    """`load(path)` reads a checkpoint once and returns the same model until its file changes. Thread-safe."""

    def __init__(self, read: Callable[[Path], Model]) -> None:
        """read: returns the model of a checkpoint, ready for inference; its errors are passed on."""
        self._read = read
        self._models: dict[Path, tuple[FileState, Model]] = {}  # most recently used last
        self._lock = threading.Lock()

    def load(self, path: Path) -> Model:
        """The model of the checkpoint at `path`, from memory if possible."""
        with self._lock:
            state = file_state(path)
            if path in self._models and self._models[path][0] == state:
                self._models[path] = self._models.pop(path)
                return self._models[path][1]
            model = self._read(path)
            if state is not None:
                self._models[path] = (state, model)
            while len(self._models) > MOST_MODELS:
                del self._models[next(iter(self._models))]
            return model
