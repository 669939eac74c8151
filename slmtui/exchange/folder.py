"""The folder that an export fills: there is a whole one in the end, or none, and nobody's files are lost.

It is written beside its place, under a name of its process, and takes the place when all is done. MANIFEST says whose
it is, and which files belong to it: only a folder that holds nothing else is replaced.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from slmtui import __version__
from slmtui.atomic_files import sync_folder
from slmtui.config.errors import printable
from slmtui.errors import UserError
from slmtui.files import is_there, open_to_read

MANIFEST = "export.json"
NAMED = 3  # files that are in the way


def refuse_foreign(folder: Path) -> None:
    """UserError for a place that an export may not take: a file, a link, or a folder with files of somebody else.

    Nor the current folder, or one above it: it would be another afterwards, and whoever stands in it would see nothing.
    """
    if not is_there(folder):
        return
    if folder.is_symlink() or not folder.is_dir():
        raise UserError(
            f"{folder}: is {'a link' if folder.is_symlink() else 'a file'}; name a new folder for the export"
        )
    if Path.cwd().is_relative_to(folder.resolve()):
        raise UserError(f"{folder}: is where this command runs; name a new folder for the export")
    try:
        there = {str(path.relative_to(folder)) for path in folder.rglob("*") if not _holds_something(path)}
    except OSError as error:
        raise UserError(f"{folder}: cannot be looked into ({error.strerror})") from None
    foreign = sorted(there - _written(folder) - {MANIFEST})
    if foreign:
        named = ", ".join(printable(name, limit=200) for name in foreign[:NAMED])
        more = f" and {len(foreign) - NAMED:,} more" if len(foreign) > NAMED else ""
        raise UserError(
            f"{folder}: holds files that no export wrote ({named}{more}); name a new folder, or "
            "an earlier export, which is replaced"
        )


def _holds_something(path: Path) -> bool:
    """Is it a folder with something in it, which is named by what it holds?"""
    return path.is_dir() and not path.is_symlink() and any(path.iterdir())


def _written(folder: Path) -> set[str]:
    """The files that an earlier export says are its own."""
    files = _manifest(folder).get("files")
    return {name for name in files if isinstance(name, str)} if isinstance(files, list) else set()


def exported_from(folder: Path) -> str | None:
    """The name of the run that an export was made of; None if the folder is none."""
    run = _manifest(folder).get("run")
    return printable(run, limit=200) if isinstance(run, str) else None


def _manifest(folder: Path) -> dict[str, Any]:
    """What is in MANIFEST; nothing where that is not there or no table."""
    try:
        with open_to_read(folder / MANIFEST, follow=False) as file:
            found = json.load(file)
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _left_behind(folder: Path) -> list[Path]:
    """What processes that were killed have left of an export into this folder, and this one's own."""
    name = re.compile(rf"\.{re.escape(folder.name)}\.(\d+)\.(draft|before)")
    found = [(path, name.fullmatch(path.name)) for path in folder.parent.iterdir()]
    return [path for path, of in found if of and (int(of[1]) == os.getpid() or not psutil.pid_exists(int(of[1])))]


@contextmanager
def export_folder(folder: Path, about: dict[str, Any]) -> Iterator[Path]:
    """A folder to write into, which takes the place of `folder` at the end, or vanishes if anything goes wrong.

    about: what MANIFEST says; the caller may add to it, and `files` is added at the end. UserError for a place that
    cannot be written.
    """
    refuse_foreign(folder)
    folder = folder.resolve()
    draft = folder.with_name(f".{folder.name}.{os.getpid()}.draft")
    before = folder.with_name(f".{folder.name}.{os.getpid()}.before")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        for left in _left_behind(folder):
            if left.suffix == ".before" and _manifest(left) and not is_there(folder):  # nothing has taken its place
                left.rename(folder)
            else:
                shutil.rmtree(left, ignore_errors=True)
        draft.mkdir()
        try:
            yield draft
            about["files"] = sorted(str(path.relative_to(draft)) for path in draft.rglob("*") if path.is_file())
            text = json.dumps({"slmtui": __version__, **about}, indent=1, ensure_ascii=False)
            (draft / MANIFEST).write_text(text + "\n", encoding="utf-8")
            refuse_foreign(folder)
            if is_there(folder):
                folder.rename(before)
            draft.rename(folder)
            sync_folder(folder.parent)
        finally:
            with suppress(OSError):
                if not is_there(folder) and is_there(before):
                    before.rename(folder)
                for left in (draft, before):
                    shutil.rmtree(left, ignore_errors=True)
    except OSError as error:
        where = str(error.filename).replace(str(draft), str(folder)) if isinstance(error.filename, str) else folder
        # numpy, which writes GGUF's tensors, says how much of them it wrote, and not why.
        why = error.strerror or f"only part of it; is the disk full? {error}"
        raise UserError(f"{where}: cannot be written ({why}); nothing was exported") from None
