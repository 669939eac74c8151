"""What a report knows of a run: its folder, read once. Nothing of the clock, the machine or other processes gets in."""

from __future__ import annotations

from dataclasses import dataclass, field

from slmtui.config.phase import Phase
from slmtui.data.baseline import Baseline
from slmtui.insight.judging.examination import Examination, kept
from slmtui.insight.rules.gate import BestEvaluation
from slmtui.runs.run import Run, RunError
from slmtui.training import events
from slmtui.training.data_record import DataRecord
from slmtui.training.events import Evaluation, Event, RunFinished, RunStarted, Sample, SampleRates, Warned


@dataclass
class RunFacts:
    """A fold over a run's log. Losses are in nats per token."""

    run: Run
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
    test: events.FinalTest | None = None
    examination: Examination | None = None  # what `slmtui examine` found, if it was asked

    @property
    def name(self) -> str:
        return self.run.name

    @property
    def data(self) -> DataRecord:
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
        """Completed or stopped early, as its phase says."""
        return self.finished is not None and self.finished.as_meant

    @property
    def vocabulary(self) -> tuple[str, int, int]:
        """Equal for two runs on one validation text only if losses in nats per token may be compared."""
        return (self.data.tokenizer, self.data.n_vocab, self.data.val_tokens)

    @property
    def epochs(self) -> float:
        """How often the training text has been seen, on average."""
        return self.started.epochs_at(self.step)

    @property
    def baseline(self) -> Baseline | None:
        """The n-gram model's loss on the same validation text."""
        return self.data.baseline

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
    facts = RunFacts(run, run.phase(), run.phase_text(), started, happened, examination=kept(run))
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
            facts.finished = facts.test = None
        case events.FinalTest():
            facts.test = event
        case events.RunFinished():
            facts.finished = event
