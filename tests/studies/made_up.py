"""Results of studies that were never trained: what is to be found in them is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from slmtui.config.study import Cell, Study, Trial
from slmtui.runs.run import Run
from slmtui.runs.summary import RunSummary
from slmtui.studies.results import CellResult, StudyResults, TrialResult
from slmtui.training.events import BlockLosses
from tests.written_runs import make_phase

LN2 = 0.6931471805599453
BLOCKS = [100] * 20  # bytes


def trial_result(
    trial: Trial, bits: float, *, wobble: Sequence[float] = (), evaluations: Sequence[float] = (), **summary: Any
) -> TrialResult:
    """A trial that ended with so many bits per byte; wobble: what each block has beside."""
    extra = wobble or [0.0] * len(BLOCKS)
    losses = [(bits + more) * size * LN2 for size, more in zip(BLOCKS, extra, strict=True)]
    known: dict[str, Any] = {"train_tokens": 1000, "parameters": 50_000, "gap": 1.0, "val_text": "v"} | summary
    folded = RunSummary(name="made-up", judged="network", judged_bits_per_byte=bits, best_step=10, step=10, **known)
    blocks = BlockLosses(step=10, best_step=10, n_bytes=BLOCKS, network=losses, decides="network")
    at = tuple((10 * number, each) for number, each in enumerate(evaluations))
    return TrialResult(trial, Run.__new__(Run), "done", folded, blocks, {}, at, last_gap=known["gap"])


def study_results(
    cells: Sequence[tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]], claims: Sequence[str] = ()
) -> StudyResults:
    """cells: the values of each, and what each of its seeds gave: arguments of `trial_result`."""
    phase, seeds = make_phase(), tuple(range(1, 1 + max(len(trials) for _, trials in cells)))
    made = []
    for number, (values, given) in enumerate(cells, 1):
        cell = Cell(number, " · ".join(f"{key} {value}" for key, value in values.items()), values)
        made.append(
            CellResult(cell, tuple(trial_result(Trial(cell, seed, phase), **each)
                                   for seed, each in zip(seeds, given, strict=True)))
        )  # fmt: skip
    trials = tuple(result.trial for cell in made for result in cell.trials)
    study = Study(
        "made-up", "", "", "base.toml", seeds, None, False, tuple(claims), tuple(c.cell for c in made), trials
    )
    return StudyResults(study, tuple(made))
