"""A project: a folder with phases/ and data/; and what comes with slmtui to start one."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

from slmtui.errors import UserError

DEFAULT_PHASE = Path("phases/quick.toml")
DEFAULT_CHECKPOINTS = Path("checkpoints")
PARTS = ("phases", "data/chromadb")  # of a new project


def shown_command(*words: str, checkpoints: Path = DEFAULT_CHECKPOINTS) -> str:
    """A command of slmtui as a person can type it, with the folder of its runs where that is not the usual one."""
    elsewhere = () if checkpoints == DEFAULT_CHECKPOINTS else ("--checkpoints", str(checkpoints))
    return shlex.join(["slmtui", *words, *elsewhere])


def bundled(relative: str) -> Path:
    """A file or folder that comes with slmtui: inside an installed package, beside it in a checkout."""
    package = Path(__file__).parent
    inside = package / "bundled" / relative
    return inside if inside.exists() else package.parent / relative


def default_phase_file() -> Path:
    """The phase that is trained when none is named: phases/quick.toml, or the only one there is."""
    if DEFAULT_PHASE.is_file():
        return DEFAULT_PHASE
    there = sorted(Path("phases").glob("*.toml"))
    if len(there) == 1:
        return there[0]
    raise UserError(
        "no phase named, and none to take by default: "
        + (
            f"phases/ holds {len(there)} files but no quick.toml; name one of them"
            if there
            else "this folder has no phases/; name a phase file, or set up a project with: slmtui init"
        )
    )


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
