"""Which files of a folder to train on.

Everything below the folder, sorted by path, except hidden files, files ignored by a `.gitignore` (also in subfolders),
files that the given patterns exclude, what default_excludes.py names, and anything that is neither a file nor a
folder. Links are followed last, so that a file reached twice is listed at its real place, and a link back up does not
loop forever. Everything left out is reported, except what the caller's own patterns exclude.

A pattern to exclude that begins with "!" takes in what a rule would leave out: the file or the folder that it names.
What is in that folder is still asked about: a hidden file there needs a pattern of its own.
"""

import os
import re
import stat
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from pathspec import GitIgnoreSpec, RegexPattern

from slmtui.data.default_excludes import left_out_by_content, left_out_by_name
from slmtui.data.errors import DataError

_NAMED = "ps_d"  # the group of a pattern of pathspec that is the slash after the folder it names
_SPECIAL = re.compile(r"[\\*?\[]| $")  # what a pattern would take for more than itself


@dataclass(frozen=True)
class Skipped:
    """Something that was found but left out: its path relative to the folder, and why.

    `take_in`: the pattern of data.exclude with which it is not left out; "" where nothing takes it in.
    """

    path: str
    reason: str
    take_in: str = ""
    records: int = 0  # of a file that is read otherwise: how many of its records this is about


class Found(NamedTuple):
    """A file, and its name relative to the folder."""

    name: str
    path: Path


@dataclass(frozen=True)
class _Folder:
    path: Path
    name: str  # relative to the root, "" or with a slash at the end
    ignores: tuple[tuple[str, GitIgnoreSpec], ...]  # the folder of each .gitignore from the root down to here
    above: frozenset[tuple[int, int]]  # device and inode of this folder and all above it, up to the root
    asked_for: bool = False


def patterns(lines: Iterable[str], key: str) -> GitIgnoreSpec | None:
    """Patterns in the style of .gitignore; None if there are none. `key`: where they were given, for errors."""
    lines = tuple(lines)
    try:
        return GitIgnoreSpec.from_lines(lines) if lines else None
    except ValueError as error:
        raise DataError(f"{key}: not a valid .gitignore pattern: {error}") from None


def find_files(
    root: Path, *, include: Sequence[str] = (), exclude: Sequence[str] = (), default_excludes: bool = True
) -> tuple[list[Found], list[Skipped]]:
    """The files below `root`, sorted, each with its name relative to it; and what was skipped.

    default_excludes: leave out what default_excludes.py names, unless a pattern names it, too.

    Raises DataError if `root` cannot be listed or a pattern is invalid.
    """
    search = _Search(include, patterns(exclude, "exclude"), default_excludes)
    try:
        with os.scandir(root):
            pass
    except OSError as error:
        raise DataError(f"{root}: the folder cannot be read: {error.strerror}") from None
    search.run(_Folder(root, "", (), _above(root)))
    return sorted(search.found), sorted(search.skipped, key=lambda skipped: skipped.path)


def find_some_files(root: Path, most: int, wanted: Callable[[], bool]) -> tuple[list[Found], set[str]]:
    """What find_files finds by its rules alone, but not everything: below a folder of `root`, nothing is listed
    beyond about `most` files and folders, and nothing at all once it is no longer wanted.

    Returns the files, sorted, and the names of those folders in which there may be more.
    """
    search = _Search((), None, True)
    search.most, search.wanted = most, wanted
    search.run(_Folder(root, "", (), _above(root)))
    return sorted(search.found), search.unfinished


