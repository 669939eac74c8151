"""Training that belongs to no terminal: a headless slmtui in a session of its own, so that no hang-up reaches it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from slmtui.config.phase import Phase
from slmtui.errors import UserError
from slmtui.files import open_regular, open_to_read
from slmtui.runs.run import Run, create_run

LOG_NAME = "detached.log"  # in the folder of the first run: what a terminal would have been told
HOW_TO_STOP = "to stop and save it, press s on Runs in slmtui, or type"
PATIENCE = 600.0  # seconds that a corpus may take to be read before we stop waiting for it to begin


def start_detached(
    phases: Sequence[Phase], checkpoints: Path, tell: Callable[[str], None], on_finish: str = ""
) -> tuple[list[Run], int]:
    """Make a run for each phase and start a process that trains them in order; returns them and its id.

    `tell` is called with what a person should know of each corpus.

    UserError for what is wrong with a phase or its corpus; then no run stays behind.
    """
    from slmtui.data.reading import at_start
    from slmtui.training.prepare import phase_corpus  # numpy

    if any(phase.model.init_from or phase.training.distill_from for phase in phases):
        from slmtui.parents import with_parent, with_teacher  # torch

        phases = [with_teacher(with_parent(phase, checkpoints)[0], checkpoints)[0] for phase in phases]
    if any(phase.gate.against for phase in phases):
        from slmtui.inference.sample_set import with_prompts
        from slmtui.runs.reference import with_reference

        phases = [with_reference(with_prompts(phase), checkpoints)[0] for phase in phases]
    for phase in phases:
        for line in at_start(phase_corpus(phase)):
            tell(f"{phase.name}: {line}")
    runs = [create_run(checkpoints, phase) for phase in phases]
    try:
        return runs, resume_detached(runs, checkpoints, on_finish)
    except UserError:
        for run in runs:
            run.delete()
        raise


def resume_detached(runs: Sequence[Run], checkpoints: Path, on_finish: str = "") -> int:
    """Start a process that goes on with these runs, in order; returns its id once the first of them is in training.

    on_finish: a command for the end of each; "" for none.

    UserError, with what it said, if it ends before that.
    """
    first = runs[0]
    # -P: the current folder is somebody's corpus, and no file of it may pass for a module of Python's.
    command = [sys.executable, "-P", "-m", "slmtui", "--headless", "--checkpoints", str(checkpoints)]
    command += [f"--on-finish={on_finish}"]
    for run in runs:
        command += ["--resume", run.name]
    before = _state(first.log_file)
    try:
        with _told(first) as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
    except OSError as error:
        raise UserError(f"{first.name}: cannot be trained without a terminal ({error.strerror})") from None
    deadline = time.monotonic() + PATIENCE
    while _state(first.log_file) == before and time.monotonic() < deadline:
        if process.poll() is not None:
            raise UserError(_words_of(first).removeprefix("slmtui: ") or f"{first.name}: ended before it began")
        time.sleep(0.05)
    return process.pid


def said_at_start(run: Run) -> list[str]:
    """What the process said of the first of its runs before it went on with it."""
    return [line for line in _words_of(run).splitlines() if line.startswith(f"{run.name}: ")]


def _words_of(run: Run) -> str:
    with open_to_read(run.folder / LOG_NAME, follow=False) as file:
        return file.read().decode(errors="replace").strip()


def _told(run: Run) -> BinaryIO:
    """The file for what the process says, emptied."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    return os.fdopen(open_regular(run.folder / LOG_NAME, flags, follow=False), "wb")


def _state(log: Path) -> tuple[int, int] | None:
    """Something that changes when the log does."""
    try:
        status = log.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns
