"""The panel below the table of runs: the curves of some of them on one chart, and whether they may be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Static

from slmtui.console.charts.palette import Role
from slmtui.console.key_names import key
from slmtui.console.screens.runs.words import comparable
from slmtui.output import visible
from slmtui.runs.index import RunListing

if TYPE_CHECKING:
    from slmtui.console.charts.metrics import Points
    from slmtui.console.charts.spec import ChartSpec
    from slmtui.runs.history import RunHistory

VAL_LOSS = "validation loss"


class CurvesPanel(Vertical):
    """The chart is made when there is first something to show on it, since it needs numpy."""

    DEFAULT_CSS = """
    CurvesPanel #comparable { color: $warning; height: auto; display: none; }
    CurvesPanel #comparable.-said { display: block; }
    """

    @dataclass
    class Read(Message):
        """A metric of some runs; None for one whose log has nothing of it, or is damaged."""

        metric: str
        points: dict[str, Points | None]

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id, classes="panel")
        self.metric = VAL_LOSS
        self.runs: Sequence[RunListing] = ()
        self.roles: Mapping[str, Role] = {}
        self.current = ""
        self._seen: object = None
        self._histories: dict[str, RunHistory] = {}
        self._reading = Lock()  # of the histories

    def compose(self) -> ComposeResult:
        yield Static("", id="comparable", markup=False)

    def on_mount(self) -> None:
        self.border_subtitle = f"{key('runs.metric', 'f')} next metric"

    def show(self, runs: Sequence[RunListing], roles: Mapping[str, Role], current: str) -> None:
        """Draw the curves of `runs` in their roles, that of `current` above the others, if anything is new in them."""
        seen = (current, dict(roles), list(runs), self.metric)
        if seen == self._seen:
            return
        self._seen = seen
        self.runs, self.roles, self.current = runs, roles, current
        if not runs:
            from slmtui.console.charts.widget import Chart

            self.border_title = self.metric
            self._say("")
            for chart in self.query(Chart):
                chart.display = False
        elif self.metric == VAL_LOSS:
            from slmtui.console.screens.runs.curves import overlay

            self._say(comparable(runs) if any(run.points for run in runs) else "No evaluation yet: there is no curve.")
            self._draw(overlay(runs, roles, current))
        else:
            self._read(self.metric, [run for run in runs if run.data is not None])

    def next_metric(self) -> None:
        from slmtui.console.charts.metrics import METRICS

        names = [VAL_LOSS, *METRICS]
        self.metric = names[(names.index(self.metric) + 1) % len(names)]
        self.show(self.runs, self.roles, self.current)

    @work(thread=True, exclusive=True, group="metric")
    def _read(self, metric: str, runs: Sequence[RunListing]) -> None:
        """The logs of these runs, from where they were read before; those of others are forgotten."""
        from slmtui.console.charts.metrics import metric_points
        from slmtui.runs.history import RunHistory

        points: dict[str, Points | None] = {}
        with self._reading:
            self._histories = {run.name: self._histories.get(run.name) or RunHistory(run.run) for run in runs}
            for name, history in self._histories.items():
                try:
                    history.refresh()
                    points[name] = metric_points(history, metric)
                except (ValueError, OSError):  # damaged, as the list says, or deleted meanwhile
                    points[name] = None
        self.post_message(self.Read(metric, points))

    @on(Read)
    def _show_metric(self, message: Read) -> None:
        from slmtui.console.charts.metrics import missing_words
        from slmtui.console.screens.runs.curves import metric_overlay

        runs = [run for run in self.runs if run.name in message.points]
        if message.metric != self.metric or len(runs) < len(message.points) or not self.runs:
            return  # of what was shown before
        missing = [run.name for run in self.runs if message.points.get(run.name) is None]
        some = 0 < len(missing) < len(self.runs)
        self._say(visible(missing_words(message.metric, missing)) if some else "")
        self._draw(metric_overlay(message.metric, runs, message.points, self.roles, self.current))

    def _say(self, words: str) -> None:
        said = self.query_one("#comparable", Static)
        said.update(words)
        said.set_class(bool(words), "-said")

    def _draw(self, spec: ChartSpec) -> None:
        from slmtui.console.charts.widget import Chart

        self.border_title = spec.title
        if charts := self.query(Chart):
            charts.first().display = True
            charts.first().set_spec(spec)
        else:
            self.mount(Chart(spec, id="chart"))
