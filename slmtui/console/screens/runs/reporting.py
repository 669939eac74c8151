"""Reports that Runs writes: of one run, or of several together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from slmtui.errors import UserError
from slmtui.runs.run import Run


def written_reports(runs: Sequence[Run], checkpoints: Path) -> tuple[str, bool]:
    """Write the report of one run into its folder, of several beside theirs; what to say, and whether it failed."""
    from slmtui.insight.report.build import build_report, write_report  # matplotlib

    folder = runs[0].folder if len(runs) == 1 else checkpoints
    try:
        for kind in ("md", "html"):
            write_report(build_report(list(runs)), folder / f"report.{kind}")
    except (UserError, OSError) as error:
        return f"no report: {error}", True
    return f"report written: {folder / 'report.html'} and .md", False
