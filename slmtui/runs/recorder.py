"""Keeping what a training does: each event goes into the run's log, each checkpoint to disk, before it is passed on."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from slmtui.atomic_files import inode
from slmtui.errors import TrainingFailed
from slmtui.lock import Lock
from slmtui.runs.checkpoint import save_checkpoint
from slmtui.runs.log import EventLog
from slmtui.runs.run import Run
from slmtui.training import events
from slmtui.training.events import Event
from slmtui.training.out_of_memory import translate_oom
from slmtui.training.state import Training
from slmtui.training.trainer import run_finished


def record(
    run: Run, lock: Lock, training: Training, stream: Iterable[Event], *, keep: int | None = None
) -> Iterator[Event]:
    """Write the events of `training` to the run, and yield them as they were written; release the lock at the end.

    keep: bytes of the log that a resumed run goes on from. Raises TrainingFailed when something cannot be written or
    memory runs out; why stands in the log, too, if that can still be written.
    """
    with lock, _opened(run, keep) as log:
        try:
            with translate_oom(training.phase):
                for event in stream:
                    yield _kept(run, log, training, event)
        except Exception as error:
            reason = str(error) if isinstance(error, TrainingFailed) else f"{type(error).__name__}: {error}"
            for last in (
                events.Warned(step=training.step, code="failed", message=f"training failed: {reason}"),
                run_finished(training, "failed"),
            ):
                with suppress(OSError):
                    log.append(last)
                    yield last
            raise


def _opened(run: Run, keep: int | None) -> EventLog:
    try:
        return EventLog(run.log_file, keep=keep)
    except OSError as error:
        raise TrainingFailed(f"{run.log_file}: cannot be written ({error.strerror})") from error


def _kept(run: Run, log: EventLog, training: Training, event: Event) -> Event:
    """The event as it stands in the log."""
    if isinstance(event, events.Checkpoint):
        return _save(run, log, training, dataclasses.replace(event, file=f"{event.kind}.pt"))
    with _refusals_named(run):
        log.append(event)
    return event


def _save(run: Run, log: EventLog, training: Training, event: events.Checkpoint) -> events.Checkpoint:
    """Write the event, then the file. The event is taken out of the log again if the file did not take its place.

    The folder's fsync may fail after that; then the new file is there, and the log must keep what it refers to.
    """
    path, resumable, size_before = run.folder / event.file, event.kind == "last", log.size
    file_before = inode(path)
    try:
        training.tell("saving", event.file)
        with _refusals_named(run):
            log.append(event)
            log.sync()
        save_checkpoint(path, training, resumable=resumable, log_size=log.size)
    except TrainingFailed:
        if inode(path) == file_before:
            with suppress(OSError):
                log.cut(size_before)
        raise
    return event


@contextmanager
def _refusals_named(run: Run) -> Iterator[None]:
    """A log that cannot be written ends the training, with its name and the system's reason."""
    try:
        yield
    except OSError as error:
        raise TrainingFailed(
            f"{run.log_file}: cannot be written ({error.strerror}); what was saved before is intact"
        ) from error
