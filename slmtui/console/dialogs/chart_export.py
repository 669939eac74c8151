"""A chart as a file: where to, and in which format, is asked; and what came of it is told."""

from __future__ import annotations

from asyncio import to_thread
from pathlib import Path
from typing import Any

from textual.app import App

from slmtui.atomic_files import atomic_write
from slmtui.config.source_path import source_path
from slmtui.console.charts.exporting import FORMATS, exported, file_stem
from slmtui.console.charts.spec import ChartSpec
from slmtui.console.dialogs.input import InputDialog
from slmtui.files import is_there
from slmtui.output import visible
from slmtui.words import byte_size

EXPORTS = Path("exports")  # where exports go unless somebody says otherwise
QUESTION = "Into which file? Its ending is the format: .svg is a drawing, .png a picture, .csv the numbers."


async def export_chart(app: App[Any], seen: ChartSpec) -> None:
    """Ask for a file, and write the chart there; none that exists is replaced. Awaited in a worker."""
    usual = str(free_path(EXPORTS / f"{file_stem(seen)}{FORMATS[0]}"))
    typed = await app.push_screen_wait(InputDialog(QUESTION, title="export this chart", value=usual, wrong=_wrong))
    if typed is None:
        return
    path = source_path(typed.strip()).absolute()
    try:
        size = await to_thread(_write, seen, path)
    except OSError as error:
        why = error.strerror or str(error)
        app.notify(visible(f"not exported: {path}: {why}"), severity="error")
    else:
        app.notify(visible(f"exported to {path} ({byte_size(size)})"))


def free_path(path: Path) -> Path:
    """The path, or with a number what is not there yet."""
    found, number = path, 1
    while is_there(found):
        number += 1
        found = path.with_stem(f"{path.stem}-{number}")
    return found


def _wrong(typed: str) -> str:
    path = source_path(typed.strip())
    if path.suffix.lower() not in FORMATS:
        return f"the ending has to be {', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
    if is_there(path):
        return f"there is one of that name already; {free_path(path).name} is free"
    return ""


def _write(seen: ChartSpec, path: Path) -> int:
    """Bytes that it has once it is there."""
    content = exported(seen, path.suffix.lower())
    path.parent.mkdir(parents=True, exist_ok=True)
    if is_there(path):
        raise FileExistsError(None, "a file of that name has come to be meanwhile")
    with atomic_write(path) as file:
        file.write(content)
    return path.stat().st_size
