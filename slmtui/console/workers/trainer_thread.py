"""The background thread that trains: a queue of phases and of runs to go on with, one after the other.

It knows nothing of Textual. The screens see what it does where everybody does, in the run's folder; what there is no
folder for yet (what is being prepared, what went wrong before a run began) stands in its attributes, to be looked at.
It starts the command that a person wants at the end of each training, too: there may be no console any more by then.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from slmtui.config.phase import Phase
from slmtui.console.workers.torch_import import settle
from slmtui.errors import TrainingFailed, UserError
from slmtui.notices import Notice, failed, notice_of, start_command
from slmtui.output import say, visible
from slmtui.runs.run import Run
from slmtui.training.control import CommandKind
from slmtui.training.events import Evaluation, Step

NICENESS = 5  # of the training thread on Linux, so that a key that is pressed is answered first


@dataclass(frozen=True)
class Failure:
    """Something that could not be begun or could not go on, in words for a person."""

    name: str
    message: str
    unexpected: BaseException | None = None  # a fault of ours: its traceback belongs in the log


class TrainerThread(threading.Thread):
    def __init__(self, checkpoints: Path, on_finish: str = "") -> None:
        """on_finish: a command for the end of each training; "" for none."""
        super().__init__(name="trainer", daemon=False)
        self.checkpoints, self.on_finish = checkpoints, on_finish
        self.run_now: Run | None = None  # being trained
        self.preparing: str | None = None  # the name of what will be, while it is read and built
        self.doing = ""  # what takes a while before the first event, such as "counting contexts"; "" for nothing
        self.step, self.max_iters = 0, 0  # of what is being trained
        self.val_loss: float | None = None  # of who decides there, at the last evaluation
        self.last_run: Run | None = None  # the one that was trained last, or is
        self.failures: deque[Failure] = deque()
        self.finished: deque[Run] = deque()
        self._queue: deque[Phase | Run] = deque()
        self._wake = threading.Condition()
        self._leaving: Literal["interrupt", "stop"] | None = None  # at once, with a checkpoint
        self._finishing = False  # when the queue is done

    def put(self, job: Phase | Run) -> None:
        """Train a phase, or go on with a run, when all that was put before is done."""
        with self._wake:
            self._queue.append(job)
            self._wake.notify()

    def waiting(self) -> list[str]:
        """The names of what is still to come."""
        return [name_of(job) for job in self.queue()]

    def queue(self) -> list[Phase | Run]:
        """What is still to come."""
        with self._wake:
            return list(self._queue)

    def remove(self, job: Phase | Run) -> bool:
        """Take one out of the queue; False if it is not there any more, since it has begun."""
        with self._wake:
            kept = [one for one in self._queue if one is not job]
            there = len(kept) < len(self._queue)
            self._queue = deque(kept)
        return there

    def move(self, job: Phase | Run, by: int) -> None:
        """Let one be trained earlier (by < 0) or later by so many places, as far as there are any."""
        with self._wake:
            jobs = list(self._queue)
            at = next((place for place, one in enumerate(jobs) if one is job), None)
            if at is not None:
                jobs.insert(min(max(0, at + by), len(jobs) - 1), jobs.pop(at))
                self._queue = deque(jobs)

    @property
    def busy(self) -> bool:
        return self.run_now is not None or self.preparing is not None or bool(self._queue)

    def hand_over(self) -> list[Phase | Run]:
        """Take everything out of the queue that has not been begun."""
        with self._wake:
            waiting = list(self._queue)
            self._queue.clear()
        return waiting

    def leave(self, how: Literal["interrupt", "stop"] = "interrupt") -> None:
        """Save and end what is being trained, forget the queue, end the thread.

        interrupt: the run will go on some day. stop: a person ends it, so it is summed up as such.
        """
        with self._wake:
            self._leaving = self._leaving or how
            self._queue.clear()
            self._wake.notify()

    def finish(self) -> None:
        """End the thread once the queue is done."""
        with self._wake:
            self._finishing = True
            self._wake.notify()

    def run(self) -> None:
        if sys.platform == "linux":
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        while True:
            with self._wake:
                while not self._queue and not self._leaving and not self._finishing:
                    self._wake.wait(timeout=0.5)
                if self._leaving or not self._queue:
                    return
                job = self._queue.popleft()
                self.preparing = name_of(job)
            try:
                self._train(job)
            except (UserError, TrainingFailed) as error:
                self._fail(Failure(name_of(job), visible(str(error))))
            except Exception as error:
                self._fail(Failure(name_of(job), visible(f"{type(error).__name__}: {error}"), error))
            finally:
                self.preparing = self.run_now = None
                self.doing = ""

    def _fail(self, failure: Failure) -> None:
        self._call(failed(failure.name, failure.message, self.run_now))
        self.failures.append(failure)

    def _call(self, notice: Notice | None) -> None:
        if self.on_finish and notice is not None:
            try:
                process = start_command(self.on_finish, notice)
                threading.Thread(target=process.wait, name="on finish", daemon=True).start()  # else it stays a zombie
            except OSError as error:
                say(f"the command for the end of {notice.name} cannot be run: {error.strerror}")

    def _train(self, job: Phase | Run) -> None:
        from slmtui.session import begin, resume  # torch

        def wish() -> CommandKind | None:
            return self._leaving

        def tell(words: str) -> None:
            self.doing = words

        if isinstance(job, Run):
            session = resume(job, wish, tell=tell)
        else:
            session = begin(job, self.checkpoints, wish, tell=tell)
        self.step, self.max_iters, self.val_loss = (
            session.training.step,
            session.training.phase.training.max_iters,
            None,
        )
        self.run_now = self.last_run = session.run
        self.preparing = None
        settled = False
        for event in session.events:
            self.doing, self.step = "", event.step
            if not settled and isinstance(event, Step):
                settled = True
                settle()  # the first optimizer imports a large part of torch
            elif isinstance(event, Evaluation):
                self.val_loss = event.judged_loss
        self._call(notice_of(session.run))
        self.finished.append(session.run)


def name_of(job: Phase | Run) -> str:
    """Of a phase, or of a run to go on with."""
    return job.name if isinstance(job, Run) else job.phase.name
