"""Reports that Runs writes, of one run or of several together, and shows in the browser of a desktop."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slmtui.console.desktop import open_in_browser
from slmtui.console.dialogs.progress import ProgressDialog, Say, Stop
from slmtui.errors import UserError
from slmtui.runs.run import Run
from slmtui.words import plural

if TYPE_CHECKING:
    from textual.app import App


async def report_on(app: App[Any], runs: Sequence[Run], checkpoints: Path, say: Callable[..., None]) -> None:
    """Write the report of one run into its folder, of several beside theirs, and open it where there is a desktop."""
    about = f"{runs[0].name if len(runs) == 1 else plural(len(runs), 'run')}, as HTML and Markdown"
    path = report_file(runs, checkpoints)

    def job(tell: Say, _stop: Stop) -> Path:
        tell("loading what draws the curves …")
        from slmtui.insight.report.build import build_report, write_report  # matplotlib

        report = build_report(runs, lambda name, n: tell(f"{name}, {n} of {len(runs)} …"))
        tell("writing …")
        for kind in (".md", ".html"):
            write_report(report, path.with_suffix(kind))
        return path

    result = await app.push_screen_wait(ProgressDialog(job, title="report", about=about))
    if isinstance(result, UserError | OSError):
        say(f"no report: {result}", wrong=True)
    elif isinstance(result, Exception):
        raise result
    elif result is not None:
        shown = "; the browser shows it" if open_in_browser(path) else ""
        say(f"report written: {path} and .md{shown}")


def report_file(runs: Sequence[Run], checkpoints: Path) -> Path:
    """Named after the one run, so that it can be handed on; of several after the time, so that none takes the place of
    another."""
    if len(runs) == 1:
        return runs[0].folder / f"report-{runs[0].name}.html"
    return checkpoints / f"report-{time.strftime('%Y-%m-%d-%H%M%S')}.html"
