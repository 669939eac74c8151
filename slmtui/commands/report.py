"""slmtui report RUN …: what came of one run, or of several compared, as Markdown or HTML.

slmtui report latest                      Markdown on stdout, without the curves
slmtui report phase2-001 -o report.html   one file with everything in it
slmtui report phase1-001 phase2-001 -o docs/phases.md   Markdown, with its curves as SVG beside it
"""

from __future__ import annotations

from pathlib import Path

import click

from slmtui.commands.options import PATH, Job, checkpoints_option, run_names
from slmtui.output import ExitStatus, put, say
from slmtui.runs.run import find_run


@click.command(cls=Job, help=__doc__)
@click.argument("names", nargs=-1, required=True, metavar="RUN …", shell_complete=run_names)
@click.option("-o", "--output", type=PATH, metavar="FILE", help="FILE.md or FILE.html")
@checkpoints_option
def command(names: tuple[str, ...], output: Path | None, checkpoints: Path) -> ExitStatus:
    runs = [find_run(checkpoints, name) for name in names]
    from slmtui.insight.report.build import build_report, write_report  # matplotlib, which --help does not need
    from slmtui.insight.report.markdown import to_markdown

    if output is None:
        put(to_markdown(build_report(runs), []).rstrip("\n"))
        say("the curves are left out; -o FILE includes them")
        return ExitStatus.DONE
    for path in write_report(runs, output):
        say(f"written: {path}")
    return ExitStatus.DONE
