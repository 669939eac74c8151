"""The few ratios that CI watches: one core, CPU time, and whatever else runs beside it."""

from __future__ import annotations

import os
from unittest.mock import patch

from benchmarks.table import Row, spread_of_least
from benchmarks.workers import Taken, in_turns

GROUP = "Watched by CI"
TURNS, SECONDS = 7, 0.15
ONE_THREAD = {"OMP_NUM_THREADS": "1"}
# What is measured beside what: the published road beside the textbook's, the suggested one beside a matrix product.
PAIRS = {
    "phase2, a step, beside the textbook's": (("step", "textbook", "phase2"), ("our-step", "phase2", "fp32", "1")),
    "quick, a step, beside a matrix product": (("peak", "1"), ("our-step", "quick", "fp32", "1")),
}


def watched() -> list[Row]:
    """How many times as long as a step of ours the other side takes, by the least CPU time of all turns."""
    rows = []
    for name, pair in PAIRS.items():
        with patch.dict(os.environ, ONE_THREAD):
            theirs, ours = (_cpu(side) for side in in_turns(*pair, turns=TURNS, seconds=SECONDS, warm_up=1))
        ratio = min(theirs) / min(ours)
        note = "one thread; CPU time, the least of all turns"
        rows.append(Row(GROUP, name, f"{ratio:.3g}×", note=note, ratio=ratio, spread=spread_of_least(theirs, ours)))
    return rows


def _cpu(side: list[Taken]) -> list[float]:
    return [taken.cpu for taken in side]
