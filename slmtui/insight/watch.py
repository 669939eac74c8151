"""Watching a training: its events pass through unchanged, samples get their judgement, and warnings are put in.

    for event in watch(train(training), dataset, history): ...

Each warning follows the event that it is about, and is said once until things change. What is said depends on the
events alone, so a run that is taken up again (`history`: its events so far) says what an undisturbed one says.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

from slmtui.config.phase import GateSection
from slmtui.data.dataset import Dataset
from slmtui.data.split_stats import dataset_baseline
from slmtui.insight.judging.quality import Judge, rates
from slmtui.insight.rules import live
from slmtui.insight.rules.data_facts import facts_of
from slmtui.insight.rules.diagnosis import before_the_start, findings_of
from slmtui.insight.rules.gap_class import LIMITS, GapClass
from slmtui.insight.rules.gate import BestEvaluation, limits_in_words
from slmtui.insight.rules.run_trace import RunTrace
from slmtui.training import events
from slmtui.training.events import Evaluation, Event, RunFinished, Warned

GATE = "this run fails in CI; do what the diagnosis says, or change [gate] if it asks too much"
LEAST_NEGATIVE_CLASS = 1  # but a negative gap is, from 0.5 on


def watch(stream: Iterable[Event], dataset: Dataset, history: Iterable[Event] = ()) -> Iterator[Event]:
    """Pass events on as they come; the first one gets what is known of the data, baseline and leakage included.

    The corpus is read again for its copies and words only when there is a first sample.
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
        said: list[Warned] = []
        if isinstance(event, events.RunStarted):
            facts = facts_of(dataset, dataset_baseline(dataset))
            event = dataclasses.replace(event, data=dataclasses.replace(event.data, facts=facts))
            said = before_the_start(event, facts)
        if isinstance(event, events.RunFinished):
            yield from watcher.sum_up(event)
        yield event
        watcher_says = watcher.add(event)
        yield from said
        yield from watcher_says


class Watcher:
    """The warnings that follow from a run's events. Warnings among the events are passed over."""

    def __init__(self, history: Iterable[Event] = ()) -> None:
        self.trace = RunTrace()
        self.best = BestEvaluation()
        self.gap = GapClass()
        self.said: dict[str, object] = {}  # by code: the state of things when it was said last
        for event in history:
            self.add(event)

    def add(self, event: Event) -> list[Warned]:
        """What there is to say after this event."""
        was_broken = self.trace.broken_at is not None
        self.trace.add(event)
        self.best.add(event)
        if isinstance(event, events.RunStarted):
            self.trace.facts = event.data.facts
        if self.trace.broken_at is not None:
            return [] if was_broken else [live.not_a_number(self.trace)]
        match event:
            case events.Step() if self.trace.is_spiking:
                return self._once(live.spike(self.trace, event), True)
            case events.Step():
                self.said.pop("spike", None)
            case events.Evaluation(requested=False):
                return self._after_evaluation(event)
        return []

    def sum_up(self, end: RunFinished) -> Iterator[Warned]:
        """The diagnosis of the whole run, the heaviest finding last, and what the gate says; none if it will go on."""
        if end.reason == "interrupted" or self.trace.started is None:
            return
        self.trace.add(end)
        for finding in reversed(findings_of(self.trace)):
            yield finding.warned(end.step, of_the_run=True)
        if self.trace.is_over:
            gate = GateSection.model_validate(self.trace.phase.get("gate", {}))
            for kept, sentence in limits_in_words(gate, self.best):
                if not kept:
                    yield Warned(
                        step=end.step, code="gate", level="serious", message=sentence, advice=GATE, of_the_run=True
                    )

    def _after_evaluation(self, event: Evaluation) -> list[Warned]:
        trace = self.trace
        found: list[Warned] = []
        if event.train_loss > trace.uniform_loss + live.EXPLODED:
            found += self._once(live.exploded(trace, event), True)
        if not trace.has_learned or trace.best is None or trace.best_train is None:
            return found
        found += self._gap(event)
        if live.train_rises(trace):
            found += self._once(live.unstable(trace), trace.best_train.step)
        if live.val_rises(trace):
            found += self._once(live.rising(trace), trace.best.step)
        if live.is_wasted(trace):
            found += self._once(live.wasted(trace), trace.best.step)
        if live.progress(trace) < live.PROGRESS and abs(event.gap) < LIMITS[1]:
            found += self._once(live.plateau(trace), True)
        elif live.progress(trace) > 2 * live.PROGRESS:
            self.said.pop("plateau", None)
        return found

    def _gap(self, event: Evaluation) -> list[Warned]:
        self.gap = self.gap.after(event.gap)
        least = live.LEAST_CLASS if event.gap > 0 else LEAST_NEGATIVE_CLASS
        if self.gap.current >= least:
            return self._once(live.gap(self.trace, event, self.gap), (self.gap.current, event.gap > 0))
        self.said.pop("gap", None)
        return []

    def _once(self, warning: Warned, state: object) -> list[Warned]:
        """The warning, unless it was given before and the state of things has not changed since."""
        if self.said.get(warning.code) == state:
            return []
        self.said[warning.code] = state
        return [warning]
