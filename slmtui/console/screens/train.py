"""Train: the run that is being trained, or any other, as it learns; and the keys that steer it.

The screen reads the run's folder and writes to its control file; whether the trainer is a thread of this process,
another process, or gone, it does the same.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import ClassVar

import psutil
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import DataTable, Static

from slmtui.console import train_view
from slmtui.console.base import ConsoleScreen
from slmtui.console.dialogs import Message, Question
from slmtui.console.train_view import View
from slmtui.console.widgets.chart import Chart
from slmtui.output import visible
from slmtui.runs.control import send
from slmtui.runs.history import RunHistory
from slmtui.runs.run import Run, State, all_runs
from slmtui.training.control import Command, CommandKind
from slmtui.training.phase_file import load_phase

CHART_SECONDS = 1.0  # between two drawings of the charts while steps come in; an evaluation is drawn at once
COLUMNS = (("step", 9), ("train", 8), ("val", 8), ("gap", 8), ("  verdict", 14), ("b/byte", 7))  # and their widths
MIXED_COLUMNS = (("mixed", 8), ("b/byte", 7))  # further ones, for a run with model.ngram_mix
TABLE_ROWS = 500  # evaluations shown, the newest; DataTable slows down beyond
RATE_FACTOR = 1.25  # of a key press on + and −
ALIVE: tuple[State, ...] = ("running", "paused", "stalled")

EMPTY = """\
Nothing is being trained, and no run is watched.

  enter   train the project's default phase
  p       choose another phase, or change one
  d       look at the data first
  r       watch a run of before"""


class TrainScreen(ConsoleScreen):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "pause", "pause", tooltip="pause, and go on"),
        Binding("s", "stop", "stop", tooltip="stop and save"),
        Binding("k", "ask('checkpoint')", "checkpoint", tooltip="save a checkpoint now"),
        Binding("e", "ask('evaluate')", "evaluate", tooltip="evaluate now"),
        Binding("g", "ask('sample')", "sample", tooltip="draw a sample now"),
        Binding("plus,equals_sign", "rate(1)", "rate", key_display="+/−", tooltip="raise the learning rate by 1/4"),
        Binding("minus", "rate(-1)", "lower the learning rate", show=False),
        Binding("n", "next", "next", tooltip="stop this run and go on with the next phase in the queue"),
        Binding("enter", "start", "train", show=False, tooltip="train the default phase when nothing is watched"),
        Binding("x", "x_axis", "x axis", show=False, tooltip="x as steps, tokens or time"),
        Binding("y", "log_y", "log-y", tooltip="loss on a logarithmic scale"),
        Binding("m", "smooth", "smooth", tooltip="smooth the training loss; the raw one stays visible"),
        Binding("z", "recent", "recent", show=False, tooltip="the recent quarter, or all"),
        Binding("t", "table", "table", tooltip="the evaluations as a table"),
        Binding("w", "warnings", "warnings", show=False, tooltip="all warnings with their advice"),
        Binding("left_square_bracket,comma", "browse(-1)", "earlier sample", show=False),
        Binding("right_square_bracket,full_stop", "browse(1)", "later sample", show=False),
        Binding("v", "sample", "samples", show=False, tooltip="the sample in full"),
        Binding("u", "queue", "queue", show=False, tooltip="what is waiting to be trained"),
    ]
    CSS = """
    TrainScreen #phase-title { height: 1; color: $foreground; text-style: bold; padding: 0 1; }
    TrainScreen #progress { height: 1; }
    TrainScreen #upper { height: 3fr; }
    TrainScreen #lower { height: 2fr; min-height: 7; }
    TrainScreen #loss, TrainScreen #gap { width: 3fr; }
    TrainScreen #evaluations, TrainScreen #warnings { width: 58; }
    TrainScreen.-mixed #evaluations { width: 73; }
    TrainScreen #sample { height: 6; }
    TrainScreen .line { height: 1; display: none; }
    TrainScreen #empty { display: none; width: 1fr; height: 1fr; content-align: center middle; }
    TrainScreen.-empty #empty { display: block; }
    TrainScreen.-empty #upper, TrainScreen.-empty #lower, TrainScreen.-empty #sample, TrainScreen.-empty .line,
    TrainScreen.-empty #progress, TrainScreen.-empty #phase-title { display: none; }
    TrainScreen.-low #lower, TrainScreen.-low #sample, TrainScreen.-narrow #lower, TrainScreen.-narrow #sample
        { display: none; }
    TrainScreen.-narrow #evaluations { display: none; }
    TrainScreen.-narrow .line, TrainScreen.-low .line { display: block; }
    TrainScreen.-narrow.-table #evaluations { display: block; width: 1fr; }
    TrainScreen.-narrow.-table #loss { display: none; }
    TrainScreen.-wide.-table #lower { display: none; }
    TrainScreen #evaluations DataTable { height: 1fr; scrollbar-size-horizontal: 0; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.history: RunHistory | None = None
        self.view = View()
        self.sample_at: int | None = None  # None: the newest
        self._followed: Run | None = None  # the trainer's run that this screen turned to by itself
        self._by_default: Run | None = None  # the newest run, shown because there was nothing else to show
        self._lines: dict[str, str | Text] = {}  # what each line says, so that only news is sent to the terminal
        self._drawn_at = 0.0
        self._drawn_evaluations = -1
        self._stale = True
        self._rows = 0
        self._process = psutil.Process()
        self._machine_at = 0.0
        self._machine = ""

    def body(self) -> ComposeResult:
        yield Static(EMPTY, id="empty", markup=False)
        yield Static("", id="phase-title", markup=False)
        yield Static("", id="progress", markup=False)
        with Horizontal(id="upper"):
            yield Chart(id="loss", classes="panel")
            with Vertical(id="evaluations", classes="panel") as panel:
                panel.border_title = "evaluations"
                yield DataTable(cursor_type="row", zebra_stripes=False, cell_padding=0)
        with Horizontal(id="lower"):
            yield Chart(id="gap", classes="panel")
            with VerticalScroll(id="warnings", classes="panel") as warnings:
                warnings.border_title = "warnings"
                yield Static("", id="warning-text", markup=False)
        yield Static("", id="numbers", classes="line", markup=False)
        yield Static("", id="warning-line", classes="line", markup=False)
        yield Static("", id="sample-line", classes="line", markup=False)
        with VerticalScroll(id="sample", classes="panel"):
            yield Static("", id="sample-text", markup=False)

    def on_mount(self) -> None:
        self._add_columns()

    def _add_columns(self) -> None:
        table = self.query_one(DataTable)
        for name, width in (*COLUMNS, *(MIXED_COLUMNS if self.has_class("-mixed") else ())):
            table.add_column(Text(name, justify="left" if name == "  verdict" else "right"), width=width)

    # What is shown

    def pulse(self) -> None:
        self._choose_run()
        history = self.history
        self.set_class(history is None, "-empty")
        if history is None:
            return
        try:
            changed = history.refresh()
        except ValueError as error:
            self.host.watched = None
            self.history = None
            self.host.push_screen(Message(str(error), title="this run's log cannot be read"))
            return
        if changed or self._stale:
            self._show(history)
        self._put("#progress", train_view.progress_line(history, self.app.size.width, self._of_machine(history.run)))

    def _choose_run(self) -> None:
        """The watched run; a new one of our own trainer takes its place, unless a person chose another."""
        now = self.host.trainer.last_run  # also one that was over between two looks
        if now is not None and now != self._followed:
            if self.host.watched in (None, self._followed, self._by_default):
                self.host.watched = now
            self._followed = now
        if self.host.watched is None and now is None and not self.host.trainer.busy:
            runs = all_runs(self.host.checkpoints)
            if runs:
                self._by_default = max(runs, key=lambda run: run.phase_file.stat().st_mtime)
                self.host.watched = self._by_default
        if self.host.watched is None:
            self.history = None
        elif self.history is None or self.history.run != self.host.watched:
            self.history = RunHistory(self.host.watched)
            self.sample_at = None
            self._stale = True
            self._rows = 0
            self.query_one(DataTable).clear()

    def _show(self, history: RunHistory) -> None:
        now, evaluations = time.monotonic(), len(history.evaluations)
        due = self._stale or evaluations != self._drawn_evaluations or now - self._drawn_at >= CHART_SECONDS
        if due or history.finished is not None:
            self._drawn_at, self._drawn_evaluations, self._stale = now, evaluations, False
            self._draw_charts(history)
        else:
            self._stale = True  # so that the next beat draws what this one left out
        self._show_title(history)
        self._show_table(history)
        self._put("#numbers", train_view.numbers_line(history))
        styles = self.app.theme_variables
        levels = {"serious": styles["catastrophic"], "warning": styles["moderate"], "note": styles["quiet"]}
        warnings = train_view.warning_text(history.warnings, levels)
        self._put("#warning-text", warnings if history.warnings else Text("none so far", style="dim"))
        last = history.warnings[-1] if history.warnings else None
        self._put("#warning-line", f" ! {visible(last.message)}" if last else " no warnings")
        self._show_sample(history)

    def _draw_charts(self, history: RunHistory) -> None:
        gap_chart = self.query_one("#gap", Chart)
        loss, gap = train_view.charts(history, self.view, gap_ticks=gap_chart.size.height >= 8)
        self.query_one("#loss", Chart).set_spec(loss)
        gap_chart.set_spec(gap)

    def _show_title(self, history: RunHistory) -> None:
        phase = history.started.phase["phase"] if history.started is not None else {}
        title = phase.get("title") or phase.get("name") or history.run.name
        state = history.summary.state
        what = {"crashed": "its process is gone; R on Runs goes on with it", "stalled": "silent for ten minutes"}
        detail = f" · {what[state]}" if state in what else ""
        rate = f" · rate {history.learning_rates[-1]:.2e}" if len(history.learning_rates) else ""
        self._put("#phase-title", f"{visible(title)}  ─  {history.run.name} · {state}{detail}{rate}")

    def _show_table(self, history: RunHistory) -> None:
        table = self.query_one(DataTable)
        best = history.summary.best_step
        shown = history.evaluations[-TABLE_ROWS:]
        mixed = train_view.is_mixed(history)
        if mixed != self.has_class("-mixed"):
            self.set_class(mixed, "-mixed")
            table.clear(columns=True)
            self._add_columns()
            self._rows = 0
        if len(history.evaluations) < self._rows or len(history.evaluations) > TABLE_ROWS:
            table.clear()
            self._rows = 0
        was_last = table.cursor_row >= table.row_count - 1
        styles = self.app.theme_variables
        if self._rows:  # ◆ may have moved on from an earlier row
            for row in range(max(0, self._rows - 30), self._rows):
                evaluation = shown[row]
                cell = Text(("◆ " if evaluation.step == best else "  ") + f"{evaluation.step:,}", justify="right")
                if table.get_cell_at((row, 0)) != cell:  # type: ignore[arg-type]
                    table.update_cell_at((row, 0), cell)  # type: ignore[arg-type]
        for evaluation in shown[self._rows :]:
            colour = styles.get(evaluation.verdict, "")
            is_best = evaluation.step == best
            cells = train_view.evaluation_cells(evaluation, best=is_best, verdict_style=colour, mixed=mixed)
            table.add_row(*cells)
        if len(shown) > self._rows and was_last and table.row_count:
            table.move_cursor(row=table.row_count - 1)
        self._rows = len(shown)

    def _show_sample(self, history: RunHistory) -> None:
        panel = self.query_one("#sample")
        if not history.samples:
            panel.border_title = "samples"
            self._put("#sample-text", Text("none yet: g draws one now", style="dim"))
            self._put("#sample-line", " no sample yet: g draws one")
            return
        last = len(history.samples) - 1
        at = last if self.sample_at is None else max(0, min(self.sample_at, last))
        sample = history.samples[at]
        panel.border_title = train_view.sample_title(sample)
        panel.border_subtitle = " · ".join(
            part for part in (train_view.sample_note(sample), f"[ earlier  {at + 1} of {last + 1}  later ]") if part
        )
        text = Text(visible(sample.prompt), style="bold")
        text.append(visible(sample.text), style="not bold")
        self._put("#sample-text", text)
        self._put("#sample-line", " " + visible(sample.prompt + sample.text).replace("\n", "⏎"))

    def _of_machine(self, run: Run) -> str:
        """Memory and CPU of this process while it trains the run; what another process takes is not known."""
        if self.host.trainer.run_now != run:
            return ""
        if time.monotonic() - self._machine_at >= 2.0:
            self._machine_at = time.monotonic()
            memory = self._process.memory_info().rss / 1e6
            cpu = self._process.cpu_percent() / 100
            self._machine = f"{memory:,.0f} MB   {cpu:.1f} of {os.cpu_count()} cores"
        return self._machine

    def _put(self, selector: str, content: str | Text) -> None:
        """Update a line only when it says something new: each update is sent to the terminal again."""
        widget = self.query_one(selector, Static)
        if self._lines.get(selector) != content:
            self._lines[selector] = content
            widget.update(content)

    # What a person asks for

    def _state(self) -> State | None:
        history = self.history
        return history.summary.state if history is not None else None

    def _send(self, kind: CommandKind, value: float | None = None) -> bool:
        """Ask the run's trainer for something, if it has one."""
        if self.history is None or self._state() not in ALIVE:
            self.notify("nothing is being trained here", severity="warning")
            return False
        send(self.history.run.control_file, Command(kind, value))
        return True

    def action_pause(self) -> None:
        self._send("resume" if self._state() == "paused" else "pause")

    def action_ask(self, kind: CommandKind) -> None:
        if self._send(kind):
            self.notify(f"{kind} asked for")

    def action_rate(self, direction: int) -> None:
        self._send("learning_rate", RATE_FACTOR**direction)

    def action_stop(self) -> None:
        self._confirm_stop("stop", "Stop this run and save it? It can be taken up again from Runs.")

    def action_next(self) -> None:
        waiting = self.host.trainer.waiting()
        if not waiting:
            self.notify("nothing is waiting; Phases queues one", severity="warning")
            return
        self._confirm_stop("next phase", f"Stop this run, save it, and go on with {waiting[0]}?")

    def _confirm_stop(self, title: str, question: str) -> None:
        def answered(answer: str | None) -> None:
            if answer == "stop":
                self._send("stop")

        if self._state() in ALIVE:
            dialog = Question(question, {"stop": "Stop and save", "cancel": "Cancel"}, title=title)
            self.host.push_screen(dialog, answered)
        else:
            self.notify("nothing is being trained here", severity="warning")

    def action_start(self) -> None:
        """Train the phase that was chosen last, or the project's default one."""
        if self.host.trainer.busy or self._state() in ALIVE:
            return
        from slmtui.errors import UserError
        from slmtui.project import default_phase_file

        try:
            phase = load_phase(self.host.phase_file or default_phase_file())
        except UserError as error:
            self.host.push_screen(Message(str(error), title="no phase to train"))
            return
        self.host.watched = None
        self.host.trainer.put(phase)
        self.notify(f"{phase.name} will be trained")

    def action_queue(self) -> None:
        waiting = self.host.trainer.waiting()
        text = "\n".join(f"{i}. {name}" for i, name in enumerate(waiting, start=1)) or "nothing is waiting"
        text += "\n\nPhases adds to the queue; n here goes on with the next."
        self.host.push_screen(Message(text, title="queue"))

    def _change_view(self, view: View) -> None:
        self.view = view
        if self.history is not None:
            self._draw_charts(self.history)

    def action_x_axis(self) -> None:
        self._change_view(self.view.next_x())

    def action_log_y(self) -> None:
        self._change_view(replace(self.view, log_y=not self.view.log_y))

    def action_smooth(self) -> None:
        self._change_view(replace(self.view, smoothing=not self.view.smoothing))

    def action_recent(self) -> None:
        self._change_view(replace(self.view, recent=not self.view.recent))

    def action_table(self) -> None:
        self.toggle_class("-table")

    def action_warnings(self) -> None:
        warnings = self.history.warnings if self.history is not None else []
        text = train_view.warning_text(warnings, {}).plain
        self.host.push_screen(Message(text or "no warnings so far", title="warnings, the newest first"))

    def action_browse(self, by: int) -> None:
        if self.history is None or not self.history.samples:
            return
        last = len(self.history.samples) - 1
        at = (last if self.sample_at is None else self.sample_at) + by
        self.sample_at = None if at >= last else max(0, at)
        self._show_sample(self.history)

    def action_sample(self) -> None:
        if self.history is None or not self.history.samples:
            self.notify("no sample yet: g draws one")
            return
        last = len(self.history.samples) - 1
        sample = self.history.samples[last if self.sample_at is None else self.sample_at]
        text = visible(sample.prompt + sample.text)
        self.host.push_screen(Message(text, title=train_view.sample_title(sample)))

    @on(Chart.Read)
    def _read(self, _: Chart.Read) -> None:
        """The values stand in the chart's legend already."""
