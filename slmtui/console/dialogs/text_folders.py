"""Which folders have text below them, how much, and how a path that is being typed may go on."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from slmtui.config.source_path import source_path
from slmtui.data.folder import find_some_files
from slmtui.files import open_to_read

MOST_LOOKED_AT = 2_000  # files and folders below one folder; beyond that its numbers are "at least"
HEAD = 1024  # bytes by which a file is taken for text
MARKS = (b"\xff\xfe", b"\xfe\xff")  # of UTF-16 and UTF-32, whose text has NUL bytes


@dataclass(frozen=True)
class TextFolder:
    """A folder, or a single file: how many text files it has, and their bytes. at_least: there may be more."""

    path: Path
    name: str  # as it stands in a list, folders with a slash at the end
    files: int
    n_bytes: int
    at_least: bool = False


def text_below(parent: Path, wanted: Callable[[], bool]) -> Iterator[TextFolder]:
    """The folder itself, its subfolders with text, then its text files; what a training leaves out by a rule is, too.

    Ends early when it is no longer wanted. Raises OSError if the folder cannot be listed.
    """
    with os.scandir(parent):
        pass
    found, unfinished = find_some_files(parent, MOST_LOOKED_AT, wanted)
    folders: dict[str, list[int]] = {}  # the bytes of each text file below each
    texts: list[TextFolder] = []
    for _, path in found:
        if not wanted():
            return
        if size := text_size(path):
            first, *below = path.relative_to(parent).parts
            if below:
                folders.setdefault(first, []).append(size)
            else:
                texts.append(TextFolder(path, first, 1, size))
    here = [
        TextFolder(parent / name, f"{name}/", len(sizes), sum(sizes), at_least=name in unfinished)
        for name, sizes in sorted(folders.items())
    ]
    here += texts
    if here:
        yield TextFolder(
            parent, "all of it",
            sum(one.files for one in here), sum(one.n_bytes for one in here), any(one.at_least for one in here),
        )  # fmt: skip
    yield from here


def text_size(path: Path) -> int:
    """The bytes of a file that seems to be text, by its beginning; 0 for others, and for one that cannot be read."""
    try:
        with open_to_read(path) as file:
            head = file.read(HEAD)
            return 0 if b"\0" in head and not head.startswith(MARKS) else os.fstat(file.fileno()).st_size
    except OSError:
        return 0


def completions(typed: str) -> tuple[str, list[str]]:
    """A path as far as it can only go on in one way, and the names that it may go on with if there are several.

    Folders end in a slash. Hidden names are offered once their dot has been typed.
    """
    head, _, begun = typed.rpartition("/")
    folder = source_path(f"{head}/" if "/" in typed else ".")
    try:
        folders, files = _entries(folder, hidden=begun.startswith("."))
    except OSError:
        return typed, []
    names = [f"{path.name}/" for path in folders] + [path.name for path in files]
    names = sorted(name for name in names if name.startswith(begun))
    if not names:
        return typed, []
    first, last = names[0], names[-1]
    alike = next((i for i, (one, two) in enumerate(zip(first, last, strict=False)) if one != two), len(first))
    return typed[: len(typed) - len(begun)] + first[:alike], names if len(names) > 1 else []


def _entries(folder: Path, *, hidden: bool = False) -> tuple[list[Path], list[Path]]:
    """The folders and the regular files of a folder, sorted, links followed."""
    folders: list[Path] = []
    files: list[Path] = []
    with os.scandir(folder) as scan:
        for entry in scan:
            if entry.name.startswith(".") and not hidden:
                continue
            try:
                mode = entry.stat().st_mode
            except OSError:
                continue
            if stat.S_ISDIR(mode):
                folders.append(folder / entry.name)
            elif stat.S_ISREG(mode):
                files.append(folder / entry.name)
    return sorted(folders), sorted(files)
