"""slmtui init DIR: set up a new project folder with phases and a sample corpus."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from slmtui.output import ExitStatus, put
from slmtui.project import set_up


def main(arguments: Sequence[str]) -> ExitStatus:
    parser = argparse.ArgumentParser(prog="slmtui init", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR")
    folder = parser.parse_args(arguments).folder
    set_up(folder)
    put(f"{folder}: phases/ and data/chromadb/ are there. Next: cd {folder} && slmtui")
    return ExitStatus.DONE
