"""A trial on a Dask cluster, as its worker sees it: it is trained in a process of its own, in a folder that goes again.

A task of Dask's holds one of the worker's slots while that lasts, and does nothing else. Whoever asked for the trial
talks past it, to the worker (`Client.run`): brings what is to be trained (`receive`), and takes what came of it
(`look`, `fetch`). So a task that Dask starts again elsewhere, because a worker died, is brought the newest checkpoint.

The process there is `python -m slmtui.studies.away FOLDER`:

FOLDER/job            a pickled Job
FOLDER/corpus/        the files of its corpus
FOLDER/checkpoints/   the run, as far as it has come
FOLDER/ready ended    made when the training begins, and when it is over, with how it ended
FOLDER/outbox/        checkpoints that are being fetched, by what tells them from later ones
"""

from __future__ import annotations

import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from slmtui import __version__
from slmtui.errors import TrainingFailed, UserError
from slmtui.openmp import set_wait_policy

if TYPE_CHECKING:
    from slmtui.config.phase import Phase
    from slmtui.runs.control import Now
    from slmtui.session import Brought
    from slmtui.training.control import CommandKind

PIECE = 8 << 20  # bytes of a file sent at a time: a worker answers nobody else meanwhile
LEASE = 30.0  # seconds after which a trial ends that nobody has asked for
LOOK = 0.05  # seconds between two looks of a task at its process
OVERLAP = 256  # bytes before the end of a log by which it is recognised
CHECKPOINTS = ("last.pt", "best.pt")  # linked in this order, so that the best is never older than the last

Ending = Literal["done", "refused", "failed", "died"]


@dataclass(frozen=True)
class Job:
    """What a process is to train. run: the name of the run to go on with, None to begin one; shown: its folder, for
    messages."""

    phase: Phase
    brought: Brought  # the paths of its corpus's files are relative to the folder
    run: str | None
    shown: str
    stop_at: int | None  # the step to stop at, after its evaluation


@dataclass(frozen=True)
class Want:
    """What is known of a trial, and asked of it. attempt: whose training this is; others are to end.

    position, overlap: how much of the log is known, and its last bytes. stamps: the checkpoints that are known.
    """

    attempt: str | None = None
    position: int = 0
    overlap: bytes = b""
    stamps: Mapping[str, str] = field(default_factory=dict)
    control: bytes = b""  # lines for the run's control file
    interrupt: bool = False
    forget: bool = False


@dataclass(frozen=True)
class Seen:
    """What a worker knows of a trial. phase: of its run, as long as nothing of it is known: with the steps that were
    measured there. position: of `log` in the file; 0 with another log than was known.

    files: checkpoints that are new, with stamp and size, for `fetch`. now: what the training says of itself; unread:
    bytes of what was asked of it earlier that it has not begun yet.
    """

    attempt: str
    asks: bool  # for what it is to train
    phase: Phase | None = None
    position: int = 0
    log: bytes = b""
    whole: bool = False  # nothing of the log is left
    files: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    control_taken: bool = False
    now: Now | None = None
    unread: int = 0
    ending: Ending | None = None
    reason: str = ""


@dataclass
class _Held:
    """A trial that this worker has."""

    need: int  # bytes of memory
    attempt: str = field(default_factory=lambda: uuid.uuid4().hex)
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="slmtui-")))
    has_room: bool = False
    heard: float = field(default_factory=time.monotonic)
    brought: threading.Event = field(default_factory=threading.Event)
    forgotten: bool = False
    process: subprocess.Popen[bytes] | None = None

    @property
    def given_up(self) -> bool:
        return self.forgotten or time.monotonic() - self.heard > LEASE


_held: dict[str, _Held] = {}
_room = threading.Condition()


def versions() -> dict[str, str]:
    """What has to be the same on all machines, or is told where it is not."""
    return {"slmtui": __version__, "torch": metadata.version("torch"), "python": "{}.{}".format(*sys.version_info[:2])}


