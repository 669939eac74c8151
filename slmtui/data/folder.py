"""Which files of a folder to train on.

Everything below the folder, sorted by path, except hidden files, files ignored by a `.gitignore` (also in subfolders),
files that the given patterns exclude, and anything that is neither a file nor a folder. Links are followed last, so
that a file reached twice is listed at its real place, and a link back up does not loop forever. Everything left out is
reported, except what the caller's own patterns exclude.
"""

import os
import stat
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec

from slmtui.data.errors import DataError


@dataclass(frozen=True)
class Skipped:
    """Something that was found but left out: its path relative to the folder, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class _Folder:
    path: Path
    name: str  # relative to the root, "" or with a slash at the end
    ignores: tuple[tuple[str, GitIgnoreSpec], ...]  # the folder of each .gitignore from the root down to here
    above: frozenset[tuple[int, int]]  # device and inode of this folder and all above it, up to the root


def patterns(lines: Iterable[str], key: str) -> GitIgnoreSpec | None:
    """Patterns in the style of .gitignore; None if there are none. `key`: where they were given, for errors."""
    lines = tuple(lines)
    try:
        return GitIgnoreSpec.from_lines(lines) if lines else None
    except ValueError as error:
        raise DataError(f"{key}: not a valid .gitignore pattern: {error}") from None


def find_files(
    root: Path, *, include: Sequence[str] = (), exclude: Sequence[str] = ()
) -> tuple[list[tuple[str, Path]], list[Skipped]]:
    """The files below `root`, sorted, each with its name relative to it; and what was skipped.

    Raises DataError if `root` cannot be listed or a pattern is invalid.
    """
    search = _Search(patterns(include, "include"), patterns(exclude, "exclude"))
    try:
        with os.scandir(root):
            pass
    except OSError as error:
        raise DataError(f"{root}: the folder cannot be read: {error.strerror}") from None
    above = frozenset(_identity(folder.stat()) for folder in (root.resolve(), *root.resolve().parents))
    search.run(_Folder(root, "", (), above))
    return sorted(search.found), sorted(search.skipped, key=lambda skipped: skipped.path)


class _Search:
    """One walk through a tree: what is left to visit, and what was found."""

    def __init__(self, include: GitIgnoreSpec | None, exclude: GitIgnoreSpec | None) -> None:
        self.include, self.exclude = include, exclude
        self.found: list[tuple[str, Path]] = []
        self.skipped: list[Skipped] = []
        self.seen: dict[tuple[int, int], str] = {}
        self.folders: deque[_Folder] = deque()
        self.links: deque[tuple[_Folder, str]] = deque()

    def run(self, root: _Folder) -> None:
        self.folders.append(root)
        while self.folders or self.links:
            if self.folders:
                self.list_folder(self.folders.popleft())
            else:
                self.look_at(*self.links.popleft())

    def list_folder(self, folder: _Folder) -> None:
        try:
            with os.scandir(folder.path) as scan:
                entries = sorted(scan, key=lambda entry: entry.name)
        except OSError as error:
            self.skip(folder.name, f"the folder cannot be read: {error.strerror}")
            return
        folder = self.with_gitignore(folder)
        for entry in entries:
            if entry.is_symlink():
                self.links.append((folder, entry.name))
            else:
                self.look_at(folder, entry.name)

    def look_at(self, folder: _Folder, entry: str) -> None:
        name, path = folder.name + entry, folder.path / entry
        if entry == ".gitignore":
            return None
        if entry.startswith("."):
            return self.skip(name, "hidden")
        try:
            status = path.stat()
        except OSError as error:
            reason = "a broken link" if path.is_symlink() else f"cannot be read: {error.strerror}"
            return self.skip(name, reason)
        is_folder, identity = stat.S_ISDIR(status.st_mode), _identity(status)
        if _ignored(folder.ignores, name + "/" * is_folder):
            return self.skip(name, "ignored by .gitignore")
        if self.exclude and self.exclude.match_file(name + "/" * is_folder):
            return None
        if not is_folder and self.include and not self.include.match_file(name):
            return None
        if identity in folder.above and is_folder:
            return self.skip(name, "a link back to a folder that contains it")
        if identity in self.seen:
            return self.skip(name, f"same as {self.seen[identity]}")
        if is_folder:
            self.folders.append(_Folder(path, name + "/", folder.ignores, folder.above | {identity}))
        elif stat.S_ISREG(status.st_mode):
            self.found.append((_printable(name), path))
        else:
            return self.skip(name, "neither a file nor a folder")
        self.seen[identity] = _printable(name)
        return None

    def with_gitignore(self, folder: _Folder) -> _Folder:
        """The folder, with its own .gitignore, if it has one, added to those above it."""
        path = folder.path / ".gitignore"
        if not path.is_file():
            return folder
        try:
            spec = patterns(path.read_text("utf-8", "replace").splitlines(), "pattern")
        except (OSError, DataError) as error:
            self.skip(f"{folder.name}.gitignore", f"not applied: {error}")
            return folder
        ignores = (*folder.ignores, (folder.name, spec)) if spec else folder.ignores
        return _Folder(folder.path, folder.name, ignores, folder.above)

    def skip(self, name: str, reason: str) -> None:
        self.skipped.append(Skipped(_printable(name), reason))


def _ignored(ignores: tuple[tuple[str, GitIgnoreSpec], ...], name: str) -> bool:
    """Whether git would ignore it: the deepest .gitignore with a matching pattern decides."""
    for base, spec in reversed(ignores):
        verdict = spec.check_file(name.removeprefix(base)).include
        if verdict is not None:
            return verdict
    return False


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _printable(name: str) -> str:
    """A name that can be shown and written as UTF-8: anything else that a file system allows becomes U+FFFD."""
    text = os.fsencode(name).decode("utf-8", "replace")
    return "".join(character if character.isprintable() else "\ufffd" for character in text)
