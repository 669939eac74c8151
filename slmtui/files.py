"""Opening files that somebody else may have put there: no pipe that blocks, no device without an end, no stray link."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO, TextIO


def open_regular(path: Path, flags: int = os.O_RDONLY, *, follow: bool = True) -> int:
    """The descriptor of a regular file; with O_CREAT in `flags`, it is made if it is missing.

    follow: whether the path itself may be a link. OSError, whose `strerror` says what stands in its place; a link
    that leads nowhere is no FileNotFoundError.
    """
    try:
        # O_NONBLOCK: a pipe is opened at once, so that it can be refused. It changes nothing for a file.
        descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY | (0 if follow else os.O_NOFOLLOW), 0o644)
    except FileNotFoundError:
        if path.is_symlink():
            raise OSError(errno.ELOOP, "a link that leads nowhere", str(path)) from None
        raise
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:  # nothing can have such a name
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path)) from None
        if error.errno == errno.ENXIO:  # a pipe that nobody reads, or a socket
            raise not_a_file(path) from None
        if not follow and path.is_symlink():
            raise OSError(errno.ELOOP, "a link, which is not followed here", str(path)) from None
        raise
    kind = os.fstat(descriptor).st_mode
    if stat.S_ISREG(kind):
        return descriptor
    os.close(descriptor)
    if stat.S_ISDIR(kind):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise not_a_file(path)


def open_to_read(path: Path, *, follow: bool = True) -> BinaryIO:
    """A regular file, to be read; OSError as from `open_regular`."""
    return os.fdopen(open_regular(path, follow=follow), "rb")


def open_to_append(path: Path) -> TextIO:
    """A regular file for more text at its end, made if it is missing, each line written at once; OSError as above."""
    descriptor = open_regular(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, follow=False)
    return os.fdopen(descriptor, "a", buffering=1, encoding="utf-8", errors="replace")


def is_there(path: Path) -> bool:
    """Whether the path names anything, be it a link that leads nowhere; True, too, where the system will not say.

    Opening it then tells the reason.
    """
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a NUL in the path
        return False
    except OSError as error:
        return error.errno != errno.ENAMETOOLONG
    return True


def is_folder(path: Path) -> bool:
    """Whether the path leads to a folder; False, too, where the system will not say, in each version of Python."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def is_file(path: Path) -> bool:
    """Whether the path leads to a regular file; False, too, where the system will not say, as above."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def not_a_file(path: Path) -> OSError:
    """What stands there can neither be read nor replaced as a file."""
    return OSError(errno.EINVAL, "neither a file nor a folder", str(path))
