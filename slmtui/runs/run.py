"""A run: one training of a phase, as a folder. Whatever folder holds a `phase.toml` is one, copied or renamed ones too.

checkpoints/<phase>-<nnn>/
    phase.toml       the phase, frozen as it was trained
    events.jsonl     all that happened, one event a line
    last.pt best.pt  the newest state, and the model with the lowest validation loss (with ngram_mix, the mixed one)
    control.jsonl    what was asked of it while it ran
    now.json         how much of that its trainer has read, and what it did last besides its steps
    lock             held by the process that trains it, whose id is in it; a dead one holds nothing
"""

from __future__ import annotations

import re
import shutil
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from slmtui.atomic_files import atomic_write, sync_folder
from slmtui.config.errors import printable
from slmtui.config.phase import Phase
from slmtui.config.phase_file import dump_phase, parse_phase, read_phase_text
from slmtui.config.recorded_phase import recorded_phase
from slmtui.errors import UserError
from slmtui.files import is_there, open_to_read
from slmtui.lock import Lock, holder, is_held, take
from slmtui.project import shown_command
from slmtui.runs.log_reader import read_events
from slmtui.runs.tags import read_tags
from slmtui.training import events
from slmtui.training.events import Event
from slmtui.trash import throw_away, thrown_in

State = Literal["running", "paused", "stalled", "done", "stopped", "failed", "crashed"]
ALIVE: tuple[State, ...] = ("running", "paused", "stalled")  # somebody trains it
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
    def last_file(self) -> Path:
        return self.folder / "last.pt"

    @property
    def best_file(self) -> Path:
        return self.folder / "best.pt"

    @property
    def number(self) -> tuple[str, int] | None:
        """The phase's name and the run's number, from the name it was given; None for a renamed one."""
        match = _NAME.fullmatch(self.name)
        return (match["phase"], int(match["number"])) if match else None

    def command(self, *words: str) -> str:
        """A command about this run, as a person can type it: `run.command("watch")`."""
        return shown_command(*words, self.name, checkpoints=self.folder.parent)

    def is_in(self, checkpoints: Path) -> bool:
        """Whether it is one of the runs in this folder."""
        return self.folder.parent.resolve() == checkpoints.resolve()

    def source(self, checkpoints: Path) -> str:
        """What finds it again, as `find_run` reads it: its name where it is in `checkpoints`, else its folder."""
        return self.name if self.is_in(checkpoints) else str(self.folder)

    def phase(self) -> Phase:
        """The phase as it was trained."""
        return parse_phase(self.phase_text(), str(self.phase_file), validate=recorded_phase)

    def phase_text(self) -> str:
        """The frozen phase.toml; PhaseError if it cannot be read."""
        return read_phase_text(self.phase_file, follow=False)

    def freeze(self, phase: Phase) -> None:
        """Put another phase in the place of the run's, which has not begun; RunError if that cannot be done."""
        try:
            _freeze(phase, self.phase_file)
        except OSError as error:
            raise RunError(f"{self.phase_file}: cannot be written ({error.strerror})") from None

    def events(self) -> Iterator[Event]:
        return read_events(self.log_file)

    @property
    def lock_file(self) -> Path:
        return self.folder / "lock"

    def lock(self) -> Lock:
        """Hold the run for as long as this process trains or deletes it; RunError if another one does."""
        try:
            lock = take(self.lock_file)
        except OSError as error:
            raise RunError(f"{self.name}: cannot be locked in {self.folder} ({error.strerror})") from None
        if lock is None:
            by = holder(self.lock_file)
            raise RunError(f"{self.name} is being trained by another process" + (f" ({by})" if by else ""))
        return lock

    def is_alive(self) -> bool:
        """Does a process hold the lock?"""
        return is_held(self.lock_file)

    def state(self, last_event: Event | None, *, paused: bool = False) -> State:
        """What has become of the run, from its lock, the last event of its log, and whether it was paused before that.

        A paused run may still be evaluated or sampled, so its last event need not be the pause.
        """
        match last_event:
            case events.RunFinished(as_meant=True):
                return "done"
            case events.RunFinished(reason="stopped" | "interrupted"):
                return "stopped"
            case events.RunFinished():
                return "failed"
        if not self.is_alive():
            return "crashed"
        if paused or isinstance(last_event, events.Paused):
            return "paused"
        heard = last_event.time if last_event is not None else modified(self.folder)
        return "stalled" if time.time() - heard > SILENCE else "running"

    def why_not_resumed(self, last_event: Event | None) -> str | None:
        """Why a training cannot go on whose log ends with this event; None if it can, as far as the log says.

        One that was never saved begins again. One that failed may have had a full disk, which can be put right; one
        that diverged would do so again, since it goes on bit for bit.
        """
        match last_event:
            case events.RunFinished(as_meant=True) as end:
                return f"{self.name} is finished ({end.reason} at step {end.step:,}); there is nothing to resume"
            case events.RunFinished(reason="diverged") as end:
                return (
                    f"{self.name} diverged at step {end.step:,} and would diverge again; train its phase anew at a "
                    "lower training.learning_rate"
                )
            case None if self._has_lost_its_log():
                return (
                    f"{self.name}: {self.log_file} is gone or empty, so the training cannot go on; its model can be "
                    f"used: {self.command('complete')}"
                )
        return None

    def _has_lost_its_log(self) -> bool:
        """Whether there is a checkpoint, but nothing of the events before it."""
        try:
            status = self.log_file.lstat()
            is_empty = stat.S_ISREG(status.st_mode) and status.st_size == 0
        except FileNotFoundError:
            is_empty = True
        except OSError:
            return False
        return is_empty and (is_there(self.last_file) or is_there(self.best_file))

    def throw_away(self) -> None:
        """Move the folder to the trash beside it; UserError if it is being trained, or if that cannot be done."""
        with self._locked_to_go():
            throw_away(self.folder)

    def _locked_to_go(self) -> Lock:
        if self.folder.is_symlink():
            raise RunError(f"{self.name} is a link to another folder; remove the link by hand")
        return self.lock()

    def delete(self) -> None:
        """Remove the folder and all that is in it; RunError if it is being trained, or if that cannot be done."""
        with self._locked_to_go():
            try:
                shutil.rmtree(self.folder)
            except OSError as error:
                raise RunError(f"{self.name}: could not be deleted ({error.strerror}: {error.filename})") from None


