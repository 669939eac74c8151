"""Reading one file as text, a chunk at a time."""

from __future__ import annotations

import codecs
import io
import stat
from collections.abc import Iterator
from pathlib import Path

from slmtui.data.errors import DataError

_READ = 1 << 19  # bytes


class NotText(Exception):
    """A file that cannot be read as text; the message is the reason."""


def read_text(path: Path) -> Iterator[str]:
    """The text of a file: UTF-8, without a byte order mark, line ends as "\\n". Raises NotText."""
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder("utf-8-sig")(), translate=True)
    try:
        with path.open("rb") as file:
            while data := file.read(_READ):
                if b"\0" in data:
                    raise NotText("binary: contains a NUL byte")
                yield decoder.decode(data)
        yield decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise NotText(f"not UTF-8: {error.reason} (0x{error.object[error.start]:02x})") from None
    except OSError as error:
        raise NotText(f"cannot be read: {error.strerror}") from None


def file_state(path: Path) -> tuple[int, ...]:
    """Device, inode, size and modification time: whether a file is still the one that was opened. Raises NotText."""
    try:
        status = path.stat()
    except OSError as error:
        raise NotText(f"cannot be read: {error.strerror}") from None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def check_file(path: Path) -> None:
    """DataError for what is not a file: pipes and devices would be read forever, or only once."""
    try:
        status = path.stat()
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the name
        raise DataError(f"{path}: no such file or folder ({getattr(error, 'strerror', error)})") from None
    if not stat.S_ISREG(status.st_mode):
        raise DataError(f"{path}: neither a file nor a folder")
