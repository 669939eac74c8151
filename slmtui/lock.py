"""A lock on a file, the system's own (flock), so that a process that dies in whatever way holds nothing any more.

Who trains holds it alone; who only asks shares it for an instant, so that two who ask never take each other for a
trainer, and asking writes nothing: it works in a folder that may only be read.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from slmtui.files import open_regular, open_to_read

PATIENCE = 1.0  # seconds that a taker waits out those who ask


class Lock:
    """A lock that is held, until it is released or nobody refers to it any more."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Lock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def __del__(self) -> None:
        self.release()


def take(path: Path, *, patience: float = PATIENCE) -> Lock | None:
    """The lock, with this process's id written into the file; None if another process holds it. OSError as it comes."""
    descriptor = open_regular(path, os.O_RDWR | os.O_CREAT, follow=False)
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(descriptor)
                return None
            time.sleep(0.02)
        except OSError:
            os.close(descriptor)
            raise
    with suppress(OSError):  # a full disk: the id is a courtesy, the lock is held all the same
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
    return Lock(descriptor)


def is_held(path: Path) -> bool:
    """Does a process hold the lock? Not if there is no file, or none that may be looked at."""
    try:
        descriptor = open_regular(path, follow=False)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False


def holder(path: Path) -> int | None:
    """The id of the process that holds the lock, as far as it could write it down."""
    try:
        with open_to_read(path, follow=False) as file:
            text = file.read(20)
    except OSError:
        return None
    return int(text) if text.isdigit() else None
