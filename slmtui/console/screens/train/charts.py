"""The two charts of Train, and how a person wants to see them, which is remembered."""

from __future__ import annotations

from slmtui.console.charts.widget import Chart
from slmtui.console.screens.train.view import LOSS, SHOWN, X_AXES, TrainView, charts
from slmtui.console.ui_state import UIState
from slmtui.runs.history import RunHistory

TICKS_FROM = 8  # rows of the gap chart from which it has numbers below its x axis


class TrainCharts:
    """upper: losses, or another metric. gap: drawn anew when there is an evaluation, and not with every step."""

    def __init__(self) -> None:
        self.upper, self.gap = Chart(id="loss", classes="panel"), Chart(id="gap", classes="panel")
        self.upper.link(self.gap)
        self.view = TrainView()
        self._gap_drawn: tuple[object, ...] = ()

    def recall(self, memory: UIState) -> None:
        """The view as it was left; but for the window, which is of one run."""
        x, metric = memory.text("train.x", "steps"), memory.text("train.metric", LOSS)
        self.view = TrainView(
            x=x if x in X_AXES else "steps",
            log_y=memory.flag("train.log_y", False),
            smoothing=memory.flag("train.smoothing", False),
            metric=metric if metric in SHOWN else LOSS,
        )

    def change(self, view: TrainView, history: RunHistory | None, memory: UIState) -> None:
        self.view = view
        if history is not None:
            self.draw(history)
        memory.remember("train.x", view.x)
        memory.remember("train.log_y", view.log_y)
        memory.remember("train.smoothing", view.smoothing)
        memory.remember("train.metric", view.metric)

    def draw(self, history: RunHistory) -> None:
        upper, gap = charts(history, self.view, gap_ticks=self.gap.size.height >= TICKS_FROM)
        self.upper.set_spec(upper)
        news = (history, len(history.evaluations), gap.x_limits, gap.x_label, gap.x_ticks)
        if news != self._gap_drawn:
            self._gap_drawn = news
            self.gap.set_spec(gap)
