"""The samples of a run, one at a time: the newest, until a person goes back to an earlier one."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll

from slmtui.console.screens.train import view
from slmtui.console.screens.train.news_line import NewsLine, PanelTitle
from slmtui.console.screens.train.saying import no_sample
from slmtui.output import visible
from slmtui.runs.history import RunHistory
from slmtui.training.events import Sample


class SamplePanel(VerticalScroll):
    def __init__(self) -> None:
        super().__init__(id="sample", classes="panel")
        self._history: RunHistory | None = None
        self._at: int | None = None  # a place among its samples; None: the newest
        self._text = NewsLine(id="sample-text", grows=True)
        self._border = PanelTitle(self)

    def compose(self) -> ComposeResult:
        yield self._text

    @property
    def sample(self) -> Sample | None:
        """The one that is shown; None before there is one."""
        return self._history.samples[self._place] if self._history is not None and self._history.samples else None

    def show(self, history: RunHistory) -> None:
        """What the run has by now; of another run than before, the newest."""
        if history is not self._history:
            self._history, self._at = history, None
        self._draw(history)

    def browse(self, by: int) -> bool:
        """Go to a later sample, or with a negative number to an earlier one; False if there is none."""
        if self._history is None or not self._history.samples:
            return False
        before, at = self._place, self._place + by
        self._at = None if at >= len(self._history.samples) - 1 else max(0, at)
        self._draw(self._history)
        return self._place != before

    @property
    def _place(self) -> int:
        last = len(self._history.samples) - 1 if self._history is not None else 0
        return last if self._at is None else max(0, min(self._at, last))  # a log may have been cut back

    def _draw(self, history: RunHistory) -> None:
        sample = self.sample
        if sample is None:
            self._border.tell("samples", "")
            self._text.tell(Text(no_sample(history), style="dim"))
            return
        place = f"[ earlier  {self._place + 1} of {len(history.samples)}  later ]"
        notes = (view.rates_note(history, sample), view.sample_note(sample), place)
        self._border.tell(view.sample_title(sample), " · ".join(part for part in notes if part))
        text = Text(visible(sample.prompt), style="bold")
        self._text.tell(text.append(visible(sample.text), style="not bold"))
