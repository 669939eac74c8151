"""The processes that work on a study: one is started that belongs to no terminal, and they are found and ended."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

from slmtui.config.study import Study, Trial
from slmtui.errors import UserError
from slmtui.files import open_regular, open_to_read
from slmtui.lock import holder, is_held
from slmtui.output import ExitStatus

LOCKS = ".studies"  # a folder beside the runs
TOLD = "detached.log"  # in the study's folder there: what a terminal would have been told


def lock_folder(study: Study, checkpoints: Path) -> Path:
    """Where the locks of a study's trials are."""
    return checkpoints / LOCKS / study.name


def lock_file(study: Study, trial: Trial, checkpoints: Path) -> Path:
    """Held by the process that trains this trial."""
    return lock_folder(study, checkpoints) / hashlib.sha256(trial.key.encode()).hexdigest()[:16]


@dataclass
class StudyProcess:
    """`slmtui study FILE`, in a session of its own, which no hang-up reaches."""

    process: subprocess.Popen[bytes]
    log: Path

    @classmethod
    def start(cls, file: Path, study: Study, checkpoints: Path) -> StudyProcess:
        """UserError if it cannot be."""
        folder = lock_folder(study, checkpoints)
        # -P: the current folder is somebody's corpus, and no file of it may pass for a module of Python's.
        command = [sys.executable, "-P", "-m", "slmtui", "study", str(file), "--checkpoints", str(checkpoints)]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            with os.fdopen(open_regular(folder / TOLD, flags, follow=False), "wb") as log:
                process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log, start_new_session=True
                )
        except OSError as error:
            raise UserError(f"{study.name}: cannot be trained without a terminal ({error.strerror})") from None
        return cls(process, folder / TOLD)

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def complaint(self) -> str:
        """What it said last, if it ended because of something that a person has to put right; else ""."""
        if self.process.poll() in (None, ExitStatus.DONE, ExitStatus.INTERRUPTED, -signal.SIGTERM):
            return ""
        try:
            with open_to_read(self.log, follow=False) as file:
                return file.read().decode(errors="replace").strip() or f"ended with {self.process.returncode}"
        except OSError:
            return f"ended with {self.process.returncode}"


def trainer_of(study: Study, trial: Trial, checkpoints: Path) -> int | None:
    """The id of the process that has this trial; None if there is none, or none that has said so."""
    lock = lock_file(study, trial, checkpoints)
    return holder(lock) if is_held(lock) else None


def end_study(study: Study, checkpoints: Path, started: StudyProcess | None = None) -> int:
    """Ask all processes that work on a study on this machine to save and end (SIGTERM); how many were asked.

    A process that has others work for it passes that on, so these are not asked themselves: a second signal would not
    wait for the step to end.
    """
    asked = {started.process.pid} if started is not None and started.alive else set[int]()
    for trial in study.trials:
        if (pid := trainer_of(study, trial, checkpoints)) is not None and pid != os.getpid():
            asked.add(_chief(pid))
    done = 0
    for pid in asked:
        try:
            os.kill(pid, signal.SIGTERM)
            done += 1
        except OSError:  # gone meanwhile, or somebody else's
            continue
    return done


def _chief(pid: int) -> int:
    """The process that has this one work for it, if there is such a one; else itself."""
    try:
        parent = psutil.Process(pid).parent()
        words = parent.cmdline() if parent is not None else []
    except psutil.Error:
        return pid
    is_study = "study" in words and any("slmtui" in word for word in words)
    return parent.pid if parent is not None and is_study else pid
