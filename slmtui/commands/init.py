"""slmtui init DIR: set up a new project folder with phases and a sample corpus."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path

from slmtui.cli import DEFAULT_CHECKPOINTS
from slmtui.errors import UserError
from slmtui.output import ExitStatus, put
from slmtui.project import bundled

PARTS = ("phases", "data/chromadb")


def main(arguments: Sequence[str]) -> ExitStatus:
    parser = argparse.ArgumentParser(prog="slmtui init", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR")
    folder = parser.parse_args(arguments).folder
    set_up(folder)
    put(f"{folder}: phases/ and data/chromadb/ are there. Next: cd {folder} && slmtui")
    return ExitStatus.DONE


def set_up(folder: Path) -> None:
    """Copy the bundled phases and corpus; nothing that is there already is touched."""
    for part in PARTS:
        if (folder / part).exists():
            raise UserError(f"{folder / part} is there already; choose a new folder, nothing was changed")
    try:
        for part in PARTS:
            shutil.copytree(bundled(part), folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        (folder / DEFAULT_CHECKPOINTS).mkdir(exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: a project cannot be set up here ({error.strerror})") from None
