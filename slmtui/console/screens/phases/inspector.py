"""What the Phases screen has found out about its phases, and the workers that find it out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from textual import on, work
from textual.message import Message
from textual.worker import get_current_worker

from slmtui.config.phase import Phase
from slmtui.console.screens.phases.files import PhaseFiles
from slmtui.console.workers.phase_facts import (
    data_key,
    find_glances,
    measure,
    memory_of_machine,
    read_facts,
    shape_key,
    speed_from_run,
)
from slmtui.insight.estimates import DatasetCounts, NoCounts, Speed

if TYPE_CHECKING:
    from slmtui.runs.preview import RunPreview


class PhaseInspector(PhaseFiles):
    class FactsFound(Message):
        def __init__(self, key: str, facts: DatasetCounts | NoCounts) -> None:
            super().__init__()
            self.key, self.facts = key, facts

    class RunsSeen(Message):
        def __init__(self, glances: dict[str, RunPreview]) -> None:
            super().__init__()
            self.glances = glances

    class Measured(Message):
        def __init__(self, phase: Phase, facts: DatasetCounts | NoCounts | None, speed: Speed | str) -> None:
            super().__init__()
            self.phase, self.facts, self.speed = phase, facts, speed

    def __init__(self) -> None:
        super().__init__()
        self.facts: dict[str, DatasetCounts | NoCounts] = {}
        self.speeds: dict[tuple[object, ...], Speed | str] = {}
        self.glances: dict[str, RunPreview] = {}
        self._seen: dict[str, tuple[int, RunPreview]] = {}
        self.memory_here = memory_of_machine()

    def show_list(self) -> None:
        raise NotImplementedError

    def show_meaning(self) -> None:
        raise NotImplementedError

    def facts_of(self, phase: Phase) -> DatasetCounts | NoCounts | None:
        return self.facts.get(data_key(phase))

    def speed_of(self, phase: Phase) -> Speed | str:
        """As measured here, else from the last run."""
        measured = self.speeds.get(shape_key(phase), "")
        if isinstance(measured, Speed):
            return replace(measured, total=measured.step * phase.training.max_iters)
        return measured or speed_from_run(phase, self.glances.get(phase.name)) or ""

    def verdict_of(self, phase: Phase) -> tuple[str, bool]:
        """The class of the newest run's gap, "" for none, and whether counting does better."""
        seen = self.glances.get(phase.name)
        return (seen.best.verdict, seen.above_baseline) if seen is not None and seen.best is not None else ("", False)

    def forget_faults(self) -> None:
        """What could not be read a while ago may be there now."""
        self.facts = {key: facts for key, facts in self.facts.items() if isinstance(facts, DatasetCounts)}

    def find_facts(self) -> None:
        """Read the datasets that are not known yet, the one that is looked at first."""
        drafts = [self.draft, *(self.drafts[path] for path in self.drafts.paths())]
        phases = [draft.phase for draft in drafts if draft is not None and draft.phase is not None]
        missing = {data_key(phase): phase for phase in phases if data_key(phase) not in self.facts}
        if missing:
            self._read_facts(list(missing.values()))

    def find_runs(self) -> None:
        names = {phase.name for path in self.drafts.paths() if (phase := self.drafts[path].phase) is not None}
        self._look_at_runs(names)

    @work(thread=True, exclusive=True, group="facts")
    def _read_facts(self, phases: list[Phase]) -> None:
        worker = get_current_worker()
        for phase in phases:
            if worker.is_cancelled:
                return
            self.post_message(self.FactsFound(data_key(phase), read_facts(phase)))

    @work(thread=True, exclusive=True, group="runs")
    def _look_at_runs(self, names: set[str]) -> None:
        self.post_message(self.RunsSeen(find_glances(self.host.checkpoints, names, self._seen)))

    @work(thread=True, exclusive=True, group="measure")
    def measure(self, phase: Phase) -> None:
        worker = get_current_worker()
        self.post_message(self.Measured(phase, None, "measuring …"))
        facts, speed = measure(phase, lambda: worker.is_cancelled or self.host.trainer.busy)
        self.post_message(self.Measured(phase, facts, speed))

    @on(FactsFound)
    def facts_found(self, event: FactsFound) -> None:
        self.facts[event.key] = event.facts
        self.show_list()
        self.show_meaning()

    @on(RunsSeen)
    def runs_seen(self, event: RunsSeen) -> None:
        self.glances = event.glances
        self.show_list()
        self.show_meaning()

    @on(Measured)
    def measured(self, event: Measured) -> None:
        if event.facts is not None:
            self.facts[data_key(event.phase)] = event.facts
        self.speeds[shape_key(event.phase)] = event.speed
        self.show_list()
        self.show_meaning()
