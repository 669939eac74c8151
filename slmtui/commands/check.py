"""slmtui check [PHASE.toml | DIR …]: say whether phase files are valid, and what is wrong with them.

slmtui check                  all of phases/
slmtui check experiments      all .toml files below a folder
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from slmtui.commands.options import PATH, Job, json_option, phase_files, set_option
from slmtui.config.phase_file import PhaseError, load_phase
from slmtui.errors import UserError
from slmtui.output import ExitStatus, put, say
from slmtui.project import DEFAULT_PHASE


@click.command(cls=Job, help=__doc__)
@click.argument("paths", nargs=-1, type=PATH, metavar="[PHASE.toml | DIR …]", shell_complete=phase_files)
@json_option("one JSON line for each file")
@set_option
def command(paths: tuple[Path, ...], as_json: bool, overrides: tuple[str, ...]) -> ExitStatus:
    status = ExitStatus.DONE
    for path in files_of(paths or (DEFAULT_PHASE.parent,)):
        try:
            phase = load_phase(path, overrides)
        except PhaseError as error:
            status = ExitStatus.USAGE
            if as_json:
                put(json.dumps({"file": str(path), "ok": False, "errors": str(error).splitlines()}))
            else:
                say(str(error))
            continue
        if as_json:
            put(json.dumps({"file": str(path), "ok": True, "name": phase.phase.name}))
        else:
            put(f"{path}: valid ({phase.phase.title or phase.phase.name})")
    return status


def files_of(paths: Sequence[Path]) -> Iterator[Path]:
    """The files among them, and those below the folders among them; UserError for a folder that holds none."""
    for path in paths:
        if not path.is_dir():
            if path == DEFAULT_PHASE.parent:
                raise UserError(f"{path}: no such folder here; name phase files, or set up a project with: slmtui init")
            yield path
        elif files := sorted(path.rglob("*.toml")):
            yield from files
        else:
            raise UserError(f"{path}: no phase files (*.toml) below this folder")