def create_run(checkpoints: Path, phase: Phase) -> Run:
    """Take the next free number for this phase and freeze the phase in its folder.

    The number of a run that is gone is not free while tags.jsonl speaks of it, since what was said is not true of
    another, nor while it can be brought back.
    """
    try:
        checkpoints.mkdir(parents=True, exist_ok=True)
        gone = {*read_tags(checkpoints).named, *(thrown.name for thrown in thrown_in(checkpoints))}
        paths = [*checkpoints.iterdir(), *(checkpoints / name for name in gone)]
        taken = [Run(path).number or ("", 0) for path in paths]
        number = max((n for name, n in taken if name == phase.phase.name), default=0) + 1
        while True:
            folder = checkpoints / f"{phase.phase.name}-{number:03}"
            try:
                folder.mkdir()  # whoever makes the folder owns the number
                break
            except FileExistsError:
                number += 1
        try:
            _freeze(phase, Run(folder).phase_file)
            sync_folder(checkpoints)
        except OSError:
            with suppress(OSError):
                shutil.rmtree(folder)
            raise
    except OSError as error:
        raise RunError(
            f"{checkpoints}: runs cannot be saved here ({error.strerror}); choose a folder with --checkpoints DIR"
        ) from None
    return Run(folder)


def _freeze(phase: Phase, file: Path) -> None:
    with atomic_write(file) as stream:
        stream.write(dump_phase(phase).encode())


def runs_and_faults(checkpoints: Path) -> tuple[list[Run], dict[Run, str]]:
    """The runs in a folder, by name, and those that cannot be looked into, each with the reason.

    A link is no run: it could lead anywhere. RunError if the folder itself cannot be listed; one that is not there has
    no runs.
    """
    try:
        folders = sorted(path for path in checkpoints.iterdir() if not path.is_symlink())
    except FileNotFoundError:
        return [], {}
    except NotADirectoryError:
        raise RunError(f"{checkpoints} is a file, not a folder of runs") from None
    except OSError as error:
        raise RunError(f"{checkpoints}: its runs cannot be listed ({error.strerror})") from None
    runs, faults = list[Run](), dict[Run, str]()
    for folder in folders:
        if run := run_at(folder):
            runs.append(run)
        elif fault := fault_of(folder):
            faults[Run(folder)] = fault
    return runs, faults


