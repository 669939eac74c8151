"""The tokens of large texts, kept for the next time: a gigabyte is tokenised once, and in as many goes as it takes.

What tokenises goes through items (chunks of a corpus, batches of a side) in order, and the ids of each are added to a
file as soon as they are known. Who comes later, or at the same time in another process, reads what is there and goes
on from its end: one process at a time writes, the others read after it. A file is named by the text, the vocabulary and
how the text is cut, so it is never out of date; those that were not used for the longest time make room for others.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack, closing, suppress
from io import RawIOBase
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_path

from slmtui.data.chunks import CHUNK_CHARACTERS
from slmtui.data.token_file import BLOCK, LetGo, TokenFile, encoded
from slmtui.lock import Lock, is_held, take

KEPT_FROM = 32 << 20  # bytes of text; a smaller one is tokenised in some seconds
MOST_KEPT = 10 << 30  # bytes of all files
KEPT_FREE = 2.0  # times what is written: so much must be free on the disk before
GROWTH = 32 << 20  # bytes that a file grows by before there must be room again: others may grow beside it
BYTES_PER_TOKEN = {"bytes": 1, "characters": 1}  # at the least; of other vocabularies about 3 or more
FLUSHED = 1 << 24  # tokens after which what is written is on the disk, whatever becomes of the machine
PATIENCE = 60.0  # seconds without a new token from the process that writes, after which another one does without it
POLL = 0.05  # seconds

_VERSION = 1  # of the files, and of how texts are cut

Item = TypeVar("Item")
Ids = NDArray[Any]


def token_file(dtype: type[np.unsignedinteger[Any]], n_bytes: int, kind: str, *named_by: object) -> TokenFile:
    """Where the tokens of a text of so many bytes go: a kept file if it is large and there is room, else a passing one.

    kind: of vocabulary. named_by: all else that the ids depend on, and how they are cut into items.
    """
    if n_bytes < KEPT_FROM:
        return TokenFile(dtype)
    name = hashlib.sha256(repr((_VERSION, CHUNK_CHARACTERS, BLOCK, np.dtype(dtype).str, kind, *named_by)).encode())
    expected = n_bytes // BYTES_PER_TOKEN.get(kind, 3) * np.dtype(dtype).itemsize
    try:
        return KeptTokens(dtype, folder(), name.hexdigest()[:32], expected=expected)
    except OSError as error:  # a home that may not be written to, or is full
        file = TokenFile(dtype)
        file.not_kept = _why(error)
        return file


def folder() -> Path:
    """Where it is kept; made if need be, for this user alone: a text can be read out of its tokens."""
    path = _place()
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def _place() -> Path:
    return user_cache_path("slmtui") / "texts"


class KeptTokens(TokenFile):
    """Ids in a file with a name, and where those of each item end in another one beside it."""

    def __init__(
        self, dtype: type[np.unsignedinteger[Any]], folder: Path, name: str, *, expected: int = 0
    ) -> None:  # fmt: skip
        """expected: bytes, about, for which room is made as far as they are missing. Raises OSError if nothing can be
        written."""
        super().__init__(dtype)
        self._expected, self._room = expected, 0  # bytes; the second: that may be written before room is made again
        self._ids_path, self._ends_path = folder / f"{name}.ids", folder / f"{name}.ends"
        self._lock_path = folder / f"{name}.lock"
        self._ids_path.touch()  # used just now
        self._ids: RawIOBase
        self._ends: RawIOBase
        self._known: list[int] = []  # ends of the items that are known to be there, in tokens
        self._mapped: Ids = np.empty(0, dtype)
        self._let_go = LetGo(self._mapped)
        self._without: TokenFile | None = None  # where the tokens go instead, once the file cannot have them

    def encode(
        self, items: Iterable[Item], encode: Callable[[Item], Ids]
    ) -> Generator[tuple[Item, Ids]]:  # fmt: skip
        """The items with their ids, from the file as long as it has them. Once only."""
        with ExitStack() as files:
            try:
                self._ids = files.enter_context(self._ids_path.open("a+b", buffering=0))
                self._ends = files.enter_context(self._ends_path.open("a+b", buffering=0))
            except OSError as error:
                self.not_kept = _why(error)
                yield from self._on_from(items, encode, writes=False)
                return
            try:
                yield from self._pairs(items, encode)
            finally:
                if self._without is None:
                    self._map(self.n_tokens)  # which outlives the open file

    def array(self) -> Ids:
        """All tokens up to the last item that was gone through, shape (n_tokens,), memory-mapped."""
        return self._mapped[: self.n_tokens] if self._without is None else self._without.array()

    def _pairs(
        self, items: Iterable[Item], encode: Callable[[Item], Ids]
    ) -> Generator[tuple[Item, Ids]]:  # fmt: skip
        coming = iter(items)
        for i, item in enumerate(coming):
            lock = None if self._has(i) else self._turn(i)
            if not self._has(i):  # it is for us to write, or nobody gets on with it
                try:
                    yield from self._on_from(chain([item], coming), encode, writes=lock is not None)
                finally:
                    if lock is not None:
                        lock.release()
                return
            ids = self._read(i)
            self.n_tokens = self._known[i]
            yield item, ids
            self._let_go.after(len(ids))

    def _on_from(
        self, items: Iterable[Item], encode: Callable[[Item], Ids], *, writes: bool
    ) -> Generator[tuple[Item, Ids]]:  # fmt: skip
        """The items that are not there yet, encoded, and written if this process is the one that does."""
        if not writes or not self._may_go_on():
            self._do_without()
        unflushed = 0
        with closing(encoded(items, encode)) as pairs:
            for item, ids in pairs:
                ids = ids.astype(self.dtype, copy=False)
                if self._without is None:
                    try:
                        self._make_room(ids.nbytes)
                        self._write_whole(self._ids, ids.tobytes())
                        unflushed += len(ids)
                        if unflushed > FLUSHED:
                            os.fsync(self._ids.fileno())
                            unflushed = 0
                        self._write_whole(self._ends, np.int64(self.n_tokens + len(ids)).tobytes())
                    except OSError as error:  # the disk is full, or all that may be kept is there
                        self.not_kept = _why(error)
                        self._do_without()
                if self._without is not None:
                    self._without.append(ids)
                self.n_tokens += len(ids)
                yield item, ids
        if self._without is None:
            with suppress(OSError):
                os.fsync(self._ids.fileno())

    def _has(self, i: int) -> bool:
        """Whether the ids of the item are in the file, which may have grown."""
        if i < len(self._known):
            return True
        self._ends.seek(8 * len(self._known))
        data = self._ends.read()
        ends = np.frombuffer(data[: len(data) // 8 * 8], np.int64)
        n_tokens = self._ids.seek(0, os.SEEK_END) // np.dtype(self.dtype).itemsize
        before = self._known[-1] if self._known else 0
        fine = (ends <= n_tokens) & (np.diff(ends, prepend=before) >= 0)
        self._known += ends[: len(ends) if fine.all() else int(np.argmin(fine))].tolist()
        return i < len(self._known)

    def _turn(self, i: int) -> Lock | None:
        """The lock, if the item is not there and nobody writes it; None once it is, or its writer gets no further.

        None in a folder without locks, too, as one of NFS may be.
        """
        seen, until = len(self._known), time.monotonic() + PATIENCE
        while not self._has(i):
            try:
                lock = take(self._lock_path, patience=0)
            except OSError as error:
                self.not_kept = _why(error)
                return None
            if lock is not None:
                if not self._has(i):
                    return lock
                lock.release()  # whoever wrote has just ended
            if len(self._known) > seen:
                seen, until = len(self._known), time.monotonic() + PATIENCE
            elif time.monotonic() > until:
                break
            time.sleep(POLL)
        return None

    def _read(self, i: int) -> Ids:
        start, stop = self._known[i - 1] if i else 0, self._known[i]
        return self._map(stop)[start:stop]

    def _map(self, n_tokens: int) -> Ids:
        """The file's tokens, so many at least."""
        if len(self._mapped) < n_tokens:
            size = self._ids.seek(0, os.SEEK_END) // np.dtype(self.dtype).itemsize
            self._mapped = np.memmap(self._ids, self.dtype, "r", shape=(size,))
            self._let_go = LetGo(self._mapped)
        return self._mapped

    def _may_go_on(self) -> bool:
        """Whether more can be written to the file, and there is room for all that is missing, as far as that is known.

        Half an item, which a process that was killed has left at the end, is cut off.
        """
        size = self.n_tokens * np.dtype(self.dtype).itemsize
        try:
            self._ids.truncate(size)
            self._ends.truncate(8 * len(self._known))
            make_room(self._ids_path.parent, max(0, self._expected - size))
        except OSError as error:
            self.not_kept = _why(error)
            return False
        return True

    def _make_room(self, n_bytes: int) -> None:
        """For so many bytes, and their end. Raises OSError if there is none."""
        n_bytes += 8
        if n_bytes > self._room:
            self._room = max(n_bytes, GROWTH)
            make_room(self._ids_path.parent, self._room)
        self._room -= n_bytes

    def _write_whole(self, file: RawIOBase, data: bytes) -> None:
        if file.write(data) != len(data):
            raise OSError("the disk is full")

    def _do_without(self) -> None:
        """From now on, the tokens go to a passing file, those that are there first."""
        self._without = TokenFile(self.dtype)
        if self.n_tokens:
            known = self._map(self.n_tokens)
            for start in range(0, self.n_tokens, BLOCK):
                self._without.append(known[start : min(start + BLOCK, self.n_tokens)])


