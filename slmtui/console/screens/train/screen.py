"""Train: the run that is being trained, or any other, as it learns; and the keys that steer it.

The screen reads the run's folder and writes to its control file; whether the trainer is a thread of this process,
another process, or gone, it does the same.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical

from slmtui.console.asking import doing_words
from slmtui.console.base import ConsoleScreen
from slmtui.console.dialogs.question import Message
from slmtui.console.screens.train import saying, view
from slmtui.console.screens.train.charts import TrainCharts
from slmtui.console.screens.train.evaluation_table import EvaluationTable
from slmtui.console.screens.train.machine_meter import MachineMeter
from slmtui.console.screens.train.news_line import NewsLine
from slmtui.console.screens.train.run_controls import NEEDS_TRAINER, RunControls
from slmtui.console.screens.train.sample_panel import SamplePanel
from slmtui.console.screens.train.talking import MOST, TalkPrompts
from slmtui.console.screens.train.view import TrainView
from slmtui.console.screens.train.warnings_panel import WarningsPanel
from slmtui.console.text.columns import cut
from slmtui.output import visible
from slmtui.runs.control import now
from slmtui.runs.history import RunHistory
from slmtui.runs.log_reader import LogError
from slmtui.runs.run import ALIVE, Run, State, newest_runs
from slmtui.runs.summary import RunSummary
from slmtui.training.control import LAST_LOOKS, CommandKind

CHART_SECONDS = 1.0  # between two drawings of the charts while steps come in; an evaluation is drawn at once
LEAST_HEIGHT = 18  # rows in which a run that is over has room for a chart between all its lines
NEEDS_A_CURVE = {"metric", "log_y", "smooth", "x_axis", "recent"}
NEEDS_A_RUN = {"table", "browse", "sample", *NEEDS_A_CURVE}  # that is shown
DASH = "  ─  "
LEAST_TITLE = 10  # columns; where what to do next leaves less room, a phase's title is left out


class TrainScreen(ConsoleScreen):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "pause", "pause", tooltip="pause or resume"),
        Binding("s", "stop", "stop", tooltip="stop and save; the queue goes on"),
        Binding("t", "table", "table", tooltip="the evaluations as a table"),
        Binding("e", "ask('evaluate')", "evaluate", tooltip="evaluate now"),
        Binding("g", "ask('sample')", "sample", tooltip="draw a sample now"),
        Binding("plus,equals_sign", "rate(1)", "rate", key_display="+/−", tooltip="raise the learning rate by 1/4"),
        Binding("minus", "rate(-1)", "lower rate", show=False, tooltip="lower the learning rate by 1/5"),
        Binding("k", "ask('checkpoint')", "checkpoint", tooltip="save a checkpoint now"),
        Binding("enter", "start", "train", show=False, tooltip="train the phase that was chosen last, or the default"),
        Binding("f", "metric", "metric", tooltip="the next metric: loss, gradient norm, learning rate, speed, memory"),
        Binding("y", "log_y", "log-y", tooltip="loss on a logarithmic scale"),
        Binding("m", "smooth", "smooth", tooltip="smooth the training loss; the raw one stays visible"),
        Binding("a", "x_axis", "x axis", tooltip="x as steps, tokens or time"),
        Binding("z", "recent", "recent", tooltip="the most recent tenth, or all"),
        Binding("w", "warnings", "warnings", tooltip="all warnings with their advice"),
        Binding("o", "sample", "sample in full", tooltip="the sample in full"),
        Binding("left_square_bracket,comma", "browse(-1)", "earlier sample", show=False),
        Binding("right_square_bracket,full_stop", "browse(1)", "later sample", show=False),
        *(
            Binding(str(n), f"talk({n})", f"prompt {n}", show=False, tooltip="talk to the model: complete that prompt")
            for n in range(1, MOST + 1)
        ),
        Binding("u", "queue", "queue", tooltip="what is waiting to be trained: its order, and what is taken out"),
    ]
    CSS = """
    TrainScreen #phase-title { height: 1; color: $foreground; text-style: bold; padding: 0 1; }
    TrainScreen #progress { height: 1; }
    TrainScreen.-preparing #progress { height: auto; max-height: 4; padding: 0 1; }
    TrainScreen #verdict { height: auto; max-height: 3; padding: 0 1; display: none; }
    TrainScreen #talk { height: 1; color: $accent; display: none; }
    TrainScreen.-over #verdict, TrainScreen.-talk #talk { display: block; }
    TrainScreen #upper { height: 3fr; }
    TrainScreen #lower { height: 2fr; min-height: 7; }
    TrainScreen #loss, TrainScreen #gap { width: 3fr; }
    TrainScreen #evaluations, TrainScreen #warnings { width: 58; }
    TrainScreen.-mixed #evaluations { width: 83; }
    TrainScreen #sample { height: 16%; min-height: 6; }
    TrainScreen .line { height: 1; display: none; }
    TrainScreen #empty { display: none; width: 1fr; height: 1fr; content-align: center middle; }
    TrainScreen.-empty #empty { display: block; }
    TrainScreen.-empty #upper, TrainScreen.-empty #lower, TrainScreen.-empty #sample, TrainScreen.-empty .line,
    TrainScreen.-empty #progress, TrainScreen.-empty #phase-title { display: none; }
    TrainScreen.-low #lower, TrainScreen.-low #sample, TrainScreen.-narrow #lower, TrainScreen.-narrow #sample
        { display: none; }
    TrainScreen.-narrow #evaluations { display: none; }
    TrainScreen.-narrow .line, TrainScreen.-low .line { display: block; }
    TrainScreen.-over.-tiny #warning-line, TrainScreen.-over.-tiny #sample-line { display: none; }
    TrainScreen.-narrow.-table #evaluations { display: block; width: 1fr; }
    TrainScreen.-narrow.-table #loss { display: none; }
    TrainScreen.-wide.-table #lower { display: none; }
    TrainScreen #evaluations EvaluationTable { height: 1fr; scrollbar-size-horizontal: 0; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.history: RunHistory | None = None
        self.controls = RunControls(self, lambda: self.history)
        self.meter = MachineMeter()
        self.steerable = False  # somebody trains the run: the bottom line names the keys that steer
        self.charts = TrainCharts()
        self._followed: Run | None = None  # the trainer's run that this screen turned to by itself
        self._by_default: Run | None = None  # the newest run, shown because there was nothing else to show
        self._unreadable: tuple[Run, str] | None = None  # the watched run, if its log cannot be read, and why not
        self._title, self._progress = NewsLine(id="phase-title"), NewsLine(id="progress")
        self._empty = NewsLine(id="empty", grows=True)
        self._verdict = NewsLine(id="verdict", grows=True)
        self._talk, self.talking = NewsLine(id="talk"), TalkPrompts(self, self._show_talk)
        self._numbers = NewsLine(id="numbers", classes="line")
        self._warnings, self._warning = WarningsPanel(), NewsLine(id="warning-line", classes="line")
        self._samples, self._sample = SamplePanel(), NewsLine(id="sample-line", classes="line")
        self._drawn_at, self._left_out = 0.0, False
        self._drawn_evaluations = -1
        self._stale = True
        self._state: State | None = None
        self._doing = ("", "")

    def body(self) -> ComposeResult:
        yield self._empty
        yield self._title
        yield self._progress
        yield self._verdict
        yield self._talk
        with Horizontal(id="upper"):
            yield self.charts.upper
            with Vertical(id="evaluations", classes="panel") as panel:
                panel.border_title = "evaluations"
                yield EvaluationTable()
        with Horizontal(id="lower"):
            yield self.charts.gap
            yield self._warnings
        yield self._numbers
        yield self._warning
        yield self._sample
        yield self._samples

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, self._recolour)
        self.charts.recall(self.host.ui_state)
        self.set_class(self.host.ui_state.flag("train.table", False), "-table")

    def _recolour(self, _: object) -> None:
        self.query_one(EvaluationTable).forget()
        self._stale = True

    def why_not(self, action: str, parameters: tuple[object, ...]) -> str:
        state = None if self.history is None else self._state
        if action == "talk" and not (isinstance(parameters[0], int) and parameters[0] <= len(self.talking.prompts)):
            return saying.no_prompt_offered(state, self.controls.phase_named)
        if action in NEEDS_TRAINER and not self.steerable:
            name = "" if self.history is None else self.history.run.name
            return saying.nobody_trains(state, name, self.controls.phase_named)
        if action in NEEDS_TRAINER and self._doing[0] in LAST_LOOKS:
            return saying.steps_are_done(self._doing[0])
        if (action, *parameters) == ("ask", "sample") and self.history is not None and not self.history.has_prompts:
            return saying.no_sample(self.history)
        if action in NEEDS_A_RUN and self.history is None:
            return saying.no_run(self.controls.phase_named)
        if action == "table" and self.has_class("-wide") and self.has_class("-low"):
            return saying.table_is_there(self.VERTICAL_BREAKPOINTS[-1][0])
        if action in NEEDS_A_CURVE and self.history is not None and not len(self.history.steps):
            return saying.no_curve()
        if action == "start" and (self.steerable or self.host.trainer.busy):
            return saying.busy(self.host.going_on())
        if action == "start" and (phase := self.controls.phase_named) in self.host.unsaved:
            return saying.unsaved(phase)
        return ""

    def on_screen_resume(self) -> None:
        self._unreadable = None

    def on_resize(self) -> None:
        self._stale = True  # lines are cut and wrapped to the width
        self.set_class(self.app.size.height < LEAST_HEIGHT, "-tiny")
        self.refresh_bindings()

    # What is shown

    def pulse(self) -> None:
        while self.host.failures and not self.host.screen.is_modal:
            title, words = self.host.failures.pop(0)
            self.host.push_screen(Message(words, title=title))
        self._choose_run()
        changed = self._read()
        history = self.history
        if self.has_class("-empty") != (history is None):
            self.toggle_class("-empty")
        if history is None:
            self._set_steerable(False)
            phase = self.controls.phase_named
            unreadable = saying.unreadable(phase, self._unreadable[1]) if self._unreadable is not None else ""
            self._empty.tell(self._preparing() or unreadable or saying.empty(phase))
            return
        summary, state = history.summary, history.state()
        doing = self._doing_words(history, state)
        left_out = self._left_out and time.monotonic() - self._drawn_at >= CHART_SECONDS
        stale = self._stale
        if changed or stale or left_out or state != self._state:
            self._show(history, summary)
        if (state, doing) != (self._state, self._doing) or changed or stale:
            self._state, self._doing = state, doing
            self._show_title(history, state)
        machine = self.meter.words() if self.host.trainer.run_now == history.run else ""
        line = view.progress_line(history, summary, self.app.size.width, machine)
        preparing = self._preparing() if self.host.trainer.run_now == history.run else ""
        if preparing:
            line = Text(preparing)
        if self.has_class("-preparing") != bool(preparing):
            self.toggle_class("-preparing")  # a sentence may take several lines
        self._progress.tell(line, layout=bool(preparing))

    def _doing_words(self, history: RunHistory, state: State) -> tuple[str, str]:
        """What the run's trainer does besides its steps, and what it is asked for."""
        if state not in ALIVE:
            self.controls.asked.note(None, None)  # nobody will do it
            return "", ""
        said = now(history.run.control_file)
        return doing_words(said), self.controls.asked.words(history.run, said, saying.steering())

    def _preparing(self) -> str:
        """What takes a while before our own trainer's next event; "" for nothing."""
        trainer = self.host.trainer
        name = trainer.preparing or (trainer.run_now.name if trainer.run_now is not None and trainer.doing else "")
        return f"preparing {name}: {trainer.doing or 'loading'} …" if name else ""

    def _choose_run(self) -> None:
        """The watched run; a new one of our own trainer takes its place, unless a person chose another."""
        now = self.host.trainer.last_run  # also one that was over between two looks
        if now is not None and now != self._followed:
            if self.host.watched in (None, self._followed, self._by_default):
                self.host.watched = now
            self._followed = now
        preparing = now is None and self.host.trainer.busy and self.host.trainer.run_now is None
        if preparing and self.host.watched is self._by_default:
            self._by_default = self.host.watched = None  # what is being prepared is more than what was there before
        nothing = self.host.watched is None and now is None and not self.host.trainer.busy
        if nothing and (runs := newest_runs(self.host.checkpoints)):
            living = [run for run in runs if run.name in self.host.living]
            self._by_default = self.host.watched = (living or runs)[0]
        if self._unreadable is not None and self._unreadable[0] != self.host.watched:
            self._unreadable = None
        if self.host.watched is None or self._unreadable is not None:
            self.history = None
        elif self.history is None or self.history.run != self.host.watched:
            self.history = RunHistory(self.host.watched)
            self.charts.upper.show_all()
            self._stale = True

    def _read(self) -> bool:
        """Read on in the log of the run; is there news? One that cannot be read is tried again when this screen is seen
        again."""
        if self.history is None:
            return False
        try:
            return self.history.refresh()
        except LogError as error:
            self._unreadable, self.history = (self.history.run, str(error)), None
            return False

    def _show(self, history: RunHistory, summary: RunSummary) -> None:
        now, evaluations = time.monotonic(), len(history.evaluations)
        news = evaluations != self._drawn_evaluations or history.finished is not None
        due = self._stale or news or now - self._drawn_at >= CHART_SECONDS
        if due:
            self._drawn_at, self._drawn_evaluations, self._stale = now, evaluations, False
            self.charts.draw(history)
        self._left_out = not due  # a later beat will draw it
        kind = view.mixture_kind(history)
        self.set_class(bool(kind), "-mixed")
        self.query_one(EvaluationTable).show(history.evaluations, kind=kind)
        judged = f" · {history.evaluations[-1].judged} decides" if kind == "adaptive" and history.evaluations else ""
        self.query_one("#evaluations").border_title = f"evaluations{judged}"
        self._numbers.tell(view.numbers_line(history, summary))
        self._verdict.tell(summary.sentence)
        self.set_class(history.finished is not None, "-over")
        self.talking.look(history)
        self._warnings.show(history.warnings)
        last = history.warnings[-1] if history.warnings else None
        line = f" ! {visible(last.message)}" if last else " no warnings"
        self._warning.tell(view.line_with_key(line, saying.warnings_key() if last else "", self.app.size.width))
        self._samples.show(history)
        self._show_sample_line()

    def _show_title(self, history: RunHistory, state: State) -> None:
        phase = history.started.phase["phase"] if history.started is not None else {}
        title = phase.get("title") or phase.get("name") or history.run.name
        detail = saying.next_step(state)
        rate = f" · rate {history.learning_rates[-1]:.2e}" if len(history.learning_rates) and state in ALIVE else ""
        early = history.finished is not None and history.finished.reason == "early stopping"
        words = f"{state}, stopped early" if early and state == "done" else state
        doing, asked = self._doing
        if doing:
            words, rate = f"{doing}{', paused' if state == 'paused' else ''}", ""
        if asked:
            words, detail, rate = f"{words} · {asked}", "", ""
        line, width = f"{history.run.name} · {words}{detail}{rate}", self.app.size.width - 2
        if asked and cell_len(line) > width:
            line = asked
        shown = cut(visible(title), width - cell_len(line) - len(DASH))
        if cell_len(shown) >= min(LEAST_TITLE, cell_len(visible(title))):
            line = f"{shown}{DASH}{line}"
        self._title.tell(cut(line, width))
        self._set_steerable(state in ALIVE)

    def _set_steerable(self, steerable: bool) -> None:
        if self.steerable != steerable:
            self.steerable = steerable
            self.refresh_bindings()

    def _show_talk(self) -> None:
        line = self.talking.line()
        self._talk.tell(cut(line, self.app.size.width))
        self.set_class(bool(line), "-talk")
        self.refresh_bindings()

    def _show_sample_line(self) -> None:
        if (sample := self._samples.sample) is None:
            self._sample.tell(f" {saying.no_sample(self.history)}")
            return
        line = " " + visible(sample.prompt + sample.text).replace("\n", "⏎")
        self._sample.tell(view.line_with_key(line, saying.sample_key(), self.app.size.width))

    # What a person asks for

    def action_pause(self) -> None:
        self.controls.pause_or_resume()

    def action_ask(self, kind: CommandKind) -> None:
        self.controls.ask(kind)

    def action_rate(self, direction: int) -> None:
        self.controls.change_rate(direction)

    def action_stop(self) -> None:
        self.controls.stop()

    def action_start(self) -> None:
        self.controls.start()

    def action_talk(self, number: int) -> None:
        if self.history is not None:
            self.host.talk(self.history.run, self.talking.prompts[number - 1])

    def action_queue(self) -> None:
        self.controls.show_queue()

    def _change_view(self, view: TrainView) -> None:
        """See the charts in another way; where the table has their place, they come back."""
        if self.has_class("-narrow") and self.has_class("-table"):
            self.action_table()
        self.charts.change(view, self.history, self.host.ui_state)

    def action_x_axis(self) -> None:
        self._change_view(self.charts.view.next_x())

    def action_metric(self) -> None:
        self._change_view(self.charts.view.next_metric())

    def action_log_y(self) -> None:
        self._change_view(replace(self.charts.view, log_y=not self.charts.view.log_y))

    def action_smooth(self) -> None:
        self._change_view(replace(self.charts.view, smoothing=not self.charts.view.smoothing))

    def action_recent(self) -> None:
        self.charts.upper.show_all()
        self._change_view(replace(self.charts.view, recent=not self.charts.view.recent))

    def action_table(self) -> None:
        self.toggle_class("-table")
        self.host.ui_state.remember("train.table", self.has_class("-table"))

    def action_warnings(self) -> None:
        warnings = self.history.warnings if self.history is not None else []
        text = view.warning_text(warnings, {}, min(84, self.app.size.width - 14)).plain
        self.host.push_screen(Message(text or "no warnings so far", title="warnings, the newest first"))

    def action_browse(self, by: int) -> None:
        if self._samples.sample is None:
            self.notify(saying.no_sample(self.history))
        elif not self._samples.browse(by):
            self.notify(f"this is the {'first' if by < 0 else 'newest'} sample")
        self._show_sample_line()

    def action_sample(self) -> None:
        if (sample := self._samples.sample) is None:
            self.notify(saying.no_sample(self.history))
            return
        text = visible(sample.prompt + sample.text)
        self.host.push_screen(Message(text, title=view.sample_title(sample)))
