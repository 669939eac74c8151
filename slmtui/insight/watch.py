"""Watching a training: samples get their judgement, evaluations the class of their gap, and warnings are put in.

    for event in watch(train(training), dataset, history): ...

Each warning follows the event that it is about, and is said once until things change. What is said depends on the
events alone, so a run that is taken up again (`history`: its events so far) says what an undisturbed one says.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator

from slmtui.config.gate_section import GateSection
from slmtui.data.baseline import Baseline
from slmtui.data.dataset import Dataset
from slmtui.data.split_stats import whole_baseline
from slmtui.insight.judging.quality import Judge, rates
from slmtui.insight.rules.data_facts import facts_of
from slmtui.insight.rules.diagnosis import Said, before_the_start, findings_of, while_it_trains
from slmtui.insight.rules.gate import Limit, limits_in_words
from slmtui.insight.rules.rule import as_warning
from slmtui.insight.rules.run_trace import RunTrace
from slmtui.training import events
from slmtui.training.events import Event, RunFinished, Warned
from slmtui.training.gap import with_class

GATE = "this run fails in CI; do what the diagnosis says, or change [gate] if it asks too much"


def watch(
    stream: Iterable[Event],
    dataset: Dataset,
    history: Iterable[Event] = (),
    baseline: Callable[[], Baseline | None] | None = None,
) -> Iterator[Event]:
    """Pass events on as they come; the first one gets what is known of the data, baseline and leakage included, and
    the gaps of evaluations the class that they deserve beside that baseline.

    history: those before. baseline: asked for once, when the training begins; None: it is measured then. The corpus is
    read again for its copies and words only when there is a first sample.
    """
    watcher = Watcher(history)
    judge: Judge | None = None
    for event in stream:
        if isinstance(event, events.Sample) and event.judgement is None:
            judge = judge or Judge.build(dataset)
            event = dataclasses.replace(event, judgement=judge(event.prompt, event.text).to_dict())
        if isinstance(event, events.SampleRates) and event.completions:
            judge = judge or Judge.build(dataset)
            found = rates(judge(prompt, text) for prompt, text in event.completions)
            event = dataclasses.replace(event, completions=[], **dataclasses.asdict(found))
        if isinstance(event, events.Evaluation) and watcher.trace.started is not None:
            event = with_class(event, watcher.trace.started)
        said: list[Warned] = []
        if isinstance(event, events.RunStarted):
            facts = facts_of(dataset, whole_baseline(dataset) if baseline is None else baseline())
            event = dataclasses.replace(event, data=dataclasses.replace(event.data, facts=facts))
            said = before_the_start(event)
        if isinstance(event, events.RunFinished) and event.reason != "interrupted":
            summed_up = watcher.sum_up(event)
            yield from summed_up
            failed = [limit.key for limit in watcher.limits if not limit.kept] if watcher.limits else None
            n_findings = sum(one.finding is not None for one in summed_up)
            event = dataclasses.replace(event, findings=n_findings, gate_failed=failed)
        yield event
        watcher_says = watcher.add(event)
        yield from said
        yield from watcher_says


class Watcher:
    """The warnings that follow from a run's events. Warnings among the events are passed over."""

    def __init__(self, history: Iterable[Event] = ()) -> None:
        self.trace = RunTrace()
        self.said: Said = {}
        self.limits: list[Limit] = []  # of the gate, once the run is over
        for event in history:
            self.add(event)

    def add(self, event: Event) -> list[Warned]:
        """What there is to say after this event."""
        was_broken = self.trace.broken_at is not None
        self.trace.add(event)
        match event:
            case events.Step() if not was_broken:
                return while_it_trains("step", self.trace, event.step, self.said)
            case events.Evaluation() if not was_broken and (self.trace.broken_at is not None or not event.requested):
                return while_it_trains("evaluation", self.trace, event.step, self.said)
        return []

    def sum_up(self, end: RunFinished) -> list[Warned]:
        """The diagnosis of the whole run, the heaviest finding last, and what the gate says. For a run that is over."""
        self.trace.add(end)
        said = [as_warning(finding, end.step, of_the_run=True) for finding in reversed(findings_of(self.trace))]
        if self.trace.started is None or not self.trace.has_run_its_course:
            return said
        gate = GateSection.model_validate(self.trace.phase.get("gate", {}))
        self.limits = limits_in_words(gate, self.trace.best_so_far)
        return said + [
            Warned(step=end.step, code="gate", level="serious", message=limit.sentence, advice=GATE, of_the_run=True)
            for limit in self.limits
            if not limit.kept
        ]
