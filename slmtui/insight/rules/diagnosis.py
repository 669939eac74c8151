"""What is wrong with a run, and what to do next: pure rules over its events and what is known of its data.

    for finding in diagnose(run.events(), facts_of(dataset)): ...

`before_the_start` adds to it what is wrong with the data, from the first event alone (`run_started`). While a run goes
on, rules about its end keep silent. A healthy run gets nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from slmtui.insight.rules import learning, overfitting, size
from slmtui.insight.rules.data_facts import data_warnings, worst_first
from slmtui.insight.rules.finding import Finding
from slmtui.insight.rules.run_trace import RunTrace
from slmtui.training.data_record import DataFacts
from slmtui.training.events import Event, RunStarted, Warned

GOLDEN_LOWEST, GOLDEN_HIGHEST = 10, 100  # parameters per token

OF_SIZE = (
    size.repeated_files,
    size.leakage,
    size.tiny_validation,
    size.vocabulary,
    size.too_large,
)
OF_COURSE = (
    learning.diverged,
    learning.unstable,
    learning.little_learned,
    overfitting.overfitting,
    learning.stopped_too_early,
    overfitting.plateau,
    overfitting.wasted,
    learning.too_few_epochs,
    overfitting.too_many_epochs,
    overfitting.above_baseline,
)


def diagnose(happened: Iterable[Event], facts: DataFacts | None = None) -> list[Finding]:
    """The findings, the heaviest first. Without `run_started` among the events, none."""
    return findings_of(RunTrace(happened, facts))


def findings_of(trace: RunTrace) -> list[Finding]:
    """The same of a course that has been folded already."""
    if trace.started is None:
        return []
    rules = OF_SIZE + OF_COURSE if trace.evaluations or trace.broken_at is not None else OF_SIZE
    findings = [finding for rule in rules if (finding := rule(trace)) is not None]
    return sorted(findings, key=lambda finding: -finding.weight)


def before_the_start(started: RunStarted, facts: DataFacts) -> list[Warned]:
    """What is wrong with the data and with the size of the model, the worst first.

    What was said of the data is not said again by a rule of the same code.
    """
    said = data_warnings(facts, started.data.val_tokens)
    codes = {warning.code for warning in said}
    findings = findings_of(RunTrace([started], facts))
    return worst_first(said + [finding.warned(0) for finding in findings if finding.code not in codes])


@dataclass(frozen=True)
class HouseRule:
    """The golden rule of the published experiment. None of its phases kept it, and its gaps do not follow it."""

    parameters_per_token: float
    kept: bool
    sentence: str


def golden_rule(parameters: int, train_tokens: int) -> HouseRule:
    """10 to 100 parameters per training token: to be shown as a house rule, never as a fault."""
    ratio = parameters / train_tokens
    kept = GOLDEN_LOWEST <= ratio <= GOLDEN_HIGHEST
    return HouseRule(
        parameters_per_token=ratio,
        kept=kept,
        sentence=f"{ratio:,.0f} parameters per training token; the house rule of {GOLDEN_LOWEST} to {GOLDEN_HIGHEST} "
        + ("is kept" if kept else "is not kept, which by itself says little"),
    )
