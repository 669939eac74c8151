"""Works through a study on a Dask cluster: its trials are trained there (away.py), their runs grow here.

The lock of a trial and that of its run are held here, by this process, for as long as the trial is trained anywhere.
The log and the checkpoints are fetched about twice a second, so that the run's folder is what it would be if it were
trained here; a worker that dies costs what came after the last checkpoint.
"""

from __future__ import annotations

import itertools
import os
import pickle
import tarfile
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slmtui.atomic_files import atomic_write, clear_drafts
from slmtui.config.study import Trial
from slmtui.errors import UserError
from slmtui.files import is_there, open_to_read
from slmtui.inference.sample_set import with_prompts
from slmtui.lock import Lock
from slmtui.parents import with_parent, with_teacher
from slmtui.runs.control import Now, make_control_file, say
from slmtui.runs.log import EventLog
from slmtui.runs.reference import with_reference
from slmtui.runs.run import Run, create_run
from slmtui.session import Brought
from slmtui.studies import away
from slmtui.studies.away import Job, Seen, Want
from slmtui.studies.capacity import memory_of
from slmtui.studies.dask_client import in_a_line, lost, remedy, workers_of
from slmtui.studies.results import TrialResult
from slmtui.studies.runner import FAILURE, Work
from slmtui.training.prepare import phase_corpus

if TYPE_CHECKING:
    from distributed import Client, Future

POLL = 0.4  # seconds between two looks at the cluster
MOST_DEATHS = 3  # of the process that trains a trial, without a new checkpoint, before it is given up
MOST_CONTROL = 1 << 16  # bytes of commands passed on at a time


@dataclass
class Away:
    """A trial that is trained on the cluster, and what of it is here."""

    trial: Trial
    lock: Lock
    stop_at: int | None
    run: Run | None
    key: str
    future: Future[None] | None = None
    run_lock: Lock | None = None
    worker: str | None = None
    want: Want = field(default_factory=Want)
    control_position: int = 0
    said: Now | None = None  # by the training, and shown here
    deaths: int = 0  # since the last checkpoint
    over: bool = False

    def hold(self, run: Run) -> None:
        """Be the process that trains this run. RunError if another one is."""
        self.run, self.run_lock = run, run.lock()
        clear_drafts(run.folder)
        try:
            self.control_position = make_control_file(run.control_file)
        except OSError as error:
            raise UserError(f"{run.control_file}: cannot be made ({error.strerror})") from None

    def control(self) -> bytes:
        """What was asked of the run and is not passed on yet, in whole lines."""
        if self.run is None:
            return b""
        try:
            with open_to_read(self.run.control_file, follow=False) as file:
                file.seek(self.control_position)
                text = file.read(MOST_CONTROL)
        except OSError:
            return b""
        return text[: text.rfind(b"\n") + 1]

    def show(self, seen: Seen) -> None:
        """What the training says of itself is seen here, beside the commands that are given here."""
        if self.run is None or seen.now is None:
            return
        told = replace(seen.now, read=max(0, self.control_position - seen.unread), asked=())
        if told != self.said:
            self.said = told
            say(self.run.control_file, told)

    def release(self) -> None:
        self.over = True
        for lock in (self.run_lock, self.lock):
            if lock is not None:
                lock.release()


