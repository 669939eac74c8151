"""The models used last, kept in memory for as long as their files stay as they are."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

MOST_MODELS = 4  # as many as Complete shows side by side

Model = TypeVar("Model")
FileState = tuple[int, int, int]


def file_state(path: Path) -> FileState | None:
    """Inode, size and modification time: what changes when the file is replaced; None where there is no file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


class ModelCache(Generic[Model]):
    """`load(path)` reads a checkpoint once and gives the same model again until its file changes. For many threads."""

    def __init__(self, read: Callable[[Path], Model]) -> None:
        """read: gives the model of a checkpoint ready for inference; its errors are passed on."""
        self._read = read
        self._models: dict[Path, tuple[FileState, Model]] = {}  # the one used last comes last
        self._lock = threading.Lock()

    def load(self, path: Path) -> Model:
        """The model of a checkpoint."""
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
