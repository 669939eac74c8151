"""Giving up early the trials that lag behind: asynchronous successive halving (Li et al. 2020, "A System for Massively
Parallel Hyperparameter Tuning").

A trial is trained to the first rung, about a ninth of its steps; the best third of those that reached a rung go on to
the next, three times as far. Resuming is exact, so a trial that stopped at a rung loses nothing.

What is compared is the lowest validation loss up to the rung, in bits per byte, of trials of the same seed: they had
the same luck.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from slmtui.config.study import Trial
from slmtui.studies.results import TrialResult

FACTOR = 3
RUNGS = 2  # before the end


def rungs(trial: Trial) -> list[int]:
    """The steps that it is trained to before it is seen whether it goes on, each an evaluation, and its last."""
    steps, interval = trial.phase.training.max_iters, trial.phase.evaluation.interval
    below = {math.ceil(steps / FACTOR**n / interval) * interval for n in range(RUNGS, 0, -1)}
    return [*sorted(step for step in below if step < steps), steps]


def wanted(results: Sequence[TrialResult]) -> list[tuple[Trial, int | None]]:
    """The trials that may go on, those that are farthest first, each with the step to stop at; None for its end."""
    promoted, begun = list[tuple[int, Trial, int | None]](), list[tuple[Trial, int | None]]()
    for result in results:
        if result.status not in ("queued", "stopped"):
            continue
        steps = rungs(result.trial)
        rung = _reached(result)
        following = None if rung + 1 >= len(steps) - 1 else steps[rung + 1]
        if not _is_at_rung(result):  # new, or cut off between two
            begun.append((result.trial, following))
        elif _is_ahead(result, rung, results):
            promoted.append((rung, result.trial, following))
    promoted.sort(key=lambda one: -one[0])
    return [(trial, following) for _, trial, following in promoted] + begun


def _reached(result: TrialResult) -> int:
    """The highest rung that a trial has reached; −1: none."""
    return sum(result.step >= step for step in rungs(result.trial)) - 1


def _is_ahead(result: TrialResult, rung: int, results: Sequence[TrialResult]) -> bool:
    """Is it among the best third of the trials of its seed that reached this rung?

    The best of them goes on in any case, once all that may come so far have.
    """
    peers = [other for other in results if other.trial.seed == result.trial.seed]
    here = [other for other in peers if _reached(other) >= rung]
    step = rungs(result.trial)[rung]
    ranked = sorted(here, key=lambda other: (_loss(other, step), other.trial.cell.number))
    coming = any(other.status in ("queued", "running", "stopped") and _is_below(other, rung) for other in peers)
    places = len(here) // FACTOR or (0 if coming else 1)
    return result in ranked[:places] and math.isfinite(_loss(result, step))


def _is_below(result: TrialResult, rung: int) -> bool:
    """May it still come to this rung from below? From the first one on, only what was promoted does."""
    return _reached(result) < rung and (rung == 0 or result.status == "running" or not _is_at_rung(result))


def _is_at_rung(result: TrialResult) -> bool:
    """A trial is stopped a step after its evaluation at the rung."""
    return any(step <= result.step <= step + 1 for step in rungs(result.trial))


def _loss(result: TrialResult, step: int) -> float:
    found = result.best_until(step)
    return math.inf if found is None else found
