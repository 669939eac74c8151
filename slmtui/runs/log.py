"""A run's events on disk: one JSON line each, appended only; the single source of truth about the run."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from slmtui.files import open_regular
from slmtui.training.events import Event, to_json


class EventLog:
    """The writing end. Each line is handed to the system at once, so that readers see it and a crash keeps it."""

    def __init__(self, path: Path, *, keep: int | None = None) -> None:
        """Open for appending; with `keep`, cut the log back to that many bytes first (a resumed run)."""
        self.descriptor = open_regular(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, follow=False)
        self.size = os.fstat(self.descriptor).st_size  # bytes
        if keep is not None:
            self.cut(min(keep, self.size))

    def append(self, event: Event) -> None:
        """Write a line, all of it or nothing; OSError if the disk refuses."""
        line = to_json(event).encode() + b"\n"
        if os.fstat(self.descriptor).st_size > self.size:  # a torn line that could not be cut off when it was written
            self.cut(self.size)
        try:
            left = line
            while left:  # a disk that is nearly full takes a part, and refuses the rest when it is asked again
                left = left[os.write(self.descriptor, left) :]
        except OSError:
            with suppress(OSError):
                self.cut(self.size)
            raise
        self.size += len(line)

    def cut(self, size: int) -> None:
        """Forget what comes after so many bytes."""
        os.ftruncate(self.descriptor, size)
        self.size = size

    def sync(self) -> None:
        os.fsync(self.descriptor)

    def __enter__(self) -> EventLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self.descriptor)
