"""Which run of a folder is the best."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from slmtui.runs.log_reader import LogError
from slmtui.runs.run import Run
from slmtui.runs.summary import RunSummary, summarise


def best_run(
    newest_first: Iterable[Run], summary_of: Callable[[Run], RunSummary] = lambda run: summarise(run)[0]
) -> Run | None:
    """The run whose checkpoint predicts its validation text in the fewest bits per byte; None before an evaluation.

    Only runs with the validation text of the newest one are compared: on another text the number says nothing. Of two
    that are alike it is the newer one. A log that cannot be read takes no part. summary_of: reads it, or knows it.
    """
    judged: list[tuple[Run, RunSummary, float]] = []
    for run in newest_first:
        try:
            summary = summary_of(run)
        except (LogError, OSError):
            continue
        bits = summary.judged_bits_per_byte
        if bits is not None and math.isfinite(bits) and (not judged or summary.val_text == judged[0][1].val_text):
            judged.append((run, summary, bits))
    return min(judged, key=lambda one: one[2])[0] if judged else None
