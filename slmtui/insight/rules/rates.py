"""Learning rates, how far weights can have come with them, and how little was learned.

Adam moves a weight by about the learning rate per step, so the sum of the rates is how far weights can have come. The
published phases have 0.3 to 0.6; trials on the bundled corpus 0.2 to 0.6 where all was well.
"""

from __future__ import annotations

from slmtui.insight.rules.run_trace import RunTrace
from slmtui.training.gap import ALIKE

SHORT_PATH, USUAL_PATH, LONG_PATH = 0.1, 0.5, 3.0
LOW_RATE = 5e-4  # with a short path, the rate is to blame below it, the number of steps above
LOWEST_RATE, HIGHEST_RATE = 3e-4, 3e-3  # to advise
LITTLE_LEARNED = 0.6  # of the loss that token frequencies alone give; the train loss is still above it

TRAIN_ENDED = "train ended at {train:.2f}, token frequencies alone give {unigram:.2f}"  # evidence of little learned


def capped(rate: float) -> float:
    return min(rate, HIGHEST_RATE)


def usual_rate(trace: RunTrace) -> float:
    """The rate that would have led weights as far as they usually go in as many steps."""
    if trace.path == 0.0:  # not a step was logged
        return LOWEST_RATE
    return min(max(trace.rate * USUAL_PATH / trace.path, LOWEST_RATE), HIGHEST_RATE)


def unigram(trace: RunTrace) -> float:
    """What token frequencies alone give; without facts, half of ln n_vocab."""
    return trace.facts.unigram if trace.facts is not None else 0.5 * trace.uniform_loss


def share_left(trace: RunTrace) -> float:
    """The last train loss, as a share of what token frequencies alone give; 0 where that is next to nothing."""
    return trace.evaluations[-1].train_loss / unigram(trace) if unigram(trace) >= ALIKE else 0.0


def fall(before: float, after: float) -> float:
    """By what share a loss fell; 0 where it was next to nothing, as of a text of one symbol: it cannot fall."""
    return 1 - after / before if before >= ALIKE else 0.0
