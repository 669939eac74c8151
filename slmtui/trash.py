"""The trash: what a person deletes moves into `.trash` beside it, from where the last thing can be brought back.

    phases/.trash/1764264000000000000~mine.toml      the time in nanoseconds since 1970, and the name it had
    checkpoints/.trash/1764264060000000000~mine-001

It stays on the same disk, so that moving it costs nothing and cannot fail halfway.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from slmtui.errors import UserError
from slmtui.files import is_there

TRASH = ".trash"


@dataclass(frozen=True)
class Thrown:
    """Something in a trash. name: the one that it had."""

    path: Path
    name: str

    @property
    def was_at(self) -> Path:
        return self.path.parent.parent / self.name


def thrown_in(folder: Path) -> list[Thrown]:
    """What was thrown away in a folder and is still there, the oldest first; none where that cannot be seen."""
    found = []
    try:
        paths = list((folder / TRASH).iterdir())
    except OSError:
        return []
    for path in paths:
        when, mark, name = path.name.partition("~")
        if mark and name and when.isdecimal():
            found.append((int(when), Thrown(path, name)))
    return [thrown for _, thrown in sorted(found, key=lambda one: (one[0], one[1].name))]


def throw_away(path: Path) -> None:
    """Move a file or folder into the trash beside it; UserError if that cannot be done, and then it stays."""
    trash = path.parent / TRASH
    try:
        trash.mkdir(exist_ok=True)
        path.rename(trash / f"{time.time_ns()}~{path.name}")
    except OSError as error:
        raise UserError(f"{path} cannot be moved to {trash} ({error.strerror}), so it was not deleted") from None


def bring_back(folder: Path) -> Path:
    """Put what was thrown away last in a folder to where it was; UserError if there is nothing, or no place for it."""
    if not (thrown := thrown_in(folder)):
        raise UserError(f"nothing that was deleted in {folder}/ is left to bring back")
    last = thrown[-1]
    if is_there(last.was_at):
        raise UserError(f"{last.was_at} is there again, so the deleted one stays in {last.path}")
    try:
        last.path.rename(last.was_at)
    except OSError as error:
        raise UserError(f"{last.path} cannot be brought back ({error.strerror})") from None
    return last.was_at


def empty_trash(folder: Path) -> int:
    """Delete for good what was thrown away in a folder; returns how many. UserError if something cannot be deleted."""
    thrown = thrown_in(folder)
    for one in thrown:
        try:
            if one.path.is_dir() and not one.path.is_symlink():
                shutil.rmtree(one.path)
            else:
                one.path.unlink()
        except OSError as error:
            raise UserError(f"{one.path} cannot be deleted ({error.strerror})") from None
    return len(thrown)
