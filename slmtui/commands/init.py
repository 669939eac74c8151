"""slmtui init [DIR]: set up a project with phases and a sample corpus, in DIR or here; nothing is overwritten."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from slmtui.commands.options import PATH, Job
from slmtui.output import ExitStatus, put
from slmtui.project import set_up


@click.command(cls=Job, help=__doc__)
@click.argument("folder", type=PATH, default=Path(), metavar="[DIR]")
def command(folder: Path) -> ExitStatus:
    set_up(folder)
    here = folder.resolve() == Path.cwd()
    next_command = "slmtui" if here else f"cd {shlex.quote(str(folder))} && slmtui"
    put(f"{folder}: phases/, studies/ and data/chromadb/ are there. Next: {next_command}")
    return ExitStatus.DONE
