"""Taking one file of a phase's folders in, or leaving it out, by its patterns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from slmtui.config.data_section import DataSection
from slmtui.config.source_path import source_path
from slmtui.data.errors import DataError
from slmtui.data.folder import Skipped, find_files, pattern_for
from slmtui.data.several_folders import for_folder, prefixes


@dataclass(frozen=True)
class Selection:
    """The patterns of a phase: what data.include and data.exclude are to be."""

    include: tuple[str, ...]
    exclude: tuple[str, ...]


def left_out_by_patterns(data: DataSection) -> tuple[Skipped, ...]:
    """The files that data.include and data.exclude leave out, and nothing else does."""
    if not data.include and not data.exclude:
        return ()
    taken_in = [pattern for pattern in data.exclude if pattern.startswith("!")]
    left_out: list[Skipped] = []
    for prefix, folder in _folders(data.source):
        rules = data.default_excludes
        include, exclude = for_folder(data.include, prefix), for_folder(data.exclude, prefix)
        found, _ = find_files(folder, include=include, exclude=exclude, default_excludes=rules)
        everything, _ = find_files(folder, exclude=for_folder(taken_in, prefix), default_excludes=rules)
        used = {file.name for file in found}
        not_excluded, _ = find_files(folder, exclude=exclude, default_excludes=rules)
        missing = {file.name for file in not_excluded}
        for file in everything:
            if file.name not in used:
                key = "include does not name it" if file.name in missing else "exclude names it"
                left_out.append(Skipped(prefix + file.name, f"data.{key}", pattern_for(prefix + file.name)))
    return tuple(left_out)


def take_out(data: DataSection, name: str) -> Selection:
    """The patterns that leave a file out. Raises DataError where none can."""
    pattern = _pattern(data, name)
    without = tuple(one for one in data.exclude if one != f"!{pattern}")
    selection = Selection(data.include, without)
    return selection if not _is_used(data, selection, name) else Selection(data.include, (*without, pattern))


def take_in(data: DataSection, item: Skipped) -> Selection:
    """The patterns with which a file that was left out is used. Raises DataError where none can."""
    if not item.take_in:
        raise DataError(f"{item.path}: {item.reason}; no pattern takes it in")
    pattern = item.take_in.removeprefix("!")
    include = (*data.include, pattern) if data.include else ()
    without = tuple(one for one in data.exclude if one != pattern)
    for selection in (
        Selection(data.include, without),
        Selection(data.include, (*without, item.take_in)),
        Selection(include, without),
        Selection(include, (*without, item.take_in)),
    ):
        if _is_used(data, selection, item.path):
            return selection
    raise DataError(f"{item.path}: a folder above it is left out, or nothing in it is text; edit data.exclude by hand")


def _folders(sources: Sequence[str]) -> list[tuple[str, Path]]:
    """The folders among the sources, each with what the names of its files begin with, as open_corpus has them."""
    paths = list(dict.fromkeys(map(source_path, sources)))
    return [(prefix, path) for prefix, path in zip(prefixes(paths), paths, strict=True) if path.is_dir()]


def _pattern(data: DataSection, name: str) -> str:
    for prefix, folder in _folders(data.source):
        if name.startswith(prefix) and (folder / name.removeprefix(prefix)).exists():
            if pattern := pattern_for(name):
                return pattern.removeprefix("!")
            raise DataError(f"{name}: no pattern can name this file; rename it")
    raise DataError(f"{name} is no file of a folder; data.source says what is read")


def _is_used(data: DataSection, selection: Selection, name: str) -> bool:
    """Whether a file, or a file of this folder, is found."""
    for prefix, folder in _folders(data.source):
        if name.startswith(prefix):
            found, _ = find_files(
                folder, include=for_folder(selection.include, prefix), exclude=for_folder(selection.exclude, prefix),
                default_excludes=data.default_excludes,
            )  # fmt: skip
            own = name.removeprefix(prefix).rstrip("/")
            if any(file.name == own or file.name.startswith(f"{own}/") for file in found):
                return True
    return False
