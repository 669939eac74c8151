"""A run: one training of a phase, as a folder.

checkpoints/<phase>-<nnn>/
    phase.toml       the phase, frozen as it was trained
    events.jsonl     all that happened, one event a line
    last.pt best.pt  the newest state, and the model with the lowest validation loss
    control.jsonl    what was asked of it while it ran
    lock             held by the process that trains it, so that a dead one holds nothing
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from slmtui.errors import UserError
from slmtui.runs.files import whole_file
from slmtui.runs.log import read_events
from slmtui.training import events
from slmtui.training.events import Event
from slmtui.training.phase import Phase
from slmtui.training.phase_file import dump_phase, load_phase

State = Literal["running", "paused", "stalled", "done", "stopped", "failed", "crashed"]
SILENCE = 600.0  # seconds without an event after which a run that is alive counts as stalled
_NAME = re.compile(r"(?P<phase>.+)-(?P<number>\d{3,})")


class RunError(UserError):
    """A run that is not there, or not in a state for what was asked."""


@dataclass(frozen=True)
class Run:
    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def phase_file(self) -> Path:
        return self.folder / "phase.toml"

    @property
    def log_file(self) -> Path:
        return self.folder / "events.jsonl"

    @property
    def control_file(self) -> Path:
        return self.folder / "control.jsonl"

    @property
    def last(self) -> Path:
        return self.folder / "last.pt"

    @property
    def best(self) -> Path:
        return self.folder / "best.pt"

    def phase(self) -> Phase:
        return load_phase(self.phase_file)

    def events(self) -> Iterator[Event]:
        return read_events(self.log_file)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run for as long as this process trains it; RunError if another one does."""
        lock = FileLock(self.folder / "lock")
        try:
            lock.acquire(timeout=1.0)  # a reader who asks whether it is held holds it for a moment
        except Timeout:
            raise RunError(f"{self.name} is being trained by another process") from None
        try:
            yield
        finally:
            lock.release()

    def is_alive(self) -> bool:
        """Does a process hold the lock?"""
        if not (self.folder / "lock").exists():
            return False
        probe = FileLock(self.folder / "lock")
        try:
            probe.acquire(timeout=0)
        except Timeout:
            return True
        probe.release()
        return False

    def state(self, last_event: Event | None, *, paused: bool = False) -> State:
        """What has become of the run, from its lock, the last event of its log, and whether it was paused before that.

        A paused run may still be evaluated or sampled, so its last event need not be the pause.
        """
        match last_event:
            case events.RunFinished(reason="completed" | "early stopping"):
                return "done"
            case events.RunFinished(reason="stopped" | "interrupted"):
                return "stopped"
            case events.RunFinished():
                return "failed"
        if not self.is_alive():
            return "crashed"
        if paused or isinstance(last_event, events.Paused):
            return "paused"
        heard = last_event.time if last_event is not None else self.folder.stat().st_mtime
        return "stalled" if time.time() - heard > SILENCE else "running"

    def delete(self) -> None:
        with self.locked():
            shutil.rmtree(self.folder)


def create_run(checkpoints: Path, phase: Phase) -> Run:
    """Take the next free number for this phase and freeze the phase in its folder."""
    try:
        checkpoints.mkdir(parents=True, exist_ok=True)
        numbers = [
            int(match["number"])
            for path in checkpoints.iterdir()
            if (match := _NAME.fullmatch(path.name)) and match["phase"] == phase.phase.name
        ]
        number = max(numbers, default=0) + 1
        while True:
            folder = checkpoints / f"{phase.phase.name}-{number:03}"
            try:
                folder.mkdir()  # whoever makes the folder owns the number
                break
            except FileExistsError:
                number += 1
        run = Run(folder)
        with whole_file(run.phase_file) as file:
            file.write(dump_phase(phase).encode())
    except OSError as error:
        raise RunError(
            f"{checkpoints}: runs cannot be kept here ({error.strerror}); choose a folder with --checkpoints DIR"
        ) from None
    return run


def all_runs(checkpoints: Path) -> list[Run]:
    """The runs in a folder, by name."""
    if not checkpoints.is_dir():
        return []
    folders = (path for path in checkpoints.iterdir() if _NAME.fullmatch(path.name))
    return sorted((Run(f) for f in folders if (f / "phase.toml").is_file()), key=lambda run: run.name)


def find_run(checkpoints: Path, name: str) -> Run:
    """A run by its name, by its folder, or "latest"; RunError with those there are."""
    runs = all_runs(checkpoints)
    if name == "latest" and runs:
        return max(runs, key=lambda run: run.phase_file.stat().st_mtime)
    for run in runs:
        if run.name == name:
            return run
    folder = Path(name)
    if (folder / "phase.toml").is_file() and (folder / "events.jsonl").is_file():
        return Run(folder)
    there = ", ".join(run.name for run in runs) or "none yet"
    raise RunError(f"{name}: no such run in {checkpoints} (there: {there})")
