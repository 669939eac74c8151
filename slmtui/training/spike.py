"""Detecting that the training loss has shot up and stays up, from the losses of the latest batches alone.

Batches differ, so a single high loss means nothing. A spike is the latest three losses, all of them

- above the median of the fifty losses before them by more than eight times their spread (1.4826 · MAD, which is the
  standard deviation for normally distributed losses; Rousseeuw & Croux 1993, "Alternatives to the median absolute
  deviation"),
- by more than one nat, since with a spread near zero any change would be many times the spread,
- and above 1.25 times that median.

These limits are house rules.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

LATEST = 3  # losses that must all be high
WINDOW = 50  # losses before them to compare with
FEWEST = 20  # of these losses, at least; with fewer, their spread is not known
SPREADS = 8.0
LEAST_RISE = 1.0  # nats
LEAST_FACTOR = 1.25
NORMAL = 1.4826  # standard deviation of a normal distribution whose median absolute deviation is 1

NEEDED = LATEST + WINDOW  # losses to keep; earlier ones make no difference


def spiked(losses: Sequence[float]) -> bool:
    """Whether the latest of these batch losses, oldest first, in nats per token, are a spike.

    A single loss that is not finite also counts. Takes a few microseconds; the last `NEEDED` losses are enough.
    """
    if not losses:
        return False
    if not math.isfinite(losses[-1]):
        return True
    if len(losses) < LATEST + FEWEST:
        return False
    recent = list(losses)[-NEEDED:]
    before, lowest = recent[:-LATEST], min(recent[-LATEST:])
    if lowest <= min(before) + LEAST_RISE:  # the usual case, decided without sorting
        return False
    middle = median(before)
    spread = NORMAL * median(abs(loss - middle) for loss in before)
    return lowest > max(middle + max(SPREADS * spread, LEAST_RISE), LEAST_FACTOR * middle)
