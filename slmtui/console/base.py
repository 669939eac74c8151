"""What all screens share: the bar on top, the footer, breakpoints for narrow terminals, a pulse while they are seen."""

from __future__ import annotations

import math
import time
from typing import Any, cast

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Container, Horizontal
from textual.events import ScreenResume
from textual.widgets import Static

from slmtui.console.asking import ask
from slmtui.console.filtering.line import FilterLine
from slmtui.console.hints import Hints
from slmtui.console.host import Host, ModeScreen
from slmtui.console.key_names import key
from slmtui.errors import UserError
from slmtui.output import visible
from slmtui.runs.run import Run
from slmtui.training.control import CommandKind

MODES = {  # and what they are for
    "data": "of the corpus: its text, its split, what to beat",
    "phases": "of what can be trained: as a form, as a file, and what it means",
    "train": "of the run that is trained or watched",
    "complete": "to talk to a model, token by token",
    "runs": "of all runs, their curves and reports",
    "studies": "of the studies: their cells, curves, law and claims",
}
KEYS = {mode: "Y" if mode == "studies" else mode[0] for mode in MODES}  # y and s have a meaning on the other screens
# Nothing is redrawn when nothing has changed.
# While a training of ours wants the cores, looks become rarer until they take no more than this share of the time.
SHARE, LONGEST_PULSE = 0.01, 1.0
LEAST_SIZE = (40, 12)  # columns and rows below which a screen only says what it needs


def is_due(waited: float, spent: float, *, training: bool) -> bool:
    """Whether it is time for a look. waited, spent: seconds, and seconds of CPU time, since the last one began."""
    return not training or waited >= min(LONGEST_PULSE, spent / SHARE)


class Tab(Static):
    """The name of a screen in the top bar; narrow terminals show its key."""

    def __init__(self, mode: str) -> None:
        super().__init__(id=f"tab-{mode}", markup=False)
        self.mode = mode
        self._shown = ""

    def show(self, *, current: bool, narrow: bool) -> None:
        name = key(f"everywhere.switch-mode-{self.mode}", KEYS[self.mode]).upper() if narrow else self.mode.capitalize()
        text = f"▌{name}▐" if current else f" {name} "
        if text != self._shown:
            self._shown = text
            self.update(text)
            self.set_class(current, "-current")

    async def on_click(self) -> None:
        await self.app.run_action(f"switch_mode('{self.mode}')")


class TopBar(Horizontal):
    """` slmtui  Data  Phases ▌Train▐ Complete  Runs  Studies   what is going on`"""

    def __init__(self) -> None:
        super().__init__(id="top")
        self._said = ""

    def compose(self) -> ComposeResult:
        yield Static(" slmtui ", id="brand", markup=False)
        for mode in MODES:
            yield Tab(mode)
        yield Static("", id="going-on", markup=False)

    def refresh_tabs(self) -> None:
        narrow = self.app.size.width < 60
        for tab in self.query(Tab):
            tab.show(current=tab.mode == self.app.current_mode, narrow=narrow)

    @property
    def room(self) -> int:
        """Columns for what is going on."""
        return self.query_one("#going-on").content_size.width

    def say(self, text: str) -> None:
        """What is going on, at the right; only redrawn when it changes."""
        line = self.query_one("#going-on", Static)
        if text != self._said:
            self._said = text
            line.update(text, layout=False)


