"""slmtui report RUN …: what came of one run, or of several compared, or of a study, as Markdown or HTML.

slmtui report latest                      Markdown on stdout, without the curves
slmtui report phase2-001 -o report.html   one file with everything in it
slmtui report recipes/02                  the seeds of a study's cell, compared
slmtui report phase1-001 phase2-001 -o docs/phases.md   Markdown, with its curves as SVG beside it
slmtui report studies/recipes.toml -o recipes.html      of a study: question, design, results, what is not known
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from slmtui.commands.options import PATH, Job, checkpoints_option, run_and_cell_names
from slmtui.errors import UserError
from slmtui.output import ExitStatus, put, say

if TYPE_CHECKING:
    from slmtui.insight.report.blocks import Report


@click.command(cls=Job, help=__doc__)
@click.argument("names", nargs=-1, required=True, metavar="RUN …", shell_complete=run_and_cell_names)
@click.option("-o", "--output", type=PATH, metavar="FILE", help="FILE.md or FILE.html")
@checkpoints_option
def command(names: tuple[str, ...], output: Path | None, checkpoints: Path) -> ExitStatus:
    from slmtui.insight.report.build import refuse_other_kinds, write_report  # matplotlib, which --help does not need
    from slmtui.insight.report.markdown import to_markdown

    if output is not None:
        refuse_other_kinds(output)
    report = _report(names, checkpoints)
    if output is None:
        put(to_markdown(report, []).rstrip("\n"))
        say("the curves are left out; -o FILE includes them")
        return ExitStatus.DONE
    for path in write_report(report, output):
        say(f"written: {path}")
    return ExitStatus.DONE


def _report(names: tuple[str, ...], checkpoints: Path) -> Report:
    from slmtui.insight.report.build import build_report
    from slmtui.runs.cells import find_cell
    from slmtui.runs.run import Run, find_run

    studies = [name for name in names if name.endswith(".toml")]
    if not studies:
        runs = list[Run]()
        for name in names:
            cell = find_cell(checkpoints, name)
            runs += [find_run(checkpoints, name)] if cell is None else cell.runs
        return build_report(runs)
    if len(names) > 1:
        raise UserError(f"a report is on runs, or on one study: {studies[0]} cannot stand beside others")
    return _of_study(Path(studies[0]), checkpoints)


def _of_study(file: Path, checkpoints: Path) -> Report:
    from slmtui.config.phase_file import read_phase_text
    from slmtui.config.study import parse_study
    from slmtui.studies.claims import CLAIMS
    from slmtui.studies.reading import read_results
    from slmtui.studies.report import study_report

    text = read_phase_text(file)
    study = parse_study(text, str(file), CLAIMS)
    return study_report(read_results(study, checkpoints), str(file), text)
