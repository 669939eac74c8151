"""What a rule is: a condition on a run so far, and what is said of it while it trains and at its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from slmtui.insight.rules.advice import Advice
from slmtui.insight.rules.run_trace import RunTrace
from slmtui.insight.rules.sources import HOUSE
from slmtui.training.events import Confidence, Finding, Warned, level_of

# start: before the first step, from the data and the size alone; step, evaluation: while it trains, after each;
# diagnosis: of a whole run, at its end or whenever it is asked for.
Moment = Literal["start", "step", "evaluation", "diagnosis"]
START: frozenset[Moment] = frozenset({"start"})
ALWAYS: frozenset[Moment] = frozenset({"start", "diagnosis"})  # of the data and the size
STEP: frozenset[Moment] = frozenset({"step"})
EVALUATION: frozenset[Moment] = frozenset({"evaluation"})
ANYWHERE: frozenset[Moment] = frozenset({"step", "evaluation", "diagnosis"})
EVALUATION_AND_END: frozenset[Moment] = frozenset({"evaluation", "diagnosis"})
END: frozenset[Moment] = frozenset({"diagnosis"})


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """That a rule applies, and on what grounds.

    values: the numbers that the rule's words name. number: what it rests on, in the unit that its evidence names.
    step: to go back to, or where it happened. confidence: where it depends on the numbers. state: it is said again in
    the course of a run only when this has changed.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    number: float | None = None
    step: int | None = None
    confidence: Confidence | None = None
    state: object = True


def never(_: RunTrace) -> bool:
    return False


@dataclass(frozen=True, kw_only=True)
class Live:
    """What is said while a run trains, or before it starts."""

    message: str  # one sentence with its numbers
    advice: Advice


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What is said of a whole run."""

    title: str  # some words
    evidence: str  # one sentence with its numbers
    remedy: Advice  # one sentence


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Words are templates for `str.format` with the evidence's values.

    weight: 0 to 1, which decides the order and the level (0.9 serious, 0.5 a warning, else a note), so that the level
    is the same while a run trains and at its end; where it depends on the numbers, a function of the evidence's values.
    live: None, if the words of the diagnosis do for that, too. diagnosis: None, if it is never of a whole run.
    over: when it may be said again although nothing else has changed.
    """

    code: str
    when: frozenset[Moment]
    applies: Callable[[RunTrace], Evidence | None]
    weight: float | Callable[[Mapping[str, Any]], float]
    live: Live | None = None
    diagnosis: Diagnosis | None = None
    confidence: Confidence = "high"
    source: str = HOUSE
    over: Callable[[RunTrace], bool] = never

    def finding(self, trace: RunTrace, found: Evidence) -> Finding:
        assert self.diagnosis is not None, f"{self.code}: a rule that is asked of a whole run has a diagnosis"
        words = self.diagnosis
        return Finding(
            code=self.code,
            title=words.title.format_map(found.values),
            evidence=words.evidence.format_map(found.values),
            remedy=words.remedy.text(trace, found.values),
            confidence=found.confidence or self.confidence,
            weight=self._weight(found),
            step=found.step,
            number=found.number,
            source=self.source,
        )

    def warned(self, trace: RunTrace, found: Evidence, step: int) -> Warned:
        """What is said at this step, in the words for a run that goes on."""
        if self.live is None:
            return as_warning(self.finding(trace, found), step)
        return Warned(
            step=step,
            code=self.code,
            level=level_of(self._weight(found)),
            message=self.live.message.format_map(found.values),
            advice=self.live.advice.text(trace, found.values),
        )

    def _weight(self, found: Evidence) -> float:
        return self.weight(found.values) if callable(self.weight) else self.weight


def as_warning(finding: Finding, step: int, *, of_the_run: bool = False) -> Warned:
    """A finding as an event of a run's log; one of the whole run can be read back from it."""
    message = f"{finding.title}: {finding.evidence} (confidence: {finding.confidence})"
    return Warned(
        step=step, code=finding.code, level=finding.level, message=message, advice=finding.remedy,
        of_the_run=of_the_run, finding=finding if of_the_run else None,
    )  # fmt: skip
