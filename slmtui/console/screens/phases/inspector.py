"""What the Phases screen has found out about its phases, and the workers that find it out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from slmtui.config.phase import Phase
from slmtui.console.base import ConsoleScreen
from slmtui.console.workers.phase_facts import (
    data_key,
    find_best,
    find_previews,
    measure,
    read_counts,
    seconds_limited,
    shape_key,
    speed_from_run,
)
from slmtui.console.workers.rhythm import Rhythm
from slmtui.insight.estimates import (
    DatasetCounts,
    NoCounts,
    Speed,
    known_vocabulary,
    memory_needed,
    memory_of_machine,
    settled,
)

if TYPE_CHECKING:
    from slmtui.runs.preview import RunPreview
    from slmtui.runs.summary import RunSummary


class PhaseInspector:
    """What is known of the datasets, the speed and the newest runs of phases; `changed` is called when more is.

    Of each, one thread at a time finds out: a thread that is no longer wanted would go on beside its successor.
    """

    def __init__(self, screen: ConsoleScreen, changed: Callable[[], None]) -> None:
        self._screen, self._changed = screen, changed
        self._facts: dict[str, DatasetCounts | NoCounts] = {}
        self._speeds: dict[tuple[object, ...], Speed | str] = {}
        self._previews: dict[str, RunPreview] = {}  # of the newest run of each phase
        self._seen: dict[str, tuple[int, RunPreview]] = {}
        self._summed: dict[str, tuple[int, RunSummary]] = {}
        self._wanted: dict[str, Phase] = {}  # by data_key: whose datasets are to be read next
        self._reading = False
        self._looks = Rhythm(0.0)  # at the runs; the screen makes the pauses
        self._measured: Phase | None = None  # whose steps are timed, or are as soon as another's are given up
        self.best: RunSummary | None = None  # the best run of the project, with its phase
        self.runs_known = False
        self.memory_here = memory_of_machine()

    def counts_of(self, phase: Phase) -> DatasetCounts | NoCounts | None:
        return self._facts.get(data_key(phase))

    def vocabulary_of(self, phase: Phase) -> int | None:
        known = known_vocabulary(phase)
        return known if known is not None else getattr(self.counts_of(phase), "n_vocab", None)

    def memory_of(self, phase: Phase) -> int:
        """Bytes that training takes, estimated from what is known so far; 0 where the vocabulary is not."""
        n_vocab, counts = self.vocabulary_of(phase), self.counts_of(phase)
        if n_vocab is None:
            return 0
        train_tokens = counts.train_tokens if isinstance(counts, DatasetCounts) else 0
        return sum(memory_needed(settled(phase, counts), n_vocab, train_tokens).values())

    def speed_of(self, phase: Phase) -> Speed | str:
        """As measured here, else from the last run."""
        measured = self._speeds.get(shape_key(phase), "")
        if isinstance(measured, Speed):
            return replace(measured, total=seconds_limited(phase, measured.step * phase.training.max_iters))
        return measured or speed_from_run(phase, self._previews.get(phase.name)) or ""

    def verdict_of(self, phase: Phase) -> tuple[str, bool]:
        """The class of the newest run's gap, "" for none, and whether counting does better."""
        seen = self._previews.get(phase.name)
        return (seen.best.verdict, seen.above_baseline) if seen is not None and seen.best is not None else ("", False)

    def forget_faults(self) -> None:
        """What could not be read a while ago may be there now."""
        self._facts = {key: facts for key, facts in self._facts.items() if isinstance(facts, DatasetCounts)}

    def find_facts(self, phases: Iterable[Phase]) -> None:
        """Read the datasets that are not known yet, in this order, instead of those that were to be read before."""
        self._wanted = {data_key(phase): phase for phase in phases if data_key(phase) not in self._facts}
        if not self._reading:
            self._read_next()

    def _read_next(self) -> None:
        self._reading = bool(self._wanted)
        if not self._reading:
            return
        key, checkpoints = next(iter(self._wanted)), self._screen.host.checkpoints
        phase = self._wanted.pop(key)

        def read() -> None:
            try:
                self._screen.call_later(self._take_facts, key, read_counts(phase, checkpoints))
            finally:
                self._screen.call_later(self._read_next)

        self._screen.run_worker(read, thread=True, group="facts")

    def find_runs(self, names: set[str]) -> None:
        """Look at the newest run of each of these phases, unless the last look is not over yet."""
        checkpoints = self._screen.host.checkpoints

        def look() -> None:
            with self._looks.look():
                seen, best = find_previews(checkpoints, names, self._seen), find_best(checkpoints, self._summed)
            self._screen.call_later(self._take_runs, seen, best)

        if self._looks.begin():
            self._screen.run_worker(look, thread=True, group="runs")

    def measure(self, phase: Phase) -> None:
        """Read the dataset, and train a few steps to see how long they take; another measurement is given up for it."""
        before = self._measured
        if before is not None and shape_key(before) == shape_key(phase):
            return  # it is being measured
        self._measured = phase
        if before is not None:
            self._speeds.pop(shape_key(before), None)  # as if it had not been asked for
        self._take_speed(phase, None, "measuring …")
        if before is None:
            self._measure(phase)

    def _measure(self, phase: Phase) -> None:
        trainer, checkpoints = self._screen.host.trainer, self._screen.host.checkpoints

        def run() -> None:
            facts: DatasetCounts | NoCounts | None = None
            speed: Speed | str = ""
            try:
                facts, speed = measure(phase, lambda: self._measured is not phase or trainer.busy, checkpoints)
            finally:
                self._screen.call_later(self._take_measured, phase, facts, speed)

        self._screen.run_worker(run, thread=True, group="measure")

    def _take_measured(self, phase: Phase, facts: DatasetCounts | NoCounts | None, speed: Speed | str) -> None:
        wanted, self._measured = self._measured, None
        if wanted is None or wanted is phase:
            self._take_speed(phase, facts, speed)
            return
        if facts is not None:
            self._facts[data_key(phase)] = facts
        self._measured = wanted
        self._measure(wanted)

    def _take_facts(self, key: str, facts: DatasetCounts | NoCounts) -> None:
        self._facts[key] = facts
        self._wanted.pop(key, None)
        self._changed()

    def _take_runs(self, previews: dict[str, RunPreview], best: RunSummary | None) -> None:
        self._previews, self.best, self.runs_known = previews, best, True
        self._changed()

    def _take_speed(self, phase: Phase, facts: DatasetCounts | NoCounts | None, speed: Speed | str) -> None:
        if facts is not None:
            self._facts[data_key(phase)] = facts
        self._speeds[shape_key(phase)] = speed
        self._changed()
