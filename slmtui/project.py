"""A project, which is a folder with phases/ and data/, and the bundled files to start one."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

from slmtui.errors import UserError

DEFAULT_PHASE = Path("phases/quick.toml")
DEFAULT_CHECKPOINTS = Path("checkpoints")
PARTS = ("phases", "data/chromadb")  # of a new project


def shown_command(*words: str, checkpoints: Path = DEFAULT_CHECKPOINTS) -> str:
    """A slmtui command to type in a shell, with --checkpoints if the runs are not in the default folder."""
    elsewhere = () if checkpoints == DEFAULT_CHECKPOINTS else ("--checkpoints", str(checkpoints))
    return shlex.join(["slmtui", *words, *elsewhere])


def bundled(relative: str) -> Path:
    """A file or folder that comes with slmtui: inside the package if it is installed, next to it in a checkout."""
    package = Path(__file__).parent
    inside = package / "bundled" / relative
    return inside if inside.exists() else package.parent / relative


def default_phase_file() -> Path:
    """The phase to train when none is named: phases/quick.toml, or the only file in phases/. UserError if neither."""
    if DEFAULT_PHASE.is_file():
        return DEFAULT_PHASE
    found = sorted(Path("phases").glob("*.toml"))
    if len(found) == 1:
        return found[0]
    raise UserError(
        "no phase was named, and there is no default: "
        + (
            f"phases/ has {len(found)} phase files, but no quick.toml; name one of them"
            if found
            else "this folder has no phases/; name a phase file, or set up a project with: slmtui init"
        )
    )


def set_up(folder: Path) -> None:
    """Copy the bundled phases and corpus to `folder`. UserError if either already exists; nothing is overwritten."""
    for part in PARTS:
        if (folder / part).exists():
            raise UserError(f"{folder / part} already exists, so nothing was changed; choose a new folder")
    try:
        for part in PARTS:
            shutil.copytree(bundled(part), folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        (folder / DEFAULT_CHECKPOINTS).mkdir(exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: a project cannot be set up here ({error.strerror})") from None
