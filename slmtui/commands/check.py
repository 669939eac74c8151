"""slmtui check PHASE.toml …: say whether phase files are right, and what is wrong with them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from slmtui.commands.options import add_set_option
from slmtui.config.phase_file import PhaseError, load_phase
from slmtui.output import ExitStatus, put, say


def main(arguments: Sequence[str]) -> ExitStatus:
    parser = argparse.ArgumentParser(prog="slmtui check", description=__doc__)
    parser.add_argument("phases", nargs="+", type=Path, metavar="PHASE.toml")
    parser.add_argument("--json", action="store_true", help="print one JSON line for each file")
    add_set_option(parser)
    options = parser.parse_args(arguments)
    status = ExitStatus.DONE
    for path in options.phases:
        try:
            phase = load_phase(path, options.set)
        except PhaseError as error:
            status = ExitStatus.USAGE
            if options.json:
                put(json.dumps({"file": str(path), "ok": False, "errors": str(error).splitlines()}))
            else:
                say(str(error))
            continue
        if options.json:
            put(json.dumps({"file": str(path), "ok": True, "name": phase.phase.name}))
        else:
            put(f"{path}: right ({phase.phase.title or phase.phase.name})")
    return status
