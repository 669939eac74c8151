"""Tokens by the hundred million: collected without knowing how many there will be, and read in blocks."""

import mmap
import tempfile
from collections.abc import Iterator
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from slmtui.data.errors import DataError

IN_MEMORY = 64 << 20  # bytes; more than this goes to a file
BLOCK = 1 << 16  # tokens

_READ_BEFORE_LETTING_GO = 1 << 24  # tokens


class TokenFile:
    """Grows in memory, then in a temporary file without a name, gone as soon as nobody uses its array."""

    def __init__(self, dtype: type[np.unsignedinteger[Any]], in_memory: int = IN_MEMORY) -> None:
        self.dtype = dtype
        self.n_tokens = 0
        self._in_memory = in_memory
        self._parts: list[NDArray[Any]] = []
        self._file: IO[bytes] | None = None

    def append(self, ids: NDArray[Any]) -> None:
        """Add tokens at the end. Raises DataError where the disk is full."""
        self._parts.append(ids.astype(self.dtype, copy=False))
        self.n_tokens += len(ids)
        if sum(part.nbytes for part in self._parts) > self._in_memory // (4 if self._file else 1):
            self._write()

    def array(self) -> NDArray[Any]:
        """All tokens, shape (n_tokens,); mapped from the file if there is one. Call it once, at the end."""
        if self._file is None:
            return np.concatenate([np.empty(0, self.dtype), *self._parts])
        self._write()
        mapped: NDArray[Any] = np.memmap(self._file, self.dtype, "r", shape=(self.n_tokens,))
        self._file.close()  # the mapping keeps the content
        return mapped

    def _write(self) -> None:
        try:
            # Without a name it needs no clean-up, however this process ends.
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


def blocks(tokens: NDArray[Any], start: int = 0, stop: int | None = None) -> Iterator[NDArray[Any]]:
    """`tokens[start:stop]` in blocks of at most 65,536.

    What was read of a mapped file is let go now and then: the system may keep it, but it is no more this
    process's.
    """
    stop = len(tokens) if stop is None else stop
    for first in range(start, stop, BLOCK):
        last = min(first + BLOCK, stop)
        yield tokens[first:last]
        if first // _READ_BEFORE_LETTING_GO != last // _READ_BEFORE_LETTING_GO:
            _let_go(tokens)


def _let_go(tokens: NDArray[Any]) -> None:
    owner: object = tokens
    while isinstance(owner, np.ndarray):
        owner = owner.base
    if isinstance(owner, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        owner.madvise(mmap.MADV_DONTNEED)
