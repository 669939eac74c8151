"""All runs of a folder in short, kept up to date: a log is read on only where it has grown.

A long log is almost all step lines, and none of them but the last matters here, so they are passed over unread.
"""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from slmtui.data.baseline import Baseline
from slmtui.runs.run import ALIVE, Run, State, all_runs
from slmtui.runs.summary import RunSummary
from slmtui.training import events
from slmtui.training.events import Event, from_json

CHUNK = 1 << 20  # bytes read at a time
OVERLAP = 256  # bytes before the place where reading goes on, which must still be what they were
_STEP = b'"event":"step"'


@dataclass(frozen=True)
class Point:
    """An evaluation, as a curve needs it."""

    step: int
    val_loss: float  # nats per token
    bits_per_byte: float
    mixed_loss: float | None = None
    mixed_bits_per_byte: float | None = None


@dataclass(frozen=True)
class RunListing:
    """A run as a list shows it. `summary.state` is not filled in; `state` is, and says "damaged" of a log with a
    line that is no event, which `problem` then names."""

    run: Run
    summary: RunSummary
    title: str
    state: State | Literal["damaged"]
    began: float  # seconds since 1970
    heard: float  # when the last event was written
    saved_step: int | None  # of last.pt, from which it would be resumed
    points: tuple[Point, ...]
    baseline: Baseline | None
    quality: str = ""  # the label of the newest sample
    problem: str = ""

    @property
    def name(self) -> str:
        return self.run.name

    @property
    def alive(self) -> bool:
        return self.state in ALIVE


class RunIndex:
    """`look()` gives the runs as they are now: for one that is as it was, the same object again.

    One thread at a time looks; what it returned never changes.
    """

    def __init__(self, checkpoints: Path) -> None:
        self.checkpoints = checkpoints
        self._readers: dict[str, _Reader] = {}

    def look(self) -> list[RunListing]:
        """By name; of a folder that cannot be read, none."""
        try:
            runs = all_runs(self.checkpoints)
        except OSError:
            runs = []
        self._readers = {run.name: self._readers.get(run.name) or _Reader(run) for run in runs}
        return [reader.look() for reader in self._readers.values()]


class _Reader:
    """What is known of one run, and how far its log has been read."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._stamp: tuple[int, int] | None = None
        self._listed: RunListing | None = None
        self._begin()

    def _begin(self) -> None:
        self._position, self._lines, self._overlap = 0, 0, b""
        self._summary = RunSummary(name=self.run.name)
        self._title, self._problem = "", ""
        self._first: Event | None = None
        self._last: Event | None = None
        self._idle = 0.0  # seconds of pauses, and between processes
        self._saved_step: int | None = None
        self._points: list[Point] = []
        self._baseline: Baseline | None = None
        self._quality = ""

    def look(self) -> RunListing:
        try:
            status = self.run.log_file.stat()
            stamp = (status.st_size, status.st_mtime_ns)
        except OSError:  # not begun yet, or being deleted
            stamp = (0, 0)
        changed = stamp != self._stamp
        if changed:
            self._read()
            self._stamp = stamp
        state: State | Literal["damaged"] = "damaged" if self._problem else self._state()
        if changed or self._listed is None or self._listed.state != state:
            self._listed = self._list(state)
        return self._listed

    def _list(self, state: State | Literal["damaged"]) -> RunListing:
        summary = dataclasses.replace(self._summary)
        began = self._first.time if self._first is not None else _made(self.run.folder)
        heard = self._last.time if self._last is not None else began
        if summary.reason is None:
            summary.seconds = heard - began - self._idle
        return RunListing(
            run=self.run,
            summary=summary,
            title=self._title,
            state=state,
            began=began,
            heard=heard,
            saved_step=self._saved_step,
            points=tuple(self._points),
            baseline=self._baseline,
            quality=self._quality,
            problem=self._problem,
        )

    def _state(self) -> State:
        try:
            return self.run.state(self._last, paused=self._summary.paused)
        except OSError:  # deleted under us
            return "crashed"

    def _read(self) -> None:
        try:
            file = self.run.log_file.open("rb")
        except OSError:
            self._begin()
            return
        with file:
            if not self._goes_on(file):
                self._begin()
            file.seek(self._position)
            rest = b""
            while chunk := file.read(CHUNK):
                rest += chunk
                if end := rest.rfind(b"\n") + 1:  # what comes after it is still being written
                    self._take(rest[:end])
                    rest = rest[end:]

    def _take(self, text: bytes) -> None:
        lines = text.splitlines(keepends=True)
        for number, line in enumerate(lines, start=self._lines + 1):
            if _STEP not in line:
                self._add(line, number)
        if _STEP in lines[-1]:
            self._add(lines[-1], self._lines + len(lines))
        self._lines += len(lines)
        self._position += len(text)
        self._overlap = lines[-1][-OVERLAP:]

    def _goes_on(self, file: BinaryIO) -> bool:
        """Is what was read still there? A resumed run cuts its log back, and may have written past our place since."""
        if os.fstat(file.fileno()).st_size < self._position:
            return False
        file.seek(self._position - len(self._overlap))
        return file.read(len(self._overlap)) == self._overlap

    def _add(self, line: bytes, number: int) -> None:
        if self._problem:
            return
        try:
            event = from_json(line)
            self._summary.add(event)
        except (ValueError, KeyError, TypeError) as error:  # of a run_started without what it must say, the latter two
            what = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
            self._problem = f"{self.run.log_file.name}:{number} is not an event of a run ({what})"
            return
        if isinstance(event, events.Resumed) and self._last is not None:
            self._idle += event.time - self._last.time
        self._first = self._first or event
        self._last = event
        match event:
            case events.RunStarted():
                self._title = str(event.phase["phase"].get("title") or "")
                self._baseline = event.data.baseline
            case events.Evaluation():
                numbers = (event.val_loss, event.bits_per_byte, event.mixed_loss, event.mixed_bits_per_byte)
                self._points.append(Point(event.step, *numbers))
            case events.Sample():
                self._quality = str((event.judgement or {}).get("label") or "")
            case events.Checkpoint(kind="last"):
                self._saved_step = event.step


def _made(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:
        return 0.0
