"""What is wrong with a run, and what to do next: the table's rules, asked of its events.

    for finding in diagnose(run.events()): ...

The first event, `run_started`, says what the data is: `before_the_start` judges it and the size from that alone.
`while_it_trains` speaks in the course of a run; rules about its end keep silent then. A healthy run gets nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from slmtui.insight.rules.rule import Evidence, Moment, Rule
from slmtui.insight.rules.run_trace import RunTrace
from slmtui.insight.rules.table import RULES
from slmtui.training.events import Event, Finding, RunFinished, RunStarted, Warned

ORDER = {"serious": 0, "warning": 1, "note": 2}


def diagnose(happened: Iterable[Event]) -> list[Finding]:
    """The findings, the heaviest first. Without `run_started` among the events, none."""
    return findings_of(RunTrace(happened))


def findings_of(trace: RunTrace) -> list[Finding]:
    """The same of a run that has been folded already."""
    if trace.started is None:
        return []
    found: dict[str, Finding] = {}
    for rule, evidence in _that_apply("diagnosis", trace):
        found.setdefault(rule.code, rule.finding(trace, evidence))
    return sorted(found.values(), key=lambda finding: -finding.weight)


def findings_in(warnings: Sequence[Warned], end: RunFinished | None) -> list[Finding] | None:
    """What a run's log says is wrong with it, the heaviest first, so that it need not be judged again.

    None for a run that was not summed up: it goes on, or its log is older than that.
    """
    if end is None or end.findings is None:
        return None
    said = [one.finding for one in warnings if one.of_the_run and one.finding is not None]
    return list(reversed(said[len(said) - end.findings :]))


def before_the_start(started: RunStarted) -> list[Warned]:
    """What is wrong with the data and with the size of the model, the worst first."""
    trace = RunTrace([started])
    said = [rule.warned(trace, evidence, 0) for rule, evidence in _that_apply("start", trace)]
    return sorted(said, key=lambda warning: ORDER[warning.level])


Said = dict[tuple[str, Moment], object]  # by code: the state of things when it was said last


def while_it_trains(moment: Moment, trace: RunTrace, step: int, said: Said) -> list[Warned]:
    """What there is to say after a step or an evaluation; `said` is kept up to date."""
    warnings: list[Warned] = []
    for rule in RULES:
        if moment in rule.when and (rule.code, moment) in said and rule.over(trace):
            del said[rule.code, moment]
    for rule, evidence in _that_apply(moment, trace):
        if said.get((rule.code, moment)) != evidence.state:
            said[rule.code, moment] = evidence.state
            warnings.append(rule.warned(trace, evidence, step))
    return warnings


def _that_apply(moment: Moment, trace: RunTrace) -> Iterator[tuple[Rule, Evidence]]:
    """Rules about the training itself are asked once there is something to judge."""
    begun = bool(trace.evaluations) or trace.broken_at is not None or moment == "step"
    for rule in RULES:
        if moment in rule.when and (begun or "start" in rule.when):
            evidence = rule.applies(trace)
            if evidence is not None:
                yield rule, evidence
