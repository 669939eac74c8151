"""The panel below the table of runs: the curves of some of them on one chart, and whether they may be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from slmtui.console.charts.palette import Role
from slmtui.console.screens.runs.words import comparable, unit_of
from slmtui.runs.index import RunListing


class CurvesPanel(Vertical):
    """The chart is made when there is first something to show on it, since it needs numpy."""

    DEFAULT_CSS = """
    CurvesPanel #comparable { color: $warning; height: auto; display: none; }
    CurvesPanel #comparable.-said { display: block; }
    """

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id, classes="panel")
        self._seen: object = None

    def compose(self) -> ComposeResult:
        yield Static("", id="comparable", markup=False)

    def show(self, runs: Sequence[RunListing], roles: Mapping[str, Role], current: str) -> None:
        """Draw the curves of `runs` in their roles, that of `current` above the others, if anything is new in them."""
        from slmtui.console.charts.widget import Chart
        from slmtui.console.screens.runs.curves import overlay

        seen = (current, dict(roles), list(runs))
        if seen == self._seen:
            return
        self._seen = seen
        if not runs:
            self.border_title = "validation loss"
            self.query_one("#comparable", Static).set_class(False, "-said")
            for chart in self.query(Chart):
                chart.display = False
            return
        mixed = ", of who decides" if any(run.summary.best_mixed_loss is not None for run in runs) else ""
        self.border_title = f"validation loss · {unit_of(runs)}{mixed}"
        words = comparable(runs) if any(run.points for run in runs) else "No evaluation yet, so there is no curve."
        said = self.query_one("#comparable", Static)
        said.update(words)
        said.set_class(bool(words), "-said")
        spec = overlay(runs, roles, current)
        if charts := self.query(Chart):
            charts.first().display = True
            charts.first().set_spec(spec)
        else:
            self.mount(Chart(spec, id="chart"))
