"""Keeping what a training does: each event goes into the run's log, each checkpoint to disk, before it is passed on."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from contextlib import suppress

from slmtui.errors import TrainingFailed
from slmtui.runs.checkpoint import save_checkpoint
from slmtui.runs.lock import Lock
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
    """The event as it stands in the log. A checkpoint that could not be saved is taken out of the log again."""
    before = log.size
    if isinstance(event, events.Checkpoint):
        event = dataclasses.replace(event, file=f"{event.kind}.pt")
    try:
        log.append(event)
        if isinstance(event, events.Checkpoint):
            log.sync()
            path, resumable = run.folder / event.file, event.kind == "last"
            save_checkpoint(path, training, resumable=resumable, log_size=log.size)
    except OSError as error:
        with suppress(OSError):
            log.cut(before)
        raise TrainingFailed(
            f"{run.log_file}: cannot be written ({error.strerror}); what was saved before is intact"
        ) from error
    except TrainingFailed:
        with suppress(OSError):
            log.cut(before)
        raise
    return event
