"""Writing a file so that it is either whole or not there, whenever the power goes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from slmtui.files import not_a_file


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """A file to write that takes the place of `path` at the end, or leaves it as it was if anything goes wrong.

    OSError, too, where a device or a pipe stands there: whoever may write in /dev would turn /dev/null into a file.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise not_a_file(path)
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    draft.unlink(missing_ok=True)
    try:
        with draft.open("xb") as file:  # x: never through a link that somebody has put there
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        sync_folder(path.parent)
    finally:
        with suppress(OSError):  # what went wrong before matters more
            draft.unlink(missing_ok=True)


def inode(path: Path) -> int | None:
    """What tells a file from the one that took its place; None where there is none."""
    try:
        return path.stat().st_ino
    except OSError:
        return None


def clear_drafts(folder: Path) -> None:
    """Remove the drafts that killed processes have left; only for whoever holds the folder's lock."""
    for draft in folder.glob(".*.draft"):
        with suppress(OSError):
            draft.unlink()


def sync_folder(folder: Path) -> None:
    """Make a rename in this folder outlast a crash of the machine."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
