"""All that a run's log says, as columns and lists ready to be drawn: read once, then only what is new.

It only ever reads the file, so a run may be looked at while another thread or process writes it. One thread at a time
refreshes and looks; a long log may be opened in a thread of its own and handed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from slmtui.data.baseline import Bar
from slmtui.runs.log_reader import STEP, LogChunk, LogReader
from slmtui.runs.progress import Progress
from slmtui.runs.run import Run, State
from slmtui.runs.step_lines import COLUMNS, Rows, no_rows, read_step_lines
from slmtui.runs.summary import RunSummary, SummaryFold
from slmtui.training import events
from slmtui.training.events import Event

Column = NDArray[np.float64]

TAIL = 1 << 20  # bytes at the end whose steps the folds see one by one: many windows of Progress
_SECONDS = len(COLUMNS)  # the column that is not in the log


class RunHistory:
    """`refresh()` reads on. The columns are views: they cost nothing, and stay as they are when the run goes on.

    seconds: since the start, pauses and stops left out. Losses are in nats per token.
    """

    started: events.RunStarted | None
    finished: events.RunFinished | None
    test: events.FinalTest | None
    saved: events.CharactersSaved | None
    last: Event | None
    evaluations: list[events.Evaluation]
    samples: list[events.Sample]
    rates: list[events.SampleRates]
    warnings: list[events.Warned]
    changes: list[events.Changed]
    checkpoints: list[events.Checkpoint]
    resumed: list[events.Resumed]  # where another process went on
    progress: Progress

    def __init__(self, run: Run) -> None:
        """Nothing is read yet."""
        self.run = run
        self._reader = LogReader(run.log_file)
        self._clear()

    def _clear(self) -> None:
        self.started = self.finished = self.last = self.test = self.saved = None
        self.evaluations, self.samples, self.rates = [], [], []
        self.warnings, self.changes, self.checkpoints, self.resumed = [], [], [], []
        self.progress = Progress()
        self._fold = SummaryFold(self.run.name)
        self._table = np.empty((1024, len(COLUMNS) + 1), order="F")
        self._rows = 0
        self._origin: float | None = None  # the time that second 0 was at, moved on by each pause

    @property
    def summary(self) -> RunSummary:
        """As `runs.summary.summarise` gives it, of what has been read."""
        return self._fold.so_far()

    @property
    def bars(self) -> list[Bar]:
        """What the curves are to get below, as far as the log knows it: static counting, and adaptive counting where a
        mixture learns on, too."""
        baseline = self.started.data.baseline if self.started is not None else None
        if baseline is None:
            return []
        learns_on = any(evaluation.adaptive_loss is not None for evaluation in self.evaluations)
        return [baseline.static, *([baseline.adaptive] if learns_on and baseline.adaptive is not None else [])]

    @property
    def elapsed(self) -> float:
        """Seconds from the first event to the last, pauses and stops left out."""
        return 0.0 if self.last is None or self._origin is None else max(0.0, self.last.time - self._origin)

    @property
    def has_prompts(self) -> bool:
        """Whether its phase names something to complete, so that samples are drawn; older logs do not say."""
        sampling = {} if self.started is None else self.started.phase.get("sampling", {})
        return bool(sampling.get("prompts", True)) or bool(sampling.get("prompts_from"))

    def state(self) -> State:
        """What has become of the run, as far as its log has been read; looks at the run's lock."""
        return self.run.state(self.last, paused=self._fold.summary.paused)

    @property
    def steps(self) -> Column:
        return self._table[: self._rows, COLUMNS.index("step")]

    @property
    def losses(self) -> Column:
        return self._table[: self._rows, COLUMNS.index("loss")]

    @property
    def learning_rates(self) -> Column:
        return self._table[: self._rows, COLUMNS.index("learning_rate")]

    @property
    def grad_norms(self) -> Column:
        return self._table[: self._rows, COLUMNS.index("grad_norm")]

    @property
    def tokens(self) -> Column:
        return self._table[: self._rows, COLUMNS.index("tokens")]

    @property
    def times(self) -> Column:
        return self._table[: self._rows, COLUMNS.index("time")]

    @property
    def seconds(self) -> Column:
        return self._table[: self._rows, _SECONDS]

    def refresh(self) -> bool:
        """Read what is new; says whether anything is. A log that was cut back or replaced is read from its start.

        A line without its end is left for later. Raises LogError with file and line number where a line is no event.
        """
        changed = False
        for chunk in self._reader.read():
            if chunk.is_start:
                self._clear()
            self._take(chunk)
            changed = True
        return changed

    def _take(self, chunk: LogChunk) -> None:
        rows, others = self._parse(chunk)
        self._append(rows)
        self._fold_in(rows, others, late=chunk.to_go < TAIL)

    @staticmethod
    def _parse(chunk: LogChunk) -> tuple[Rows, list[tuple[int, Event]]]:
        """The steps as rows, and the other events, each with the number of rows before it."""
        lines = chunk.lines
        is_step = [STEP in line for line in lines]
        rows = read_step_lines(list(compress(lines, is_step)))
        if rows is None:
            rows, is_step = no_rows(), [False] * len(lines)
        fast = 0
        odd: list[tuple[int, list[float]]] = []
        others: list[tuple[int, Event]] = []
        for number, known in enumerate(is_step):
            if known:
                fast += 1
                continue
            event = chunk.event(number)
            if isinstance(event, events.Step):
                odd.append((fast, [getattr(event, name) for name in COLUMNS]))
            else:
                others.append((fast + len(odd), event))
        if odd:
            rows = np.insert(rows, [at for at, _ in odd], np.array([row for _, row in odd]), axis=0)
        return rows, others

    def _append(self, rows: Rows) -> None:
        total = self._rows + len(rows)
        if total > len(self._table):
            table = np.empty((max(total, 2 * len(self._table)), len(COLUMNS) + 1), order="F")
            table[: self._rows] = self._table[: self._rows]
            self._table = table
        self._table[self._rows : total, :_SECONDS] = rows
        self._rows = total

    def _fold_in(self, rows: Rows, others: list[tuple[int, Event]], *, late: bool) -> None:
        first = self._rows - len(rows)
        timed = 0
        for before, event in self._told(rows, others, late=late):
            if self._origin is None:
                self._origin = event.time
            if isinstance(event, events.Resumed) and self.last is not None:
                self._time(rows, first, timed, before)
                timed = before
                self._origin += event.time - self.last.time
            self._keep(event)
        self._time(rows, first, timed, len(rows))

    def _time(self, rows: Rows, first: int, start: int, end: int) -> None:
        if self._origin is not None:
            times = rows[start:end, COLUMNS.index("time")]
            self._table[first + start : first + end, _SECONDS] = times - self._origin

    @staticmethod
    def _told(rows: Rows, others: list[tuple[int, Event]], *, late: bool) -> Iterator[tuple[int, Event]]:
        """The events that the folds need to hear of: late in the log all, before that no step that a step follows."""
        done = 0
        for before, event in [*others, (len(rows), None)]:
            for i in range(done if late else max(done, before - 1), before):
                step, at, loss, learning_rate, grad_norm, tokens = rows[i].tolist()
                yield (
                    i,
                    events.Step(
                        step=int(step),
                        time=at,
                        loss=loss,
                        learning_rate=learning_rate,
                        grad_norm=grad_norm,
                        tokens=int(tokens),
                    ),
                )
            done = before
            if event is not None:
                yield before, event

    def _keep(self, event: Event) -> None:
        self.last = event
        self.finished = None
        self.progress.add(event)
        self._fold.add(event)
        match event:
            case events.RunStarted():
                self.started = event
            case events.Evaluation():
                self.evaluations.append(event)
            case events.FinalTest():
                self.test = event
            case events.CharactersSaved():
                self.saved = event
            case events.Step():
                self.test = self.saved = None
            case events.Resumed():
                self.test = self.saved = None
                if event.after == "stop":
                    self.resumed.append(event)
            case events.Sample():
                self.samples.append(event)
            case events.SampleRates():
                self.rates.append(event)
            case events.Warned():
                self.warnings.append(event)
            case events.Changed():
                self.changes.append(event)
            case events.Checkpoint():
                self.checkpoints.append(event)
            case events.RunFinished():
                self.finished = event
