"""The reading end of a run's log: whole lines in chunks, from where the last look ended.

    for chunk in reader.read():
        for event in chunk.events(): ...

It only ever reads the file, so a run may be looked at while another thread or process writes it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from slmtui.errors import UserError
from slmtui.files import is_there, open_to_read
from slmtui.training.events import Evaluation, Event, RunStarted, from_json
from slmtui.training.gap import with_class

CHUNK = 1 << 20  # bytes read at a time: they and what is made of them stay in the processor's cache
OVERLAP = 256  # bytes before the place where reading goes on, which must still be what they were
STEP = b'"event":"step"'  # in each step line, and in no other
LAST = 1 << 16  # bytes at the end of a log in which its last event is looked for


class LogError(UserError, ValueError):
    """A log that cannot be read, or not from one of its lines on. `problem`: the same words with its name alone."""

    def __init__(self, path: Path, problem: str) -> None:
        """problem: what follows the name of the log in the message."""
        super().__init__(f"{path}{problem}")
        self.problem = f"{path.name}{problem}"

    @classmethod
    def at(cls, path: Path, line: int, reason: str) -> LogError:
        """A line, counted from 1, that is no event."""
        return cls(path, f":{line}: not an event of a run ({reason})")


@dataclass(frozen=True)
class LogChunk:
    """Whole lines of a log, with their ends.

    to_go: bytes of the log that come after them, as far as it was known. started: the event that the log begins with,
    None where that is another.
    """

    path: Path
    first: int  # the number of the first line, from 1
    lines: list[bytes]
    to_go: int
    started: RunStarted | None = None

    @property
    def is_start(self) -> bool:
        """Whether the log begins here: then nothing of what was read before counts any more."""
        return self.first == 1

    def event(self, index: int) -> Event:
        """The event of one of the lines; LogError if it is none.

        An evaluation has the word that its gap deserves: older logs praise models that have learned nothing
        or less than a table of counts, and on a handful of tokens.
        """
        try:
            event = from_json(self.lines[index])
        except ValueError as error:
            raise LogError.at(self.path, self.first + index, str(error)) from None
        if isinstance(event, Evaluation) and self.started is not None:
            return with_class(event, self.started)
        return event

    def events(self) -> Iterator[Event]:
        """All events; LogError where a line is none."""
        return map(self.event, range(len(self.lines)))

    def skim(self, *, tail: int = 0) -> Iterator[Event]:
        """The events without the steps that a step follows, which are most of a log: they are not even parsed.

        tail: bytes at the end of the log of which all events are given.
        """
        is_step = [STEP in line for line in self.lines]
        late, left = len(self.lines), self.to_go  # the first line of the tail, and bytes from it to the log's end
        while late and (left := left + len(self.lines[late - 1])) <= tail:
            late -= 1
        for index, both in enumerate(zip(is_step, [*is_step[1:], False], strict=True)):
            if index >= late or not all(both):
                yield self.event(index)


class LogReader:
    """Reads a log on as it grows. A last line without its end is still being written, and left for later."""

    def __init__(self, path: Path) -> None:
        """Nothing is read yet."""
        self.path = path
        self._begin()

    def _begin(self) -> None:
        self._position = 0  # bytes read so far
        self._lines = 0
        self._started: RunStarted | None = None
        self._overlap = b""  # the bytes just before the position

    def read(self) -> Iterator[LogChunk]:
        """What is new; a chunk counts as read when the next one is asked for.

        A log that was cut back, replaced or removed is read from its start: at least one chunk, which has no lines
        where none are left. (A resumed run cuts its log back, and may have written past our place since.)
        LogError if it is there and cannot be read; the next call tries again.
        """
        try:
            yield from self._read()
        except OSError as error:
            raise LogError(self.path, f": cannot be read ({error.strerror})") from None

    def _read(self) -> Iterator[LogChunk]:
        try:
            file = open_to_read(self.path, follow=False)
        except FileNotFoundError:  # not begun yet, or removed
            file = None
        lost = self._position > 0 and (file is None or not self._goes_on(file))
        if lost:
            self._begin()
        if file is not None:
            with file:
                yield from self._chunks(file)
        if lost and self._position == 0:
            yield LogChunk(self.path, 1, [], 0)

    def _goes_on(self, file: BinaryIO) -> bool:
        """Is what was read still there?"""
        if os.fstat(file.fileno()).st_size < self._position:
            return False
        file.seek(self._position - len(self._overlap))
        return file.read(len(self._overlap)) == self._overlap

    def _chunks(self, file: BinaryIO) -> Iterator[LogChunk]:
        size = os.fstat(file.fileno()).st_size
        file.seek(self._position)
        rest = b""
        while text := file.read(CHUNK):
            rest += text
            end = rest.rfind(b"\n") + 1
            if not end:
                continue
            lines = rest[:end].splitlines(keepends=True)
            if not self._lines:
                self._started = _started(lines[0])
            yield LogChunk(self.path, self._lines + 1, lines, max(0, size - self._position - end), self._started)
            self._position += end
            self._lines += len(lines)
            self._overlap = (self._overlap + rest[max(0, end - OVERLAP) : end])[-OVERLAP:]
            rest = rest[end:]


def _started(first_line: bytes) -> RunStarted | None:
    """The event that a log begins with; None if it does not begin as a log does."""
    try:
        event = from_json(first_line)
    except ValueError:
        return None
    return event if isinstance(event, RunStarted) else None


def read_events(path: Path, *, until: int | None = None) -> Iterator[Event]:
    """The events of a log, or of its first `until` bytes. FileNotFoundError where there is none; else LogError."""
    if not is_there(path):
        raise FileNotFoundError(path)
    left = 1 << 63 if until is None else until
    for chunk in LogReader(path).read():
        for index, line in enumerate(chunk.lines):
            left -= len(line)
            if left < 0:
                return
            yield chunk.event(index)


def last_event(log: Path) -> Event | None:
    """The last whole event of a log, for which not all of it is read; None if there is none, or it is damaged there."""
    try:
        with open_to_read(log, follow=False) as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - LAST))
            lines = file.read().split(b"\n")[:-1]
        return from_json(lines[-1]) if lines else None
    except (OSError, ValueError):
        return None
