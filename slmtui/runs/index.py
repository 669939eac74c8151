"""All runs of a folder in short, kept up to date: a log is read on only where it has grown.

A long log is almost all step lines, and none of them but the last matters here, so they are passed over unread.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from slmtui.data.baseline import Baseline
from slmtui.runs.log_reader import LogChunk, LogError, LogReader
from slmtui.runs.run import ALIVE, Run, State, modified, runs_and_faults
from slmtui.runs.summary import RunSummary, SummaryFold, bits_above
from slmtui.runs.tags import BASELINE, TAGS_FILE, Tags, read_tags
from slmtui.training import events
from slmtui.training.data_record import DataRecord
from slmtui.training.events import Event


@dataclass(frozen=True)
class Point:
    """An evaluation, as a curve needs it."""

    step: int
    val_loss: float  # nats per token
    bits_per_byte: float
    mixed_loss: float | None = None
    mixed_bits_per_byte: float | None = None
    adaptive_loss: float | None = None
    adaptive_bits_per_byte: float | None = None


@dataclass(frozen=True)
class RunListing:
    """A run as a list shows it. state: "damaged" if its log cannot be read to its end; `problem` then says why."""

    run: Run
    summary: RunSummary
    title: str
    state: State | Literal["damaged"]
    began: float  # seconds since 1970
    heard: float  # when the last event was written
    last: Event | None  # the last event that could be read
    saved_step: int | None  # of last.pt, from which it would be resumed
    points: tuple[Point, ...]
    data: DataRecord | None  # None before the run has begun
    quality: str = ""  # the label of the newest sample
    problem: str = ""
    tags: tuple[str, ...] = ()
    note: str = ""  # what a person noted of it
    archived: bool = False  # left out of lists unless it is asked for
    above_baseline: float | None = None  # bits_above the run that is tagged BASELINE; None, too, where none is

    @property
    def name(self) -> str:
        return self.run.name

    @property
    def baseline(self) -> Baseline | None:
        """What counting reaches on the same validation text, where the log knows it."""
        return self.data.baseline if self.data is not None else None

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
        self._tags, self._tags_stamp = Tags(), (0, 0)

    def look(self) -> list[RunListing]:
        """By name; RunError if the folder cannot be read."""
        runs, faults = runs_and_faults(self.checkpoints)
        there = sorted([*runs, *faults], key=lambda run: run.name)
        self._readers = {run.name: self._readers.get(run.name) or _Reader(run) for run in there}
        if (stamp := file_stamp(self.checkpoints / TAGS_FILE)) != self._tags_stamp:
            self._tags, self._tags_stamp = read_tags(self.checkpoints), stamp
        listed = [reader.look(faults.get(reader.run, ""), self._tags) for reader in self._readers.values()]
        baseline = next((run.summary for run in listed if BASELINE in run.tags), None)
        return [reader.beside(baseline) for reader in self._readers.values()]


def file_stamp(path: Path) -> tuple[int, int]:
    """What changes when a file does: its size and time; zeros where there is none."""
    try:
        status = path.stat()
    except OSError:
        return (0, 0)
    return status.st_size, status.st_mtime_ns


class _Reader:
    """What is known of one run, and how far its log has been read."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._reader = LogReader(run.log_file)
        self._stamp: tuple[int, int] | None = None
        self._listed: RunListing | None = None
        self._begin()

    def _begin(self) -> None:
        self._fold = SummaryFold(self.run.name)
        self._title, self._problem = "", ""
        self._saved_step: int | None = None
        self._points: list[Point] = []
        self._data: DataRecord | None = None
        self._quality = ""

    def look(self, fault: str, tags: Tags) -> RunListing:
        """fault: why the run cannot be looked into, "" if it can."""
        listed = self._look(fault)
        name = self.run.name
        told = tags.of(name), tags.note(name), name in tags.archived
        if (listed.tags, listed.note, listed.archived) != told:
            listed = self._listed = replace(listed, tags=told[0], note=told[1], archived=told[2])
        return listed

    def beside(self, baseline: RunSummary | None) -> RunListing:
        """What `look` has found, with its distance to the run that others are compared with."""
        assert self._listed is not None
        above = bits_above(self._listed.summary, baseline) if baseline is not None else None
        if self._listed.above_baseline != above:
            self._listed = replace(self._listed, above_baseline=above)
        return self._listed

    def _look(self, fault: str) -> RunListing:
        if fault:
            return self._listed_with(fault)
        stamp = file_stamp(self.run.log_file)  # zeros: not begun yet, or being deleted
        changed = stamp != self._stamp
        if changed:
            self._stamp = stamp if self._read() else None
        state: State | Literal["damaged"] = "damaged" if self._problem else self._state()
        if changed or self._listed is None or self._listed.state != state:
            self._listed = self._list(state)
        return self._listed

    def _listed_with(self, fault: str) -> RunListing:
        if self._listed is None or self._listed.problem != fault:
            self._reader, self._stamp = LogReader(self.run.log_file), None
            self._begin()
            self._problem = fault
            self._listed = self._list("damaged")
        return self._listed

    def _list(self, state: State | Literal["damaged"]) -> RunListing:
        first, last = self._fold.first, self._fold.last
        began = first.time if first is not None else modified(self.run.folder)
        return RunListing(
            run=self.run,
            summary=self._fold.so_far(),
            title=self._title,
            state=state,
            began=began,
            heard=last.time if last is not None else began,
            last=last,
            saved_step=self._saved_step,
            points=tuple(self._points),
            data=self._data,
            quality=self._quality,
            problem=self._problem,
        )

    def _state(self) -> State:
        try:
            return self.run.state(self._fold.last, paused=self._fold.summary.paused)
        except OSError:  # deleted under us
            return "crashed"

    def _read(self) -> bool:
        """Take in what is new; False if the log cannot be read: then all of it is new to the next look."""
        if self._stamp is None:
            self._begin()
        try:
            for chunk in self._reader.read():
                if chunk.is_start:
                    self._begin()
                if not self._problem:
                    self._take(chunk)
        except LogError as error:
            self._reader = LogReader(self.run.log_file)
            self._begin()
            self._problem = error.problem
            return False
        return True

    def _take(self, chunk: LogChunk) -> None:
        try:
            for event in chunk.skim():
                self._add(event)
        except LogError as error:
            self._problem = error.problem

    def _add(self, event: Event) -> None:
        self._fold.add(event)
        match event:
            case events.RunStarted():
                self._title = str(event.phase["phase"].get("title") or "")
                self._data = event.data
            case events.Evaluation():
                mixed = (event.mixed_loss, event.mixed_bits_per_byte)
                adaptive = (event.adaptive_loss, event.adaptive_bits_per_byte)
                self._points.append(Point(event.step, event.val_loss, event.bits_per_byte, *mixed, *adaptive))
            case events.Sample():
                self._quality = str((event.judgement or {}).get("label") or "")
            case events.Checkpoint(kind="last"):
                self._saved_step = event.step
