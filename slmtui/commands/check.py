"""slmtui check [FILE.toml | DIR …]: say whether phases and studies are valid, and what is wrong or missing.

slmtui check                  all of phases/ and studies/
slmtui check experiments      all .toml files below a folder
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from slmtui.commands.options import PATH, Job, json_option, phase_files, set_option
from slmtui.config.errors import Problem, printable
from slmtui.config.phase import Phase
from slmtui.config.phase_file import PhaseError, load_phase, read_phase_text
from slmtui.config.source_path import source_path
from slmtui.config.study import is_study, load_study
from slmtui.errors import UserError
from slmtui.files import is_folder, is_there
from slmtui.output import ExitStatus, put, say
from slmtui.project import DEFAULT_CHECKPOINTS, DEFAULT_PHASE, STUDIES
from slmtui.words import plural


@click.command(cls=Job, help=__doc__)
@click.argument("paths", nargs=-1, type=PATH, metavar="[FILE.toml | DIR …]", shell_complete=phase_files)
@json_option("one JSON line for each file")
@set_option
def command(paths: tuple[Path, ...], as_json: bool, overrides: tuple[str, ...]) -> ExitStatus:
    status = ExitStatus.DONE
    usual = (DEFAULT_PHASE.parent, *((STUDIES,) if is_folder(STUDIES) else ()))
    for path, fault in files_of(paths or usual):
        try:
            if fault:
                raise PhaseError([Problem(printable(str(path), limit=200), "", f"cannot be read: {fault}")])
            if is_study(read_phase_text(path)):
                _tell_study(path, as_json=as_json)
                continue
            phase = load_phase(path, overrides)
        except PhaseError as error:
            status = ExitStatus.USAGE
            if as_json:
                put(json.dumps({"file": str(path), "ok": False, "errors": str(error).splitlines()}))
            else:
                say(str(error))
            continue
        missing = [f"{path}: {what}, so it cannot be trained here" for what in _missing(phase)]
        if missing:
            status = ExitStatus.USAGE
        if as_json:
            errors = {"errors": missing} if missing else {}
            put(json.dumps({"file": str(path), "ok": not missing, "name": phase.phase.name} | errors))
            continue
        put(f"{path}: valid ({phase.phase.title or phase.phase.name})")
        for what in missing:
            say(what)
    return status


def _missing(phase: Phase) -> Iterator[str]:
    """What a phase names and is not here: its text, the model that it starts from."""
    missing = [source for source in dict.fromkeys(phase.data.source) if not is_there(source_path(source))]
    if missing:
        more = f" and {len(missing) - 3:,} more" if len(missing) > 3 else ""
        yield f"data.source: there is no {', '.join(map(printable, missing[:3]))}{more} here"
    if phase.model.init_from is not None and (fault := _why_no_parent(phase.model.init_from)):
        yield f"model.init_from: {fault}"


def _tell_study(path: Path, *, as_json: bool) -> None:
    from slmtui.studies.claims import CLAIMS  # scipy, which no phase needs

    study = load_study(path, CLAIMS)
    if as_json:
        put(json.dumps({"file": str(path), "ok": True, "name": study.name, "trials": len(study.trials)}))
    else:
        what = f"{plural(len(study.cells), 'cell')}, {plural(len(study.trials), 'trial')}"
        put(f"{path}: valid (study: {study.title or study.name}; {what})")


def _why_no_parent(init_from: str) -> str:
    """Why there is nothing here to start from; "" if there seems to be. Whether it fits is seen at the start."""
    from slmtui.runs.run import find_run

    if is_there(Path(init_from)):
        return ""
    try:
        find_run(DEFAULT_CHECKPOINTS, re.sub(r"@\d+\Z", "", init_from))
    except UserError as error:
        return str(error)
    return ""


def files_of(paths: Sequence[Path]) -> Iterator[tuple[Path, str]]:
    """The files among them, and those below the folders among them; UserError for a folder that holds none.

    Each once, however often it is named. A folder that cannot be listed comes with the reason, all else with "".
    """
    met = set[Path]()
    for path in paths:
        found = [(path, "")]
        if is_folder(path):
            found = _below(path)
            if not found:
                raise UserError(f"{path}: no phase files (*.toml) below this folder")
        elif path == DEFAULT_PHASE.parent and not is_there(path):
            raise UserError(f"{path}: no such folder here; name phase files, or set up a project with: slmtui init")
        for file, fault in found:
            if (place := file.absolute()) not in met:  # a link is a name of its own
                met.add(place)
                yield file, fault


def _below(folder: Path) -> list[tuple[Path, str]]:
    """The phase files below a folder, and the folders there that cannot be listed; what vanishes is passed over."""
    faults: list[OSError] = []
    found = []
    for place, _, names in os.walk(folder, onerror=faults.append):
        found += [(path, "") for name in names if name.endswith(".toml") and _may_be_phase(path := Path(place, name))]
    found += [
        (Path(fault.filename), fault.strerror or "") for fault in faults if not isinstance(fault, FileNotFoundError)
    ]
    return sorted(found)


def _may_be_phase(path: Path) -> bool:
    try:
        kind = path.lstat().st_mode
    except OSError:
        return False
    return stat.S_ISREG(kind) or stat.S_ISLNK(kind)