def occupy(key: str, need: int) -> None:
    """The task: hold a slot of this worker, and have a process train what is brought. need: its memory in bytes."""
    from distributed import get_worker

    limit = get_worker().memory_manager.memory_limit  # bytes, None without a limit
    held = _Held(need)
    _held[key] = held
    try:
        with _room:
            while not held.given_up and not _has_room(held, limit):
                _room.wait(LOOK)
        while not held.brought.wait(LOOK):
            if held.given_up:
                return
        command = [sys.executable, "-P", "-m", "slmtui.studies.away", str(held.folder)]
        with (held.folder / "said").open("wb") as said:
            held.process = subprocess.Popen(
                command, cwd=held.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said,
                env=os.environ | {"OMP_NUM_THREADS": "1"}, start_new_session=True,
            )  # fmt: skip
        while not held.given_up:
            time.sleep(LOOK)
    finally:
        if _held.get(key) is held:
            del _held[key]
        if held.process is not None:
            held.process.kill()
            held.process.wait()
        shutil.rmtree(held.folder, ignore_errors=True)
        with _room:
            held.has_room = False
            _room.notify_all()


def _has_room(held: _Held, limit: int | None) -> bool:
    """May it begin? One always may."""
    others = [other.need for other in list(_held.values()) if other.has_room]
    held.has_room = not others or not limit or sum(others) + held.need <= limit
    return held.has_room


def receive(key: str, attempt: str, piece: bytes, last: bool) -> bool:
    """Take a piece of the archive with what is to be trained; False if nobody here waits for it."""
    held = _held.get(key)
    if held is None or held.attempt != attempt:
        return False
    held.heard = time.monotonic()
    archive = held.folder / "archive"
    with archive.open("ab") as file:
        file.write(piece)
    if last:
        with tarfile.open(archive) as packed:
            packed.extractall(held.folder, filter="data")
        archive.unlink()
        held.brought.set()
    return True


def look(wants: Mapping[str, Want]) -> dict[str, Seen]:
    """What this worker knows of these trials."""
    return {key: _seen(held, want) for key, want in wants.items() if (held := _held.get(key)) is not None}


def _seen(held: _Held, want: Want) -> Seen:
    from slmtui.runs.run import Run

    held.heard = time.monotonic()
    waits = Seen(held.attempt, held.has_room and not held.brought.is_set())
    if want.attempt != held.attempt:
        held.forgotten = held.brought.is_set()  # it is trained elsewhere by now
        return waits
    held.forgotten = want.forget
    process = held.process
    if process is None:
        return waits
    ending, reason = _ending(held, process)  # before the files: then they are all that will be there
    if want.interrupt and ending is None:
        process.send_signal(signal.SIGTERM)
    taken = bool(want.control) and (held.folder / "ready").exists()
    phase_file = next((held.folder / "checkpoints").glob("*/phase.toml"), None)
    if phase_file is None:
        return Seen(held.attempt, asks=False, whole=True, ending=ending, reason=reason)
    run = Run(phase_file.parent)
    said, unread = _said(run.control_file)
    if taken:
        with run.control_file.open("ab") as file:
            file.write(want.control)
    files = _linked(run.folder, held.folder / "outbox", want.stamps)
    position, log, whole = _new_lines(run.log_file, want)
    return Seen(
        held.attempt, asks=False, phase=None if want.position else run.phase(), position=position, log=log, whole=whole,
        files=files if whole else {}, control_taken=taken, now=said, unread=unread, ending=ending, reason=reason,
    )  # fmt: skip


def _said(control_file: Path) -> tuple[Now | None, int]:
    """What the training says of itself, and how many bytes of its control file it has not begun to carry out."""
    from slmtui.runs.control import now

    said = now(control_file)
    return said, 0 if said is None else max(0, control_file.stat().st_size - said.read)


def _ending(held: _Held, process: subprocess.Popen[bytes]) -> tuple[Ending | None, str]:
    """How the process ended, and what it said."""
    if process.poll() is None:
        return None, ""
    with suppress(OSError, ValueError):
        ending, reason = json.loads((held.folder / "ended").read_bytes())
        return ending, reason
    lines = (held.folder / "said").read_text(errors="replace").splitlines()
    by = f"signal {-process.returncode}" if process.returncode < 0 else f"exit status {process.returncode}"
    return "died", f"its process ended with {by}" + (f": {lines[-1]}" if lines else "")


