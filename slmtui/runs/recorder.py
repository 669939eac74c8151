"""Keeping what a training does: each event goes into the run's log, each checkpoint to disk, before it is passed on."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

from slmtui.errors import TrainingFailed
from slmtui.runs.checkpoint import save_checkpoint
from slmtui.runs.log import EventLog
from slmtui.runs.run import Run
from slmtui.training import events
from slmtui.training.events import Event
from slmtui.training.state import Training


def record(run: Run, training: Training, happening: Iterable[Event], *, keep: int | None = None) -> Iterator[Event]:
    """Write the events of `training` to the run, and yield them as they were written.

    keep: bytes of the log that a resumed run goes on from. Raises TrainingFailed when something cannot be written.
    """
    with run.locked(), EventLog(run.log_file, keep=keep) as log:
        for event in happening:
            if isinstance(event, events.Checkpoint):
                event = dataclasses.replace(event, file=f"{event.kind}.pt")
            try:
                log.append(event)
                if isinstance(event, events.Checkpoint):
                    log.sync()
            except OSError as error:
                raise TrainingFailed(f"{run.log_file}: {error.strerror}") from error
            if isinstance(event, events.Checkpoint):
                path, resumable = run.folder / event.file, event.kind == "last"
                save_checkpoint(path, training, resumable=resumable, log_size=log.size)
            yield event
