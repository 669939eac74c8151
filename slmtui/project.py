"""A project, which is a folder with phases/, studies/ and data/, and the bundled files to start one."""

from __future__ import annotations

import shlex
import shutil
from contextlib import suppress
from pathlib import Path

from slmtui.errors import UserError
from slmtui.files import is_folder, is_there

PHASES = Path("phases")
DEFAULT_PHASE = PHASES / "quick.toml"
DEFAULT_CHECKPOINTS = Path("checkpoints")
STUDIES = Path("studies")
PARTS = (str(PHASES), str(STUDIES), "data/chromadb")  # of a new project


def shown_command(*words: str, checkpoints: Path = DEFAULT_CHECKPOINTS) -> str:
    """A slmtui command to type in a shell, with --checkpoints if the runs are not in the default folder."""
    elsewhere = () if checkpoints == DEFAULT_CHECKPOINTS else ("--checkpoints", str(checkpoints))
    return shlex.join(["slmtui", *words, *elsewhere])


def bundled(relative: str) -> Path:
    """A file or folder that comes with slmtui: inside the package if it is installed, next to it in a checkout."""
    package = Path(__file__).parent
    inside = package / "bundled" / relative
    return inside if inside.exists() else package.parent / relative


def project_phases() -> list[Path]:
    """The files in phases/, by name; none where there is no such folder."""
    return sorted(PHASES.glob("*.toml")) if is_folder(PHASES) else []


def default_phase_file() -> Path:
    """The phase to train when none is named: phases/quick.toml, or the only file in phases/. UserError if neither."""
    if is_there(DEFAULT_PHASE):
        return DEFAULT_PHASE
    found = project_phases()
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


def how_to_train(checkpoints: Path = DEFAULT_CHECKPOINTS) -> tuple[str, ...]:
    """The commands that lead to a first run from here: one where the project has a default phase, else two."""
    try:
        phase = str(default_phase_file())
    except UserError:
        phase = "mine.toml"
        return (
            f"{shown_command('suggest')} FOLDER -o {phase}",
            shown_command("--headless", phase, checkpoints=checkpoints),
        )
    return (shown_command("--headless", phase, checkpoints=checkpoints),)


def set_up(folder: Path) -> None:
    """Copy the bundled phases, studies and corpus to `folder`; nothing is overwritten. UserError if one already exists.

    The same if a file cannot be written; then all that was made is removed again.
    """
    for part in PARTS:
        if is_there(folder / part):
            raise UserError(f"{folder / part} already exists, so nothing was changed; choose a new folder")
    targets = [folder / part for part in PARTS]
    around = [folder / DEFAULT_CHECKPOINTS, *(place for target in targets for place in target.parents)]
    new = sorted({place for place in around if not is_there(place)}, key=lambda place: -len(place.parts))
    begun: list[Path] = []
    try:
        for part, target in zip(PARTS, targets, strict=True):
            target.mkdir(parents=True)
            begun.append(target)
            _copy(bundled(part), target)
        (folder / DEFAULT_CHECKPOINTS).mkdir(exist_ok=True)
    except BaseException as error:
        for target in begun:
            shutil.rmtree(target, ignore_errors=True)
        for place in new:
            with suppress(OSError):
                place.rmdir()
        if isinstance(error, OSError):
            where = error.filename2 or error.filename or folder
            raise UserError(f"{where}: cannot be made ({error.strerror}), so no project was set up") from None
        raise


def _copy(source: Path, target: Path) -> None:
    """Copy what is in a folder; OSError with the name of the file that cannot be written."""
    for path in sorted(source.iterdir()):
        if path.is_dir():
            if path.name != "__pycache__":
                (target / path.name).mkdir()
                _copy(path, target / path.name)
            continue
        try:
            shutil.copyfile(path, target / path.name)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(target / path.name)) from None
