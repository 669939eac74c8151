"""The phase files of a project, each with what a person is making of it: one text, whoever edits it."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

from slmtui.atomic_files import atomic_write, sync_folder
from slmtui.config.errors import PhaseError, Problem
from slmtui.config.phase import Phase
from slmtui.config.phase_file import LARGEST_FILE, load_phase, parse_phase
from slmtui.errors import UserError
from slmtui.files import is_folder, is_there, open_to_read
from slmtui.project import PHASES
from slmtui.trash import throw_away

GONE = (-1, -1)  # the stamp of a file that is not there, or cannot be seen


class Draft:
    """A phase file and its text as it is now, saved or not."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.reload()

    def reload(self) -> None:
        """Take the file as it is, and forget all changes."""
        self.stamp = _stamp(self.path)
        self.unreadable: PhaseError | None = None
        self._checked: tuple[str, Phase | PhaseError] | None = None
        try:
            self.on_disk = _bytes(self.path) if self.stamp[0] <= LARGEST_FILE else b""
            self.text = self.saved = self.on_disk.decode()
            if self.stamp[0] > LARGEST_FILE:
                load_phase(self.path)
        except (OSError, UnicodeDecodeError, PhaseError):
            self.on_disk, self.text, self.saved = b"", "", ""
            try:  # it says why the file cannot be read
                load_phase(self.path)
            except PhaseError as error:
                self.unreadable = error

    @property
    def changed(self) -> bool:
        return self.text != self.saved

    @property
    def phase(self) -> Phase | None:
        result = self._check()
        return result if isinstance(result, Phase) else None

    @property
    def problems(self) -> tuple[Problem, ...]:
        result = self._check()
        return result.problems if isinstance(result, PhaseError) else ()

    @property
    def complaint(self) -> str:
        """All that is wrong, in the words of `slmtui check`; empty if nothing is."""
        result = self._check()
        return str(result) if isinstance(result, PhaseError) else ""

    def changed_on_disk(self) -> bool:
        """Is the file another than the one that was read?"""
        try:
            return _bytes(self.path) != self.on_disk
        except OSError:
            return self.unreadable is None

    def save(self) -> None:
        """Put the text in the file's place, as a whole. UserError if that cannot be done."""
        data = self.text.encode()
        try:
            with atomic_write(self.path.resolve()) as file:  # a link stays one
                file.write(data)
        except OSError as error:
            raise UserError(f"{self.path} cannot be written: {error.strerror}") from None
        self.on_disk, self.saved, self.unreadable, self.stamp = data, self.text, None, _stamp(self.path)

    def _check(self) -> Phase | PhaseError:
        if self.unreadable is not None and not self.changed:
            return self.unreadable
        if self._checked is None or self._checked[0] != self.text:
            try:
                self._checked = self.text, parse_phase(self.text, str(self.path))
            except PhaseError as error:
                self._checked = self.text, error
        return self._checked[1]


class Drafts:
    """The drafts of a folder's phase files, in the order of their names."""

    def __init__(self, folder: Path = PHASES) -> None:
        self.folder = folder
        self.by_path: dict[Path, Draft] = {}

    def __getitem__(self, path: Path) -> Draft:
        return self.by_path[path]

    def paths(self) -> list[Path]:
        return list(self.by_path)

    def look(self) -> bool:
        """See what has become of the files. Drafts that a person has changed are kept as they are."""
        found = sorted(self.folder.glob("*.toml"), key=_natural) if is_folder(self.folder) else []
        kept = [path for path, draft in self.by_path.items() if draft.changed and path not in found]
        paths = sorted({*found, *kept}, key=_natural)
        news = paths != list(self.by_path)
        self.by_path = {path: self.by_path.get(path) or Draft(path) for path in paths}
        for draft in self.by_path.values():
            if not draft.changed and draft.stamp != _stamp(draft.path):
                draft.reload()
                news = True
        return news

    def create(self, name: str, text: str) -> Path:
        """Write a new phase file; UserError if there is one of that name, or if it cannot be written."""
        path = self.folder / f"{name}.toml"
        draft = self.folder / f".{name}.toml.{os.getpid()}.draft"
        try:
            self.folder.mkdir(exist_ok=True)
            draft.write_text(text, encoding="utf-8", newline="")
            os.link(draft, path)  # unlike a rename it takes nobody's place
            sync_folder(self.folder)
        except FileExistsError:
            raise UserError(f"{path} already exists") from None
        except OSError as error:
            raise UserError(f"{path} cannot be written: {error.strerror}") from None
        finally:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
        self.look()
        return path

    def delete(self, path: Path) -> None:
        """Move a file to the trash, with what is saved of it; UserError if that cannot be done."""
        if is_there(path):
            throw_away(path)
        self.by_path.pop(path, None)


def free_name(folder: Path, stem: str) -> str:
    """A name that no phase file has: quick-2 beside quick."""
    base, number = re.sub(r"-\d+$", "", stem), 2
    while _stamp(folder / f"{base}-{number}.toml") != GONE:
        number += 1
    return f"{base}-{number}"


def _bytes(path: Path) -> bytes:
    with open_to_read(path) as file:
        return file.read()


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return GONE
    return status.st_size, status.st_mtime_ns


def _natural(path: Path) -> list[tuple[int, str]]:
    """phase2 before phase10."""
    return [(int(part) if part.isdecimal() else -1, part) for part in re.split(r"(\d+)", path.name)]