class ClusterWork(Work):
    """What one process does for a study whose trials are trained on a cluster. Beside Work's:

    client: connected to the cluster. at_once: the most trials there at a time, None: one in each slot that has the
    memory. tell: is told what a person should know.
    """

    def __init__(self, *args: Any, client: Client, at_once: int | None, tell: Callable[[str], None]) -> None:
        super().__init__(*args)
        self.client, self.at_once, self.tell = client, at_once, tell
        self.address: str = client.scheduler.address
        self.need = max(memory_of(trial.phase) for trial in self.study.trials)
        self.trials: list[Away] = []
        self.had_workers = True

    def run(self) -> Iterator[TrialResult]:
        """Train what is missing; each trial as it is when this process has done with it. UserError: no cluster left."""
        try:
            while True:
                while not self._over() and len(self.trials) < self._slots() and (taken := self._next()) is not None:
                    self._send_away(*taken)
                if not self.trials:
                    return
                self._look_at_all()
                for one in [one for one in self.trials if one.over]:
                    self.trials.remove(one)
                    if (result := self.settle(one.trial)) is not None:
                        yield result
                time.sleep(POLL)
        except lost() as error:
            raise UserError(
                f"{self.address}: the cluster does not answer any more ({in_a_line(error)}); what was trained there is "
                "kept up to each trial's last checkpoint, and the same command goes on with it"
            ) from None
        finally:
            for one in self.trials:
                one.release()
                if one.future is not None:
                    with suppress(Exception):
                        one.future.release()

    def _slots(self) -> int:
        workers = workers_of(self.client)
        if bool(workers) != self.had_workers:
            self.had_workers = bool(workers)
            self.tell(
                f"{self.address}: there are workers again" if workers
                else f"{self.address}: no worker is there; waiting for one (dask worker {self.address})"
            )  # fmt: skip
        slots = 0
        for worker in workers.values():
            limit = worker.get("memory_limit") or 0  # bytes; 0: none
            slots += max(1, min(worker["nthreads"], limit // self.need)) if limit else worker["nthreads"]
        return max(1, slots) if self.at_once is None else self.at_once

    def _send_away(self, trial: Trial, lock: Lock, stop_at: int | None) -> None:
        one = Away(trial, lock, stop_at, self.look(trial).run, f"slmtui-{self.study.name}-{uuid.uuid4().hex}")
        self.trials.append(one)
        try:
            if one.run is not None:
                one.hold(one.run)
        except UserError as error:
            self._give_up(one, self.refused, str(error))
            return
        self._submit(one)

    def _submit(self, one: Away) -> None:
        one.key = f"slmtui-{self.study.name}-{uuid.uuid4().hex}"
        one.worker, one.want = None, Want()
        one.future = self.client.submit(away.occupy, one.key, memory_of(one.trial.phase), key=one.key, pure=False)

    def _give_up(self, one: Away, where: dict[str, str], reason: str) -> None:
        where[one.trial.key] = f"{one.trial.label}: {reason}"
        self._end(one)

    def _end(self, one: Away) -> None:
        """This process has done with it."""
        if one.worker is not None:
            self._ask(one.worker, away.look, {one.key: replace(one.want, forget=True)})
        if one.future is not None:
            one.future.release()
        one.release()

    def _look_at_all(self) -> None:
        wished = self.wish() is not None
        for one in self.trials:
            if wished and one.worker is None:
                self._end(one)  # nobody trains it yet
                continue
            one.want = replace(one.want, control=one.control(), interrupt=wished)
        wants = {one.key: one.want for one in self.trials if not one.over}
        found = self.client.run(away.look, wants, on_error="return") if wants else {}
        seen = [(worker, each) for worker, each in found.items() if isinstance(each, dict)]
        for one in self.trials:
            if one.over:
                continue
            here = {worker: each[one.key] for worker, each in seen if one.key in each}
            mine = next((w for w, each in here.items() if each.attempt == one.want.attempt), None)
            asking = next((w for w, each in here.items() if each.asks), None)
            if asking is not None and asking != mine:
                self._bring(one, asking, here[asking])
            elif mine is not None:
                self._take(one, mine, here[mine])
            elif wished:
                self._end(one)
            elif one.future is not None and one.future.status in ("error", "cancelled", "lost"):
                self._lost_task(one)

    def _lost_task(self, one: Away) -> None:
        """Dask does not try any more: its workers died too often, or cannot do it."""
        error = one.future.exception() if one.future is not None and one.future.status == "error" else None
        if error is None or type(error).__name__ == "KilledWorker":
            self._died(one, "its worker was lost")
            return
        more = "" if isinstance(error, OSError) else f"; {remedy()}"
        self._give_up(one, self.refused, f"cannot be trained at {self.address}: {in_a_line(error)}{more}")

    def _died(self, one: Away, how: str) -> None:
        one.deaths += 1
        if one.deaths >= MOST_DEATHS:
            where = f"{one.worker}: " if one.worker else ""
            self._give_up(one, self.failures, f"{FAILURE}{where}{how}, {one.deaths} times without a new checkpoint")
            return
        if one.worker is not None:
            self._ask(one.worker, away.look, {one.key: replace(one.want, forget=True)})
        self._submit(one)

    def _ask(self, worker: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """What a function says on a worker; None if the worker is gone, which the next look shows."""
        try:
            found = self.client.run(function, *arguments, workers=[worker], on_error="return").get(worker)
        except KeyError:
            return None
        return None if isinstance(found, Exception) else found

    def _bring(self, one: Away, worker: str, seen: Seen) -> None:
        """Send what is to be trained to the worker that asks for it."""
        try:
            with tempfile.TemporaryFile() as archive:
                _pack(one, archive, self.checkpoints)
                size = archive.seek(0, os.SEEK_END)
                archive.seek(0)
                while True:
                    piece = archive.read(away.PIECE)
                    last = archive.tell() == size
                    if not self._ask(worker, away.receive, one.key, seen.attempt, piece, last):
                        return  # it died
                    if last:
                        break
        except UserError as error:
            self._give_up(one, self.refused, str(error))
            return
        position, overlap = 0, b""
        if one.run is not None and one.run.log_file.exists():
            position, overlap = _known(one.run.log_file)
        one.worker = worker
        one.want = Want(seen.attempt, position, overlap)

    def _take(self, one: Away, worker: str, seen: Seen) -> None:
        """Keep what a worker has told, and fetch its new checkpoints."""
        one.show(seen)
        if seen.control_taken:
            one.control_position += len(one.want.control)
        if seen.log or seen.position != one.want.position:
            try:
                if one.run is None:
                    assert seen.phase is not None
                    one.hold(create_run(self.checkpoints, seen.phase))
                assert one.run is not None
                position, overlap = _write(one.run.log_file, seen.position, seen.log, seen.whole)
            except OSError as error:
                self._give_up(one, self.failures, f"{FAILURE}the log cannot be written ({error.strerror})")
                return
            except UserError as error:
                self._give_up(one, self.refused, str(error))
                return
            one.want = replace(one.want, position=position, overlap=overlap)
        for name in reversed(away.CHECKPOINTS):
            if name in seen.files and not self._fetch(one, worker, name, *seen.files[name]):
                return
        if seen.ending is None or not seen.whole:
            return
        match seen.ending:
            case "done":
                self._end(one)
            case "refused":
                self._give_up(one, self.refused, seen.reason)
            case "failed":
                self._give_up(one, self.failures, FAILURE + seen.reason)
            case "died":
                self._died(one, seen.reason)

    def _fetch(self, one: Away, worker: str, name: str, stamp: str, size: int) -> bool:
        """Has the checkpoint taken its place here? If not, the next look tells of it again."""
        assert one.run is not None
        try:
            with atomic_write(one.run.folder / name) as file:
                while file.tell() < size:
                    piece = self._ask(worker, away.fetch, one.key, one.want.attempt, name, stamp, file.tell())
                    if not piece:
                        raise _Gone
                    file.write(piece)
        except _Gone:
            return False
        except OSError as error:
            self._give_up(one, self.failures, f"{FAILURE}{one.run.folder / name}: cannot be written ({error.strerror})")
            return False
        one.want = replace(one.want, stamps={**one.want.stamps, name: stamp})
        one.deaths = 0
        return True


class _Gone(Exception):
    """A file that is no longer on the worker."""


def _pack(one: Away, archive: Any, checkpoints: Path) -> None:
    """Write what a process needs to train this trial, as a tar file. UserError if it is not to be had."""
    run = one.run
    begun = run is not None and is_there(run.last_file)
    phase, parent, reference = one.trial.phase if run is None else run.phase(), None, None
    if not begun:
        phase, reference = with_reference(with_prompts(phase), checkpoints)
        phase, parent = with_parent(phase, checkpoints)
    phase, teacher = with_teacher(phase, checkpoints)
    corpus = phase_corpus(phase)
    names: dict[Path, Path] = {}
    for each in corpus.files:
        names.setdefault(each.path, Path("corpus") / f"{len(names)}{each.path.suffix}")
    there = replace(corpus, files=tuple(replace(each, path=names[each.path]) for each in corpus.files))
    job = Job(
        phase, Brought(there, parent, teacher, reference), None if run is None else run.name,
        "" if run is None else str(run.folder), one.stop_at,
    )  # fmt: skip
    with tarfile.open(fileobj=archive, mode="w") as packed:
        try:
            for path, name in names.items():
                packed.add(path.resolve(), str(name))
            if run is not None:
                # Without a checkpoint it begins again there, whatever of its log has come here.
                for file in (run.phase_file, *((run.log_file, run.last_file, run.best_file) if begun else ())):
                    if is_there(file):
                        packed.add(file, f"checkpoints/{run.name}/{file.name}")
        except OSError as error:
            raise UserError(f"{error.filename}: cannot be read ({error.strerror})") from None
        text = pickle.dumps(job)
        about = tarfile.TarInfo("job")
        about.size = len(text)
        packed.addfile(about, BytesIO(text))


def _write(log: Path, position: int, text: bytes, whole: bool) -> tuple[int, bytes]:
    """Have the log go on with these lines from a position, and end there if they are `whole`; returns as `_known`.

    What the log has in common with them is never lost, so it leads to its checkpoint at any time.
    """
    with EventLog(log) as out:
        with log.open("rb") as file:
            file.seek(position)
            there = file.read(len(text))
        pairs = zip(text.splitlines(keepends=True), there.splitlines(keepends=True), strict=False)
        common = sum(len(line) for line, _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
        if (common < len(text) or whole) and position + common < out.size:
            out.cut(position + common)
        left = text[common:]
        while left:
            left = left[os.write(out.descriptor, left) :]
        out.sync()
    return _known(log, position + len(text))


def _known(log: Path, end: int | None = None) -> tuple[int, bytes]:
    """How far a log is known, which is to a place in it or to the end of its last whole line, and the bytes before."""
    with open_to_read(log, follow=False) as file:
        size = file.seek(0, os.SEEK_END) if end is None else end
        file.seek(max(0, size - (1 << 16)))
        text = file.read(size - file.tell())
    text_end = text.rfind(b"\n") + 1
    return size - len(text) + text_end, text[:text_end][-away.OVERLAP :]
