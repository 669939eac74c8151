"""Text from outside that a model reads before it continues a prompt."""

from __future__ import annotations

from pathlib import Path

from slmtui.config.errors import printable
from slmtui.errors import UserError
from slmtui.files import open_to_read


def read_context(path: Path, place: str = "") -> str:
    """The text of a file; UserError, which begins with `place`, if it cannot be read or is not UTF-8."""
    where = f"{place}{printable(str(path), limit=200)}"
    try:
        with open_to_read(path) as file:
            return decoded(file.read(), where)
    except FileNotFoundError:
        raise UserError(f"{where}: no such file") from None
    except IsADirectoryError:
        raise UserError(f"{where}: a folder, not a file") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UserError(f"{where}: cannot be read ({reason})") from None


def decoded(raw: bytes, where: str) -> str:
    """Bytes as text; UserError, which begins with `where`, if they are not UTF-8."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{where}: not UTF-8: byte 0x{raw[error.start]:02x} at {error.start + 1}") from None