class ConsoleScreen(ModeScreen):
    """One of the six screens. Subclasses yield their widgets from `body` and look for news in `pulse`.

    Textual calls the on_… methods of every class in the line; a subclass that adds one must not call this one's.
    """

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012  (Textual declares them so)
    VERTICAL_BREAKPOINTS = [(0, "-low"), (32, "-high")]  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self.mode = type(self).__name__.removesuffix("Screen").lower()
        self.mode_key = KEYS[self.mode]
        self._last_beat = -math.inf  # when, in seconds
        self._cpu_then = 0.0  # the CPU time that this thread had taken then, in seconds

    @property
    def host(self) -> Host:
        return cast("Host", self.app)

    def compose(self) -> ComposeResult:
        yield TopBar()
        with Container(id="body"):
            yield from self.body()
        yield Static("", id="too-small", markup=False)
        yield Hints(self.hinted)

    def body(self) -> ComposeResult:
        raise NotImplementedError

    @property
    def ready(self) -> bool:
        """Has it looked, so that its keys have something to do?"""
        return self._last_beat > -math.inf

    def hinted(self, action: str) -> bool:  # noqa: ARG002
        """Is it of use now to name this action's key in the bottom line?"""
        return True

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The filter of a screen's list can be cleared while there is one."""
        if action == "unfilter":
            return any(line.in_force or line.has_class("-typed") for line in self.query(FilterLine))
        return not self.why_not(action, parameters)

    def action_filter(self) -> None:
        self.query_one(FilterLine).open()

    def action_filtered(self) -> None:
        self.query_one(FilterLine).leave()

    def action_unfilter(self) -> None:
        self.query_one(FilterLine).clear()

    @work(exclusive=True, group="export")
    async def on_chart_export_wanted(self, message: Any) -> None:
        """A chart of this screen, whose message this is, is to become a file. (No chart is imported for the first
        frame.)"""
        from slmtui.console.dialogs.chart_export import export_chart

        await export_chart(self.app, message.seen)

    def make_room(self, words: str, seconds: float) -> None:
        for hints in self.query(Hints):  # none before the screen is built
            hints.grow(words, seconds)

    def pulse(self) -> None:
        """Look for news; called a few times a second while the screen is seen, and once when it comes into view."""

    def ask_trainer(
        self, run: Run, kind: CommandKind, value: float | None = None, *, twice_undoes: bool = True
    ) -> bool:
        """Ask whoever trains the run for something, or take it back. False, and a toast, if that cannot be written."""
        try:
            ask(run, kind, value, twice_undoes=twice_undoes)
        except UserError as error:
            self.notify(visible(str(error)), severity="error")
            return False
        self.call_later(self._beat)  # it is acknowledged at once
        return True

    def on_mount(self) -> None:
        self._pulse = self.set_interval(self.host.settings.refresh, self._beat_if_due, pause=True)

    def on_unmount(self) -> None:
        self._pulse.stop()

    @on(ScreenResume)
    def _keep_styles(self, event: ScreenResume) -> None:
        """Textual would style every widget anew, which is most of the work of a change of screen, and for nothing: a
        new theme is applied before the screen comes back, and a class when it is set."""
        event.refresh_styles = False

    def on_screen_resume(self) -> None:
        self.query_one(TopBar).refresh_tabs()
        self._pulse.resume()
        self._show_keys()
        self.call_after_refresh(self._beat)

    def on_screen_suspend(self) -> None:
        if self not in self.app.screen_stack:  # another screen is seen; behind a dialog this one goes on
            self._pulse.pause()
        else:
            self._show_keys()

    def _show_keys(self) -> None:
        for hints in self.query(Hints):  # none before the screen is built
            hints.show_keys()

    def on_resize(self) -> None:
        width, height = self.app.size
        small = width < LEAST_SIZE[0] or height < LEAST_SIZE[1]
        self.set_class(small, "-too-small")
        if small:
            columns, rows = LEAST_SIZE
            self.query_one("#too-small", Static).update(
                f"{width}×{height} is too small for this screen.\nIt needs {columns}×{rows}; 80×24 is comfortable.\n"
                "Training continues."
            )
        self.query_one(TopBar).refresh_tabs()

    def look_soon(self) -> None:
        """Somebody asked for something and waits to see it done."""
        self._last_beat = -math.inf

    def _beat_if_due(self) -> None:
        waited, spent = time.monotonic() - self._last_beat, time.thread_time() - self._cpu_then
        if is_due(waited, spent, training=self.host.trainer.run_now is not None):
            self._beat()

    def _beat(self) -> None:
        self._last_beat, self._cpu_then = time.monotonic(), time.thread_time()
        top = self.query_one(TopBar)
        top.say(self.host.going_on(top.room))
        self.pulse()
