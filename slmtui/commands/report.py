"""slmtui report RUN …: what came of one run, or of several compared, as Markdown or HTML.

slmtui report latest                      Markdown on stdout, without the curves
slmtui report phase2-001 -o report.html   one file with everything in it
slmtui report phase1-001 phase2-001 -o docs/phases.md   Markdown, with its curves as SVG beside it
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from slmtui.commands.options import add_checkpoints_option
from slmtui.output import ExitStatus, put, say
from slmtui.runs.run import find_run


def main(arguments: Sequence[str]) -> ExitStatus:
    parser = argparse.ArgumentParser(
        prog="slmtui report", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+", metavar="RUN", help="name of a run, or latest")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="FILE.md or FILE.html")
    add_checkpoints_option(parser)
    options = parser.parse_args(arguments)
    runs = [find_run(options.checkpoints, name) for name in options.runs]
    from slmtui.insight.report.build import build_report, write_report  # matplotlib, which --help does not need
    from slmtui.insight.report.markdown import to_markdown

    if options.output is None:
        put(to_markdown(build_report(runs), []).rstrip("\n"))
        say("without -o FILE the curves are left out")
        return ExitStatus.DONE
    for path in write_report(runs, options.output):
        say(f"written: {path}")
    return ExitStatus.DONE
