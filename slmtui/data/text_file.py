"""Reading one file as text, a chunk at a time."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from slmtui.data.errors import DataError

_READ = 1 << 19  # bytes


class NotText(Exception):
    """A file that cannot be read as text; the message is the reason."""


def read_blocks(path: Path) -> Iterator[bytes]:
    """The bytes of a file. Raises NotText if it cannot be read."""
    try:
        with path.open("rb") as file:
            while data := file.read(_READ):
                yield data
    except OSError as error:
        raise NotText(f"cannot be read: {error.strerror}") from None


def file_state(path: Path) -> tuple[int, ...]:
    """Device, inode, size and modification time: whether a file is still the one that was opened. Raises NotText."""
    try:
        status = path.stat()
    except OSError as error:
        raise NotText(f"cannot be read: {error.strerror}") from None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def file_size(path: Path) -> int:
    """Bytes; 0 if it cannot be read."""
    try:
        _, _, size, _ = file_state(path)
    except NotText:
        return 0
    return size


def check_file(path: Path) -> None:
    """DataError for what is not a file: pipes and devices would be read forever, or only once."""
    try:
        status = path.stat()
    except FileNotFoundError:
        raise DataError(f"{path}: no such file or folder") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the name
        raise DataError(f"{path}: no such file or folder ({getattr(error, 'strerror', error)})") from None
    if not stat.S_ISREG(status.st_mode):
        raise DataError(f"{path}: neither a file nor a folder")
