"""A run's events on disk: one JSON line each, appended only; the single source of truth about the run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from slmtui.training.events import Event, from_json, to_json


class EventLog:
    """The writing end. Each line is handed to the system at once, so that readers see it and a crash keeps it."""

    def __init__(self, path: Path, *, keep: int | None = None) -> None:
        """Open for appending; with `keep`, cut the log back to that many bytes first (a resumed run)."""
        self.descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        if keep is not None:
            os.ftruncate(self.descriptor, keep)
        self.size = os.fstat(self.descriptor).st_size  # bytes

    def append(self, event: Event) -> None:
        line = to_json(event).encode() + b"\n"
        written = os.write(self.descriptor, line)
        if written < len(line):  # the disk is full
            os.ftruncate(self.descriptor, self.size)
            raise OSError(28, "No space left on device")
        self.size += written

    def sync(self) -> None:
        os.fsync(self.descriptor)

    def __enter__(self) -> EventLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self.descriptor)


def read_events(path: Path, *, until: int | None = None) -> Iterator[Event]:
    """The events of a log, or of its first `until` bytes.

    A last line without its end is still being written, or torn, and not read. ValueError for a line that is no event.
    """
    with path.open("rb") as file:
        position = 0
        for number, line in enumerate(file, start=1):
            position += len(line)
            if not line.endswith(b"\n") or (until is not None and position > until):
                return
            try:
                yield from_json(line)
            except ValueError as error:
                raise ValueError(f"{path}:{number}: not an event of a run ({error})") from None
