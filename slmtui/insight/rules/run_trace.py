"""The trace of a run so far: a fold over its events that rules can ask questions of."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from typing import Any

from slmtui.config.phase import Phase
from slmtui.insight.rules.gap_class import GapClass
from slmtui.insight.rules.gate import BestEvaluation
from slmtui.training import events
from slmtui.training.data_record import DataFacts, DataRecord
from slmtui.training.events import Evaluation, Event, RunFinished, RunStarted, Step
from slmtui.training.gap import HANDFUL
from slmtui.training.spike import NEEDED, spiked
from slmtui.training.uniform import uniform_loss


class RunTrace:
    """What happened. Evaluations are the finite ones on schedule; `best` may also be one that a person asked for.

    `best` is the one that best.pt holds; with a mixture, the best of the mixture. Rules judge the network's own losses.
    """

    def __init__(self, happened: Iterable[Event] = ()) -> None:
        self.started: RunStarted | None = None
        self.finished: RunFinished | None = None
        self.evaluations: list[Evaluation] = []
        self.best_so_far = BestEvaluation()
        self.best_train: Evaluation | None = None  # the lowest train loss, of those on schedule
        self.since_best = 0  # evaluations
        self.gap_class = GapClass()  # after those evaluations at which something had been learned
        self.step_losses: deque[float] = deque(maxlen=NEEDED)
        self.learning_rate: float | None = None  # of the latest step
        self.top_rate = 0.0  # the highest learning rate of any step
        self.path = 0.0  # the sum of the learning rates of all its steps; those of its parent are not in its log
        self.last_step = 0  # of the steps
        self.is_spiking = False  # at the latest step
        self.first_spike: int | None = None
        self.broken_at: int | None = None  # the step at which a loss was not a number
        for event in happened:
            self.add(event)

    def add(self, event: Event) -> None:
        self.best_so_far.add(event)
        match event:
            case events.RunStarted():
                self.started = event
            case events.RunFinished():
                self.finished = event
            case events.Resumed(after="stop"):
                self.finished = None
            case events.Step():
                self._add_step(event)
            case events.Evaluation():
                self._add_evaluation(event)

    def _add_step(self, event: Step) -> None:
        self.step_losses.append(event.loss)
        self.learning_rate = event.learning_rate
        self.top_rate = max(self.top_rate, event.learning_rate)
        self.path += event.learning_rate * (event.step - self.last_step)  # of a long run not every step is logged
        self.last_step = event.step
        if not math.isfinite(event.loss):
            self.broken_at = event.step
        self.is_spiking = spiked(self.step_losses)
        if self.is_spiking and self.first_spike is None:
            self.first_spike = event.step

    def _add_evaluation(self, event: Evaluation) -> None:
        if not (math.isfinite(event.train_loss) and math.isfinite(event.val_loss)):
            self.broken_at = event.step
            return
        if not event.requested:
            self.evaluations.append(event)
            self.since_best += 1
            if self.best_train is None or event.train_loss < self.best_train.train_loss:
                self.best_train = event
        if event.best:
            self.since_best = 0
        if not event.requested and self.gap_counts:
            self.gap_class = self.gap_class.after(event.gap)

    @property
    def phase(self) -> dict[str, Any]:
        return self._start.phase

    def setting(self, section: str, key: str) -> Any:
        """What the phase has for a key; where an older log lacks it, the default."""
        return self.phase.get(section, {}).get(key, getattr(Phase.model_fields[section].default, key))

    @property
    def data(self) -> DataRecord:
        return self._start.data

    @property
    def parent(self) -> str | None:
        """The model that it started from, if it did not start with new weights."""
        return self._start.parent

    @property
    def facts(self) -> DataFacts | None:
        """What the log knows of the two sides; None where they were not compared."""
        return self.data.facts

    @property
    def parameters(self) -> dict[str, int]:
        """By part, and "total"."""
        return self._start.parameters

    @property
    def _start(self) -> RunStarted:
        assert self.started is not None, "a run's events begin with run_started"
        return self.started

    @property
    def n_vocab(self) -> int:
        return self.data.n_vocab

    @property
    def uniform_loss(self) -> float:
        """What a model that knows nothing has, in nats per token."""
        return uniform_loss(self.n_vocab)

    @property
    def best(self) -> Evaluation | None:
        """The one that best.pt holds."""
        return self.best_so_far.evaluation

    @property
    def has_learned(self) -> bool:
        """Whether the best model has learned something."""
        return self.best_so_far.has_learned

    @property
    def gap_counts(self) -> bool:
        """Whether the gap means anything: something was learned, and validation is more than a handful of tokens."""
        return self.has_learned and (self.started is None or self.data.val_tokens >= HANDFUL)

    @property
    def has_run_its_course(self) -> bool:
        """Whether it ended by itself or a person ended it; an interrupted run goes on some day."""
        return self.finished is not None and self.finished.reason in ("completed", "early stopping", "stopped")

    @property
    def is_guarded(self) -> bool:
        """Whether early stopping ended it, or will: a rise of val is then no fault of the run."""
        if self.finished is None:
            return bool(self.phase["early_stopping"]["patience"] > 0)
        return self.finished.reason == "early stopping"

    @property
    def is_low_enough(self) -> bool:
        """Whether the validation loss is as low as the phase wants it, so that there was no more to do."""
        target = self.setting("early_stopping", "target")
        return target is not None and self.best is not None and self.best.judged_loss <= target

    @property
    def rate(self) -> float:
        """The highest learning rate so far; the phase's, before there was a step."""
        return self.top_rate or float(self.phase["training"]["learning_rate"])

    @property
    def rate_has_fallen(self) -> bool:
        """Whether the schedule has taken the rate below a third, where losses hardly move any more."""
        return self.learning_rate is not None and self.learning_rate < self.top_rate / 3

    @property
    def body_per_token(self) -> float:
        """Parameters, embeddings left out, per training token."""
        return self.parameters["body"] / self.data.train_tokens

    def epochs_at(self, step: int) -> float:
        """How often the training text has been seen, on average."""
        return self._start.epochs_at(step)
