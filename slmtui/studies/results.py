"""What has become of each trial of a study, and what its trials tell together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from slmtui.config.phase import Phase
from slmtui.config.study import Cell, Study, Trial
from slmtui.runs.run import Run
from slmtui.runs.summary import RunSummary
from slmtui.studies.statistics import Comparison, Estimate, compare, estimate, flattery, level_for
from slmtui.training import events

Status = Literal["queued", "running", "stopped", "done", "failed"]
_OF_THE_SIDES = {
    "dataset_size", "validation", "validation_size", "test", "test_fraction", "train_fraction", "split", "patterns"
}  # fmt: skip


@dataclass(frozen=True)
class TrialResult:
    """A trial, and the run that it became. Losses in bits per byte, of who predicts with the best model."""

    trial: Trial
    run: Run | None = None
    status: Status = "queued"
    summary: RunSummary | None = None
    blocks: events.BlockLosses | None = None
    labels: dict[str, int] = field(default_factory=dict)  # of the samples at the best evaluation
    evaluations: tuple[tuple[int, float], ...] = ()  # (step, bits per byte) of who predicts
    test: events.FinalTest | None = None
    last_gap: float | None = None  # at the last evaluation, in nats per token

    @property
    def step(self) -> int:
        return self.summary.step if self.summary is not None else 0

    def best_until(self, step: int) -> float | None:
        """The lowest loss up to a step, in bits per byte; None before the first evaluation."""
        return min((bits for at, bits in self.evaluations if at <= step), default=None)

    @property
    def bits_per_byte(self) -> float | None:
        return self.summary.judged_bits_per_byte if self.summary is not None else None


@dataclass(frozen=True)
class CellResult:
    cell: Cell
    trials: tuple[TrialResult, ...]

    @cached_property
    def measured(self) -> list[TrialResult]:
        """The trials that came to their end, on the text that most of them had; of a tie, that of the last."""
        return [result for result in self._done if _text(result) == self._usual_text]

    @property
    def on_other_text(self) -> list[TrialResult]:
        """The trials that came to their end and count nowhere: the corpus has changed before or after them."""
        return [result for result in self._done if _text(result) != self._usual_text]

    @cached_property
    def _usual_text(self) -> str:
        return _usual(map(_text, self._done))

    @property
    def _done(self) -> list[TrialResult]:
        return [result for result in self.trials if result.blocks is not None and result.status == "done"]

    @cached_property
    def curves(self) -> tuple[list[int], list[list[float]]]:
        """Steps, and the losses of the seeds at each, in bits per byte: where as many seeds as anywhere were evaluated.
        Of those that count, or of all before one does."""
        by_step: dict[int, list[float]] = {}
        for trial in self.measured or self.trials:
            for step, bits in trial.evaluations:
                by_step.setdefault(step, []).append(bits)
        most = max((len(losses) for losses in by_step.values()), default=0)
        steps = sorted(step for step, losses in by_step.items() if len(losses) == most)
        return steps, [by_step[step] for step in steps]

    @cached_property
    def estimate(self) -> Estimate | None:
        """The mean over the seeds that are done; None before there is one."""
        measured = self.measured
        return _estimate(measured) if measured else None


@dataclass(frozen=True)
class CellOnTest:
    """The best cell on the test side: its loss, and how far its validation loss lies below. Bits per byte."""

    cell: CellResult
    estimate: Estimate
    flattered: Estimate


@dataclass(frozen=True)
class StudyResults:
    study: Study
    cells: tuple[CellResult, ...]

    @property
    def trials(self) -> list[TrialResult]:
        """Seed by seed, as they are trained."""
        return [cell.trials[number] for number in range(len(self.study.seeds)) for cell in self.cells]

    def count(self, status: Status) -> int:
        return sum(result.status == status for result in self.trials)

    @property
    def best(self) -> CellResult | None:
        """The cell with the lowest mean, of those with the most seeds."""
        known = [cell for cell in self.cells if cell.estimate is not None]
        most = max((len(cell.measured) for cell in known), default=0)
        full = [cell for cell in known if len(cell.measured) == most]
        return min(full, key=_mean, default=None)

    @property
    def test(self) -> CellOnTest | None:
        """How the best cell does on the test side; None without one, and until the study is over.

        Each trial notes its test loss at its end. None is looked at before the choice is made, and none but the best
        cell's then, so that nothing is chosen by them.
        """
        best = self.best
        if best is None or any(trial.status in ("queued", "running") for trial in self.trials):
            return None
        if any(trial.status == "stopped" for trial in (self.trials if not self.study.halving else best.trials)):
            return None
        found = [(trial.test, trial.blocks) for trial in best.measured]
        pairs = [
            (test.nats, test.n_bytes, blocks) for test, blocks in found
            if test is not None and test.nats is not None and test.n_bytes is not None and blocks is not None
        ]  # fmt: skip
        if not pairs or len(pairs) < len(found):
            return None
        nats, n_bytes = [each for each, _, _ in pairs], pairs[0][1]
        val, val_bytes = [blocks.judged for _, _, blocks in pairs], pairs[0][2].n_bytes
        return CellOnTest(best, estimate(nats, n_bytes), flattery(nats, n_bytes, val, val_bytes))

    def against_best(self, cell: CellResult) -> Comparison | None:
        """How much better the best cell is than this one, on the seeds that both have; the level is that of as many
        comparisons as there are cells beside the best. None for the best itself, and where they cannot be compared."""
        best = self.best
        return None if best is None or cell is best else compare_cells(best, cell, len(self.cells) - 1)


def compare_cells(first: CellResult, second: CellResult, comparisons: int = 1) -> Comparison | None:
    """On the seeds that both have; None without two of them, where the validation texts differ, or where the files
    that both read changed between them."""
    one = {result.trial.seed: result for result in first.measured}
    other = {result.trial.seed: result for result in second.measured}
    both = [seed for seed in one if seed in other]
    pairs = [(one[seed].blocks, other[seed].blocks) for seed in both]
    blocks = [(a, b) for a, b in pairs if a is not None and b is not None]
    n_blocks = {len(each.n_bytes) for pair in blocks for each in pair}
    results = [*first.measured, *second.measured]
    if len(blocks) < 2 or len(n_blocks) > 1 or not same_text(results) or trained_on_other_text(results):
        return None
    # The tokens of two vocabularies end at other bytes, and so do blocks, by a few: what counts is the loss per byte.
    sizes = np.mean([each.n_bytes for pair in blocks for each in pair], axis=0)
    one_losses, other_losses = (
        [np.array(pair[which].judged) / np.array(pair[which].n_bytes) * sizes for pair in blocks] for which in (0, 1)
    )
    return compare(np.array(one_losses), np.array(other_losses), sizes, level_for(comparisons))


def _text(result: TrialResult) -> str:
    return "" if result.summary is None else result.summary.data


def same_text(results: Sequence[TrialResult]) -> bool:
    """Were they all judged on the same validation text?"""
    return len({result.summary.val_text for result in results if result.summary is not None}) <= 1


def trained_on_other_text(results: Sequence[TrialResult]) -> list[TrialResult]:
    """Those that read the same files with the same settings as others, and found another text in them: the corpus has
    changed since, or had not yet. The text that most had is the usual one; of a tie, that of the last."""
    read: dict[str, list[TrialResult]] = {}
    for result in results:
        if _corpus(result):
            read.setdefault(_what_is_read(result.trial.phase), []).append(result)
    usual = {what: _usual(map(_corpus, alike)) for what, alike in read.items()}
    return [result for what, alike in read.items() for result in alike if _corpus(result) != usual[what]]


def _corpus(result: TrialResult) -> str:
    return "" if result.summary is None else result.summary.corpus


def _what_is_read(phase: Phase) -> str:
    """The keys of [data] that say which text there is, without those that say what is taken of it, and for what."""
    return phase.data.model_dump_json(exclude=_OF_THE_SIDES)


def _usual(texts: Iterable[str]) -> str:
    """The one that occurs most often; of a tie, the last; "" of none."""
    known = list(texts)
    return max(reversed(known), key=Counter(known).__getitem__, default="")


def _estimate(measured: Sequence[TrialResult]) -> Estimate:
    blocks = [result.blocks for result in measured if result.blocks is not None]
    return estimate([each.judged for each in blocks], blocks[0].n_bytes)


def _mean(cell: CellResult) -> float:
    return cell.estimate.mean if cell.estimate is not None else float("inf")
