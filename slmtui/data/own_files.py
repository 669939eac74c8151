"""What slmtui itself writes into a project, which is no text to learn from.

Runs, what lies beside them, phases and studies. A run is a folder with `phase.toml` that has `events.jsonl`, too, or
else a run's name, such as `mine-001`: its events begin after the corpus was read. Beside runs lie the console's log and
prompts, the tags, and reports.
"""

from __future__ import annotations

import re
from pathlib import Path

from slmtui.files import is_file
from slmtui.project import DEFAULT_CHECKPOINTS

RUN = "a run of slmtui"
BESIDE_RUNS = "kept by slmtui beside its runs"
PHASE_OR_STUDY = "a phase or study of slmtui"

_RUN_NAME = re.compile(r".+-\d{3,}")
_BESIDE_RUNS = re.compile(r"console\.log|prompts\.jsonl|tags\.jsonl|report-\d{4}-\d\d-\d\d-\d{6}\.(html|md)")
_TABLE = re.compile(rb"^[ \t]*\[[ \t]*(phase|study)[ \t]*\][ \t]*(#.*)?\r?$", re.MULTILINE)
_HEAD = 1 << 15  # bytes in which a phase or a study says that it is one


def left_out_as_own(path: Path, *, is_folder: bool) -> str:
    """Why a file or a folder is left out; "" if slmtui did not write it, or it cannot be read, which is found later."""
    if is_folder:
        return RUN if _is_run(path) else ""
    if _BESIDE_RUNS.fullmatch(path.name) and _holds_runs(path.parent):
        return BESIDE_RUNS
    return PHASE_OR_STUDY if path.suffix == ".toml" and is_file(path) and _is_phase_or_study(path) else ""


def _is_run(folder: Path) -> bool:
    return is_file(folder / "phase.toml") and (
        is_file(folder / "events.jsonl") or _RUN_NAME.fullmatch(folder.name) is not None
    )


def _holds_runs(folder: Path) -> bool:
    """Whether runs are kept here, or are going to be: the console's log is there before the first of them."""
    if folder.absolute().name == DEFAULT_CHECKPOINTS.name:
        return True
    try:
        return any(map(_is_run, folder.iterdir()))
    except OSError:
        return False


def _is_phase_or_study(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return _TABLE.search(opened.read(_HEAD)) is not None
    except OSError:
        return False