class _Search:
    """One walk through a tree: what is left to visit, and what was found."""

    def __init__(self, include: Sequence[str], exclude: GitIgnoreSpec | None, default_excludes: bool) -> None:
        self.included, self.include, self.exclude = tuple(include), patterns(include, "include"), exclude
        self.default_excludes = default_excludes
        self.found: list[Found] = []
        self.skipped: list[Skipped] = []
        self.seen: dict[tuple[int, int], str] = {}
        self.folders: deque[_Folder] = deque()
        self.links: deque[tuple[_Folder, str]] = deque()
        self.most: int | None = None  # files and folders that are listed below each folder of the root
        self.listed: Counter[str] = Counter()
        self.unfinished: set[str] = set()
        self.wanted: Callable[[], bool] = lambda: True

    def run(self, root: _Folder) -> None:
        self.folders.append(root)
        while (self.folders or self.links) and self.wanted():
            if self.folders:
                self.list_folder(self.folders.popleft())
            else:
                self.look_at(*self.links.popleft())

    def list_folder(self, folder: _Folder) -> None:
        top = folder.name.partition("/")[0]
        if self.most is not None and top and self.listed[top] >= self.most:
            self.unfinished.add(top)
            return
        try:
            with os.scandir(folder.path) as scan:
                entries = sorted(scan, key=lambda entry: entry.name)
        except OSError as error:
            self.skip(folder.name, f"the folder cannot be read: {error.strerror}")
            return
        self.listed[top] += len(entries)
        if self.default_excludes and folder.name and not folder.asked_for and _is_environment(entries):
            self.skip(folder.name.rstrip("/"), "a virtual environment", by_rule=True)
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
        try:
            status = path.stat()
        except OSError as error:
            reason = "a broken link" if path.is_symlink() else f"cannot be read: {error.strerror}"
            return self.skip(name, reason)
        is_folder, identity = stat.S_ISDIR(status.st_mode), _identity(status)
        full_name = name + "/" * is_folder
        excluded = self.exclude.check_file(full_name).include if self.exclude else None
        if excluded:
            return None
        asked_for = self.exclude is not None and _own_verdict(self.exclude, full_name) is False  # "!" and its name
        if not asked_for and (reason := self.rule_against(folder, full_name)):
            return self.skip(name, reason, by_rule=True)
        if not is_folder and self.include and not self.include.match_file(name):
            return None
        if identity in folder.above and is_folder:
            return self.skip(name, "a link back to a folder that contains it")
        if identity in self.seen:
            return self.skip(name, f"same as {self.seen[identity]}")
        if is_folder:
            self.folders.append(_Folder(path, name + "/", folder.ignores, folder.above | {identity}, asked_for))
        elif stat.S_ISREG(status.st_mode):
            if self.default_excludes and not asked_for and (reason := left_out_by_content(path)):
                return self.skip(name, reason, by_rule=True)
            self.found.append(Found(_printable(name), path))
        else:
            return self.skip(name, "neither a file nor a folder")
        self.seen[identity] = _printable(name)
        return None

    def rule_against(self, folder: _Folder, name: str) -> str:
        """Why an entry of the folder is left out; "" if it is not."""
        if name.removeprefix(folder.name).startswith("."):
            return "hidden"
        if _ignored(folder.ignores, name):
            return "ignored by .gitignore"
        if not self.default_excludes:
            return ""
        return left_out_by_name(name, folder.path / name.removeprefix(folder.name).rstrip("/"), self.included)

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
        return replace(folder, ignores=ignores)

    def skip(self, name: str, reason: str, *, by_rule: bool = False) -> None:
        self.skipped.append(Skipped(_printable(name), reason, pattern_for(name) if by_rule else ""))


def pattern_for(name: str) -> str:
    """The pattern of data.exclude that takes this path in; "" if its name cannot be written in a phase."""
    return "!/" + _SPECIAL.sub(r"\\\g<0>", name) if name == _printable(name) else ""


def _is_environment(entries: Iterable[os.DirEntry[str]]) -> bool:
    return any(entry.name == "pyvenv.cfg" for entry in entries)


def _ignored(ignores: tuple[tuple[str, GitIgnoreSpec], ...], name: str) -> bool:
    """Whether git would ignore it: the deepest .gitignore with a matching pattern decides."""
    for base, spec in reversed(ignores):
        own = name.removeprefix(base)
        verdict = spec.check_file(own).include
        if verdict:  # by a folder above it? That was asked before, and a pattern of data.exclude took it in
            verdict = _own_verdict(spec, own)
        if verdict is not None:
            return verdict
    return False


def _own_verdict(spec: GitIgnoreSpec, name: str) -> bool | None:
    """What the last pattern says that names this entry itself, and not only a folder above it; None without one."""
    for pattern in reversed(spec.patterns):
        if pattern.include is None or not isinstance(pattern, RegexPattern):
            continue
        if found := pattern.match_file(name):
            slash = found.match.groupdict().get(_NAMED)
            if slash is None or found.match.end(_NAMED) == len(name):
                return pattern.include
    return None


def _above(root: Path) -> frozenset[tuple[int, int]]:
    return frozenset(_identity(folder.stat()) for folder in (root.resolve(), *root.resolve().parents))


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _printable(name: str) -> str:
    """A name that can be shown and written as UTF-8: anything else that a file system allows becomes U+FFFD."""
    text = os.fsencode(name).decode("utf-8", "replace")
    return "".join(character if character.isprintable() else "\ufffd" for character in text)