def _why(error: OSError) -> str:
    return f"{_place()}: {error.strerror or error}"


def make_room(folder: Path, n_bytes: int) -> None:
    """Delete what was used the longest time ago, until so many bytes more are at most `MOST_KEPT`.

    Raises OSError, with nothing deleted, if that cannot be, or the disk has not enough free even so. What is being
    written is not deleted; what another process still reads stays there for it.
    """
    used: defaultdict[str, tuple[float, int]] = defaultdict(lambda: (0.0, 0))  # by stem: when, and bytes
    for path in folder.iterdir():
        with suppress(FileNotFoundError):
            status, (before, size) = path.stat(), used[path.stem]
            used[path.stem] = max(before, status.st_mtime), size + status.st_size
    too_much = sum(size for _, size in used.values()) + n_bytes - MOST_KEPT
    to_delete, freed = [], 0
    for stem in sorted(used, key=lambda stem: used[stem]):
        if freed >= too_much:
            break
        if not is_held(folder / f"{stem}.lock"):
            to_delete.append(stem)
            freed += used[stem][1]
    if freed < too_much or shutil.disk_usage(folder).free + freed < KEPT_FREE * n_bytes:
        raise OSError("not enough room")
    for stem in to_delete:
        for path in folder.glob(f"{stem}.*"):
            path.unlink(missing_ok=True)
