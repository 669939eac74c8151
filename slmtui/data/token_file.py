"""Hundreds of millions of tokens: collected without knowing how many there will be, and read in blocks."""

from __future__ import annotations

import mmap
import tempfile
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import IO, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from slmtui.cores import usable_cores
from slmtui.data.errors import DataError

IN_MEMORY = 64 << 20  # bytes; anything larger goes to a file
BLOCK = 1 << 16  # tokens

_READ_BEFORE_LETTING_GO = 1 << 24  # tokens
_MOST_THREADS = 8

Item = TypeVar("Item")


class TokenFile:
    """Grows in memory, then in an unnamed temporary file, which is gone as soon as its array is no longer used."""

    def __init__(self, dtype: type[np.unsignedinteger[Any]], in_memory: int = IN_MEMORY) -> None:
        self.dtype = dtype
        self.n_tokens = 0
        self.not_kept = ""  # why its tokens, which were to be kept for the next time, are not
        self._in_memory = in_memory
        self._waiting = 0  # bytes in _parts
        self._parts: list[NDArray[Any]] = []
        self._file: IO[bytes] | None = None

    def encode(
        self, items: Iterable[Item], encode: Callable[[Item], NDArray[Any]]
    ) -> Generator[tuple[Item, NDArray[Any]]]:  # fmt: skip
        """The items in order, each with its ids, which are appended."""
        with closing(encoded(items, encode)) as pairs:
            for item, ids in pairs:
                self.append(ids)
                yield item, ids

    def append(self, ids: NDArray[Any]) -> None:
        """Append tokens. Raises DataError if the disk is full."""
        part = ids.astype(self.dtype)  # a copy: a view would keep its whole base array alive
        self._parts.append(part)
        self._waiting += part.nbytes
        self.n_tokens += len(ids)
        if self._waiting > self._in_memory // (4 if self._file else 1):
            self._write()

    def array(self) -> NDArray[Any]:
        """All tokens, shape (n_tokens,); memory-mapped if they are in a file. Call it once, at the end."""
        if self._file is None:
            return np.concatenate([np.empty(0, self.dtype), *self._parts])
        self._write()
        mapped: NDArray[Any] = np.memmap(self._file, self.dtype, "r", shape=(self.n_tokens,))
        self._file.close()  # the mapping keeps the content
        return mapped

    def _write(self) -> None:
        try:
            # An unnamed file needs no clean-up, however this process ends.
            self._file = self._file or tempfile.TemporaryFile(prefix="slmtui-")  # noqa: SIM115
            for part in self._parts:
                self._file.write(part.tobytes())
            self._file.flush()
        except OSError as error:
            raise DataError(
                f"{tempfile.gettempdir()}: no room for a temporary file of tokens: {error.strerror}; "
                "free some space there, or set TMPDIR to another folder"
            ) from None
        self._parts.clear()
        self._waiting = 0


def encoded(
    items: Iterable[Item], encode: Callable[[Item], NDArray[Any]]
) -> Generator[tuple[Item, NDArray[Any]]]:  # fmt: skip
    """The items in order, each with its ids, computed on up to eight cores: tiktoken releases the interpreter lock.

    To bound memory, no more than two items for each of them are in flight.
    """
    n_threads = min(_MOST_THREADS, usable_cores())
    waiting: deque[tuple[Item, Future[NDArray[Any]]]] = deque()
    with ThreadPoolExecutor(n_threads, "slmtui-tokenise") as pool:
        try:
            for item in items:
                waiting.append((item, pool.submit(encode, item)))
                if len(waiting) == 2 * n_threads:
                    done, ids = waiting.popleft()
                    yield done, ids.result()
            while waiting:
                done, ids = waiting.popleft()
                yield done, ids.result()
        finally:
            pool.shutdown(cancel_futures=True)


def blocks(tokens: NDArray[Any], start: int = 0, stop: int | None = None) -> Iterator[NDArray[Any]]:
    """`tokens[start:stop]` in blocks of at most 65,536.

    Pages of a mapped file that have been read are released now and then: the system may cache them, but they no longer
    count as this process's memory.
    """
    stop = len(tokens) if stop is None else stop
    for first in range(start, stop, BLOCK):
        last = min(first + BLOCK, stop)
        yield tokens[first:last]
        if first // _READ_BEFORE_LETTING_GO != last // _READ_BEFORE_LETTING_GO:
            _let_go(tokens)
    if stop - start > _READ_BEFORE_LETTING_GO:
        _let_go(tokens)


class LetGo:
    """Releases the pages of mapped tokens now and then, for those who read them in another way than in blocks."""

    def __init__(self, tokens: NDArray[Any]) -> None:
        self._tokens, self._read = tokens, 0

    def after(self, n_tokens: int) -> None:
        """Say that so many more tokens were read."""
        self._read += n_tokens
        if self._read > _READ_BEFORE_LETTING_GO:
            _let_go(self._tokens)
            self._read = 0


def _let_go(tokens: NDArray[Any]) -> None:
    owner: object = tokens
    while isinstance(owner, np.ndarray):
        owner = owner.base
    if isinstance(owner, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        owner.madvise(mmap.MADV_DONTNEED)
