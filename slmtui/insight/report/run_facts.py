"""What a report knows of a run: its folder and its tags, read once.

Nothing of the clock, the machine or other processes gets in.
"""

from __future__ import annotations

from dataclasses import dataclass

from slmtui.config.phase import Phase
from slmtui.data.baseline import Bar, Baseline
from slmtui.insight.judging.examination import Examination, kept
from slmtui.insight.rules.diagnosis import diagnose, findings_in
from slmtui.insight.rules.gate import BestEvaluation
from slmtui.runs.history import RunHistory
from slmtui.runs.run import Run, RunError
from slmtui.runs.tags import read_tags
from slmtui.training import events
from slmtui.training.data_record import DataRecord
from slmtui.training.events import Evaluation, Finding, RunFinished, RunStarted, Sample, SampleRates, Warned


@dataclass(frozen=True)
class RunFacts:
    """A run's history, and what it is worth. Losses are in nats per token."""

    history: RunHistory
    phase: Phase
    phase_text: str  # of the frozen phase.toml
    started: RunStarted
    best_so_far: BestEvaluation  # what the gate judges
    findings: list[Finding]  # the heaviest first
    examination: Examination | None  # what `slmtui examine` found, if it was asked
    tags: tuple[str, ...]
    note: str  # what a person noted of it

    @property
    def run(self) -> Run:
        return self.history.run

    @property
    def name(self) -> str:
        return self.run.name

    @property
    def data(self) -> DataRecord:
        return self.started.data

    @property
    def evaluations(self) -> list[Evaluation]:
        return self.history.evaluations

    @property
    def samples(self) -> list[Sample]:
        """Those of the last step that has any."""
        found = self.history.samples
        return [sample for sample in found if sample.step == found[-1].step]

    @property
    def rates(self) -> list[SampleRates]:
        return self.history.rates

    @property
    def warnings(self) -> list[Warned]:
        return self.history.warnings

    @property
    def changes(self) -> list[events.Changed]:
        return self.history.changes

    @property
    def resumed(self) -> list[events.Resumed]:
        """Where another process went on."""
        return self.history.resumed

    @property
    def finished(self) -> RunFinished | None:
        return self.history.finished

    @property
    def test(self) -> events.FinalTest | None:
        """The one look at the test side, at the end."""
        return self.history.test

    @property
    def best(self) -> Evaluation | None:
        return self.best_so_far.evaluation

    @property
    def step(self) -> int:
        return self.history.progress.step

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
    def epochs(self) -> float:
        """How often the training text has been seen, on average."""
        return self.started.epochs_at(self.step)

    @property
    def baseline(self) -> Baseline | None:
        """What counting reaches on the same validation text."""
        return self.data.baseline

    @property
    def bar(self) -> Bar | None:
        """The best counting that is static, as the network's validation loss is."""
        return None if self.baseline is None else self.baseline.static

    @property
    def inherited(self) -> Evaluation | None:
        """The evaluation of the weights that it started with, where another training had made them."""
        return self.best_so_far.inherited

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
    history = RunHistory(run)
    try:
        history.refresh()
        findings = findings_in(history.warnings, history.finished)
        if findings is None:
            findings = diagnose(run.events()) if history.last is not None else []
    except (ValueError, FileNotFoundError) as error:  # the latter: just removed
        raise RunError(f"{run.name} cannot be reported on: {error}") from None
    if history.last is None:
        raise RunError(f"{run.name} has no log yet, so there is nothing to report")
    if history.started is None:
        raise RunError(f"{run.name}: its log does not begin with run_started, so there is nothing to report")
    tags = read_tags(run.folder.parent)
    return RunFacts(
        history,
        run.phase(),
        run.phase_text(),
        history.started,
        BestEvaluation.of(
            [history.started, *history.evaluations, *history.rates, *([history.saved] if history.saved else [])]
        ),
        findings,
        kept(run),
        tags.of(run.name),
        tags.note(run.name),
    )
