"""What a report knows of a run: its folder, read once. Nothing of the clock, the machine or other processes gets in."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from slmtui.config.phase import Phase
from slmtui.errors import UserError
from slmtui.insight.judging.examination import kept
from slmtui.insight.rules.gate import BestEvaluation
from slmtui.runs.run import Run, RunError
from slmtui.training import events
from slmtui.training.events import Evaluation, Event, RunFinished, RunStarted, Sample, SampleRates, Warned
from slmtui.training.gap import bits_per_byte


@dataclass(frozen=True)
class Baseline:
    """The n-gram model's loss on the same validation text."""

    order: int
    loss: float  # nats per token
    bits_per_byte: float
    unigram: float | None  # of frequencies alone, on that text
    note: str  # what was left out of a large corpus

    @property
    def name(self) -> str:
        return f"{self.order}-gram"


@dataclass
class RunFacts:
    """A fold over a run's log. Losses are in nats per token."""

    name: str
    phase: Phase
    phase_text: str  # of the frozen phase.toml
    started: RunStarted
    happened: list[Event]
    evaluations: list[Evaluation] = field(default_factory=list)
    step_losses: list[tuple[int, float]] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)  # those of the last step that has any
    rates: list[SampleRates] = field(default_factory=list)
    judged: BestEvaluation = field(default_factory=BestEvaluation)  # what the gate judges
    warnings: list[Warned] = field(default_factory=list)
    changes: list[events.Changed] = field(default_factory=list)
    resumed: list[int] = field(default_factory=list)  # steps at which another process went on
    finished: RunFinished | None = None
    examination: dict[str, Any] | None = None  # what `slmtui examine` found, if it was asked

    @property
    def data(self) -> dict[str, Any]:
        return self.started.data

    @property
    def best(self) -> Evaluation | None:
        return self.judged.evaluation

    @property
    def step(self) -> int:
        return self.happened[-1].step

    @property
    def max_iters(self) -> int:
        return self.phase.training.max_iters

    @property
    def last(self) -> Evaluation | None:
        return self.evaluations[-1] if self.evaluations else None

    @property
    def is_over(self) -> bool:
        """Completed or stopped early: nothing is left to do."""
        return self.finished is not None and self.finished.reason in ("completed", "early stopping")

    @property
    def vocabulary(self) -> tuple[str, int, int]:
        """Equal for two runs on one validation text only if losses in nats per token may be compared."""
        return (str(self.data["tokenizer"]), int(self.data["n_vocab"]), int(self.data["val_tokens"]))

    @property
    def epochs(self) -> float:
        """How often the training text has been seen, on average."""
        settings = self.phase.training
        tokens = self.step * settings.batch_size * self.phase.model.block_size
        return tokens / max(1, int(self.data["train_tokens"]))

    @property
    def baseline(self) -> Baseline | None:
        loss, order = _real(self.data.get("baseline")), _real(self.data.get("baseline_order"))
        if loss is None or order is None:
            return None
        bits = bits_per_byte(loss, self.data["val_tokens"], self.data["val_bytes"])
        note = self.data.get("baseline_note")
        return Baseline(
            int(order), loss, bits, _real(self.data.get("baseline_unigram")), note if isinstance(note, str) else ""
        )

    @property
    def leakage(self) -> dict[str, Any] | None:
        """What the log says about text that both sides of the split have; None in logs that know nothing of it."""
        return self.data if _real(self.data.get("repeated_share")) is not None else None

    @property
    def rose_after_best(self) -> float:
        """By how much the last validation loss lies above the best, the mixture's where there is one."""
        return 0.0 if self.best is None or self.last is None else self.last.judged_loss - self.best.judged_loss

    @property
    def is_mixed(self) -> bool:
        """Whether it predicts with an n-gram model mixed in."""
        return self.best is not None and self.best.mixed_loss is not None


def read_facts(run: Run) -> RunFacts:
    """RunError, in one sentence, for a run that nothing can be reported on."""
    try:
        happened = list(run.events())
    except FileNotFoundError:
        raise RunError(f"{run.name} has no log yet, so there is nothing to report") from None
    except ValueError as error:
        raise RunError(f"{run.name} cannot be reported on: {error}") from None
    if not happened or not isinstance(happened[0], RunStarted):
        raise RunError(f"{run.name}: its log does not begin with run_started, so there is nothing to report")
    started = happened[0]
    missing = [key for key in ("train_tokens", "val_tokens", "val_bytes", "n_vocab", "tokenizer", "val_text")
               if key not in started.data]  # fmt: skip
    if missing or "total" not in started.parameters:
        raise RunError(f"{run.name}: run_started does not say {', '.join(missing) or 'how many parameters there are'}")
    try:
        text = run.phase_file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{run.phase_file}: cannot be read ({error})") from None
    facts = RunFacts(run.name, run.phase(), text, started, happened, examination=kept(run))
    for event in happened:
        _add(facts, event)
    return facts


def _add(facts: RunFacts, event: Event) -> None:
    facts.judged.add(event)
    match event:
        case events.Step():
            facts.step_losses.append((event.step, event.loss))
        case events.Evaluation():
            facts.evaluations.append(event)
        case events.Sample():
            if facts.samples and facts.samples[-1].step != event.step:
                facts.samples.clear()
            facts.samples.append(event)
        case events.SampleRates():
            facts.rates.append(event)
        case events.Warned():
            facts.warnings.append(event)
        case events.Changed():
            facts.changes.append(event)
        case events.Resumed(after="stop"):
            facts.resumed.append(event.step)
            facts.finished = None
        case events.RunFinished():
            facts.finished = event


def _real(value: object) -> float | None:
    """A finite number, or None for whatever else a log may hold."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