def _linked(run: Path, outbox: Path, known: Mapping[str, str]) -> dict[str, tuple[str, int]]:
    """The checkpoints that are not known yet, kept as they are now until others are."""
    outbox.mkdir(exist_ok=True)
    found = {}
    for name in CHECKPOINTS:
        with suppress(FileNotFoundError):
            status = (run / name).stat()
            stamp = f"{status.st_ino}-{status.st_mtime_ns}"
            if known.get(name) == stamp:
                continue
            for old in outbox.glob(f"{name}.*"):
                old.unlink()
            os.link(run / name, outbox / f"{name}.{stamp}")
            found[name] = (stamp, status.st_size)
    return found


def _new_lines(log: Path, want: Want) -> tuple[int, bytes, bool]:
    """The lines that come after what is known, or all of them if that is no longer there; and whether that is all."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, want.position - len(want.overlap)))
            position = want.position if file.read(len(want.overlap)) == want.overlap else 0
            file.seek(position)
            text = file.read(PIECE)
            whole = not file.read(1)
    except FileNotFoundError:
        return 0, b"", True
    return position, text[: text.rfind(b"\n") + 1], whole


def fetch(key: str, attempt: str, name: str, stamp: str, position: int) -> bytes | None:
    """A piece of a checkpoint that `look` has told of; None if it is no longer there."""
    held = _held.get(key)
    if held is None or held.attempt != attempt:
        return None
    held.heard = time.monotonic()
    try:
        with (held.folder / "outbox" / f"{name}.{stamp}").open("rb") as file:
            file.seek(position)
            return file.read(PIECE)
    except FileNotFoundError:
        return None


class _Ended:
    """Set by SIGTERM: the training is to be saved and to end."""

    def __init__(self) -> None:
        self.asked = False
        signal.signal(signal.SIGTERM, self)

    def __call__(self, *_: Any) -> None:
        self.asked = True


def _end_with_parent(folder: Path, parent: int) -> None:
    """When the worker is gone, nobody will ever ask for what is trained here."""
    while os.getppid() == parent:
        time.sleep(0.5)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


def main(folder: Path) -> None:
    """Train what was brought to a folder, and write down how that ended."""
    threading.Thread(target=_end_with_parent, args=(folder, os.getppid()), daemon=True).start()
    set_wait_policy()
    ended = _Ended()
    ending: Ending = "done"
    reason = ""
    with (folder / "job").open("rb") as file:
        job: Job = pickle.load(file)
    try:
        _train(folder, job, ended)
    except UserError as error:
        ending, reason = "refused", str(error)
    except TrainingFailed as error:
        ending, reason = "failed", str(error)
    if job.run is not None:
        reason = reason.replace(str(folder / "checkpoints" / job.run), job.shown)
    (folder / "ended.draft").write_text(json.dumps([ending, reason]))
    (folder / "ended.draft").replace(folder / "ended")


def _train(folder: Path, job: Job, ended: _Ended) -> None:
    from slmtui.data.text_file import file_state
    from slmtui.runs.run import Run
    from slmtui.session import Session, begin, resume

    session: Session | None = None

    def wish() -> CommandKind | None:
        if ended.asked:
            return "interrupt"
        reached = session is not None and job.stop_at is not None and session.training.evaluated_at >= job.stop_at
        return "interrupt" if reached else None

    corpus = job.brought.corpus
    files = [replace(f, path=folder / f.path, state=file_state(folder / f.path)) for f in corpus.files]
    brought = replace(job.brought, corpus=replace(corpus, files=tuple(files)))
    checkpoints = folder / "checkpoints"
    if job.run is None:
        session = begin(job.phase, checkpoints, wish, brought)
    else:
        session = resume(Run(checkpoints / job.run), wish, brought)
    (folder / "ready").touch()
    for _ in session.events:
        pass


if __name__ == "__main__":
    main(Path(sys.argv[1]))
