"""Works through a study: trains the trials that are missing, resumes those that were cut off, leaves out what is done.

A process takes a trial by locking its file in the study's folder, so any number of processes may work on one study, and
one that dies holds nothing. Several trials at once are several processes, each with a trial and a thread.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from slmtui.config.study import Study, Trial
from slmtui.errors import TrainingFailed, UserError
from slmtui.lock import Lock, take
from slmtui.output import ExitStatus
from slmtui.session import Session, begin, resume
from slmtui.studies import halving
from slmtui.studies.processes import lock_file
from slmtui.studies.reading import StudyFollower
from slmtui.studies.results import Status, TrialResult
from slmtui.training.control import CommandKind
from slmtui.words import plural

FAILURE = "training failed: "
UNFINISHED: tuple[Status, ...] = ("queued", "stopped")
OTHERS: tuple[Status, ...] = ("running", "stopped", "failed")  # that are counted beside those done

Wish = Callable[[], CommandKind | None]


@dataclass
class Work:
    """What one process does for a study.

    deadline: time.time() after which no trial is begun. refused: what could not be trained here, by trial, with the
    reason. failures: what broke off, in the same way; neither is taken up again by this process.
    """

    study: Study
    checkpoints: Path
    wish: Wish
    deadline: float | None = None
    refused: dict[str, str] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    follower: StudyFollower = field(init=False)

    def __post_init__(self) -> None:
        self.follower = StudyFollower(self.study, self.checkpoints)

    def run(self) -> Iterator[TrialResult]:
        """Train what is missing, one trial after the other; each as it is when this process has done with it.

        Ends when nothing is left that another process does not hold, when the time is used up, and when it is wished.
        """
        while not self._over():
            taken = self._next()
            if taken is None:
                return
            trial, lock, stop_at = taken
            with lock:
                try:
                    self._train(trial, stop_at)
                except UserError as error:
                    self.refused[trial.key] = f"{trial.label}: {error}"
                except TrainingFailed as error:  # a full disk may keep even its log from saying so
                    self.failures[trial.key] = f"{trial.label}: {FAILURE}{error}"
                result = self.settle(trial)
            if result is not None:
                yield result

    def settle(self, trial: Trial) -> TrialResult | None:
        """A trial that this process has done with; None if there is nothing to say of it but why."""
        result = self.look(trial)
        if trial.key in self.refused or (trial.key in self.failures and result.status != "failed"):
            return None
        if result.status == "queued":  # or it would be trained again and again
            self.refused[trial.key] = f"{trial.label}: its run cannot be told from others"
            return None
        return result

    def _over(self) -> bool:
        return self.wish() is not None or (self.deadline is not None and time.time() > self.deadline)

    def _next(self) -> tuple[Trial, Lock, int | None] | None:
        """A trial that may go on, and its lock; the step that it may go to, None for its end."""
        results = self.follower.look().trials
        wanted: list[tuple[Trial, int | None]]
        if self.study.halving:
            wanted = halving.wanted(results)
        else:
            wanted = [(result.trial, None) for result in results if result.status in UNFINISHED]
        for trial, stop_at in wanted:
            if trial.key in self.refused or trial.key in self.failures:
                continue
            lock = take_trial(self.study, trial, self.checkpoints)
            if lock is None:
                continue
            now = self.look(trial)  # between the list and the lock somebody may have trained it
            if now.status in UNFINISHED and (stop_at is None or now.step < stop_at):
                return trial, lock, stop_at
            lock.release()
        return None

    def look(self, trial: Trial) -> TrialResult:
        return next(result for result in self.follower.look().trials if result.trial is trial)

    def _train(self, trial: Trial, stop_at: int | None) -> None:
        """UserError if it cannot be begun, or gone on with; TrainingFailed if it breaks off."""
        session: Session | None = None

        def wish() -> CommandKind | None:
            if stop_at is not None and session is not None and session.training.evaluated_at >= stop_at:
                return "interrupt"
            return self.wish()

        run = self.look(trial).run
        session = begin(trial.phase, self.checkpoints, wish) if run is None else resume(run, wish)
        for _ in session.events:
            pass


def take_trial(study: Study, trial: Trial, checkpoints: Path) -> Lock | None:
    """The lock of a trial, None if another process has it. UserError if it cannot be made."""
    path = lock_file(study, trial, checkpoints)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return take(path, patience=0)
    except OSError as error:
        raise UserError(f"{path.parent}: trials cannot be locked here ({error.strerror})") from None


@dataclass
class Worker:
    """A further process that works on the same study until nothing is left, and what it said on stderr."""

    process: subprocess.Popen[bytes]
    said: BinaryIO

    @classmethod
    def start(cls, file: Path, checkpoints: Path) -> Worker:
        """In a session of its own: a key pressed in the terminal reaches whoever started it, who passes it on."""
        # -P: the current folder is somebody's corpus, and no file of it may pass for a module of Python's.
        command = [sys.executable, "-P", "-m", "slmtui", "study", str(file), "--at-once", "1"]
        said = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the worker)
        process = subprocess.Popen(
            [*command, "--checkpoints", str(checkpoints)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=said, env=os.environ | {"OMP_NUM_THREADS": "1"}, start_new_session=True,
        )  # fmt: skip
        return cls(process, said)

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def complaint(self) -> list[str]:
        """What it said, if it ended because of something that a person has to put right."""
        if self.process.returncode in (ExitStatus.DONE, ExitStatus.INTERRUPTED, -signal.SIGTERM):  # before it had begun
            return []
        self.said.seek(0)
        lines = self.said.read().decode(errors="replace").splitlines()
        return [line for line in lines if FAILURE in line] if self.process.returncode == ExitStatus.FAILED else lines


def progress_words(results: Sequence[TrialResult]) -> str:
    """`12 of 45 trials done, 2 running, 1 failed`."""
    count = Counter(result.status for result in results)
    others = [f", {count[status]} {status}" for status in OTHERS if count[status]]
    return f"{count['done']} of {plural(len(results), 'trial')} done" + "".join(others)