def all_runs(checkpoints: Path) -> list[Run]:
    """The runs in a folder that can be looked into, by name; RunError if it cannot be listed."""
    return runs_and_faults(checkpoints)[0]


def run_at(folder: Path) -> Run | None:
    """The run that a folder is, if it is one and may be looked into."""
    run = Run(folder)
    try:
        return run if stat.S_ISREG(run.phase_file.lstat().st_mode) else None
    except (OSError, ValueError):
        return None


def fault_of(folder: Path) -> str:
    """Why a folder cannot be looked into that may be a run: `phase.toml cannot be read (a link, …)`; "" for others."""
    phase_file = Run(folder).phase_file
    if not is_there(phase_file):
        return ""
    try:
        open_to_read(phase_file, follow=False).close()
    except OSError as error:
        return f"{phase_file.name} cannot be read ({error.strerror})"
    return ""


def newest_first(runs: Iterable[Run]) -> list[Run]:
    """By the time when their phases were frozen; one that is being deleted comes last."""
    return sorted(runs, key=lambda run: modified(run.phase_file), reverse=True)


def newest_runs(checkpoints: Path) -> list[Run]:
    """The runs in a folder, the newest first; none where they cannot be listed."""
    try:
        return newest_first(all_runs(checkpoints))
    except RunError:
        return []


def runs_of_launch(checkpoints: Path, launch: tuple[str, ...]) -> dict[str, list[Run]]:
    """The runs that were begun under one of these torchruns, by the names of their phases, the oldest first."""
    found: dict[str, list[Run]] = {}
    for run in reversed(newest_runs(checkpoints)):
        with suppress(UserError):
            started = next(run.events(), None)
            if not isinstance(started, events.RunStarted):
                continue
            by = started.machine.get("launch")
            if isinstance(by, list) and any(one in launch for one in by):
                found.setdefault(started.phase["phase"]["name"], []).append(run)
    return found


def modified(path: Path) -> float:
    """When a file or folder was changed last, in seconds since 1970; 0 if it is not there."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def find_run(checkpoints: Path, name: str) -> Run:
    """A run by its name, a tag, "latest", "best", or the path of its folder or of a checkpoint in it.

    A path leads wherever it says. RunError with those there are.
    """
    runs = all_runs(checkpoints)
    if name == "latest" and runs:
        return newest_first(runs)[0]
    if name == "best" and runs:
        from slmtui.runs.best import best_run  # which reads logs, and they know runs

        if (best := best_run(newest_first(runs))) is None:
            raise RunError(f"no run in {checkpoints} was evaluated yet, so none is the best")
        return best
    names = {run.name: run for run in runs}
    if name in names:
        return names[name]
    tags = read_tags(checkpoints)
    if (tagged := tags.tags.get(name)) in names:
        return names[tagged]
    if tagged is not None:
        again = shown_command("tag", "RUN", name, checkpoints=checkpoints)
        raise RunError(f"{name}: the run that it tags, {printable(tagged, limit=100)}, is gone; tag another: {again}")
    from slmtui.runs.cells import find_cell  # which reads logs, too

    if (cell := find_cell(checkpoints, name)) is not None:
        runs_of_it = ", ".join(run.name for run in cell.runs)
        raise RunError(
            f"{name} is a cell of a study, whose networks predict together; here one run is needed: {runs_of_it}. For "
            f"one network that has learned from all of them: {shown_command('distill', name, checkpoints=checkpoints)}"
        )
    path = Path(name.replace("\0", "\ufffd"))
    folder = path.parent if path.suffix == ".pt" else path
    if len(path.parts) > 1 and (found := run_at(folder)) is not None:
        return found
    for place in (checkpoints / path, folder):
        if run_at(place) is None and (fault := fault_of(place)):
            raise RunError(f"{place}: {fault}")
    there = ", ".join(printable(one, limit=100) for one in [*names, *sorted(tags.tags)]) or "none yet"
    shown = printable(name, limit=200) or '""'
    lines = "".join(f"\n{fault}" for fault in tags.faults)
    raise RunError(f"{shown}: no such run in {checkpoints} (there: {there}), and no run's folder{lines}")
