"""When a training loss has shot up for good: a rule that looks at the losses of the latest batches alone.

Batches differ, so one high loss says nothing. A spike is the latest three in a row, all of them

- above the median of the fifty losses before them by eight times their spread (1.4826 · MAD, which is the standard
  deviation where losses are normal; Rousseeuw & Croux 1993, "Alternatives to the median absolute deviation"),
- and by at least one nat: with a spread near zero, any change would be many times it,
- and above 1.25 times that median.

The limits are house rules.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

LATEST = 3  # losses that must all be high
WINDOW = 50  # losses before them, to compare with
FEWEST = 20  # of them; before that, nothing is known of their spread
SPREADS = 8.0
LEAST_RISE = 1.0  # nats
LEAST_FACTOR = 1.25
NORMAL = 1.4826  # standard deviation of a normal distribution for a median absolute deviation of 1

NEEDED = LATEST + WINDOW  # losses to keep; earlier ones change nothing


def spiked(losses: Sequence[float]) -> bool:
    """Whether the latest of these batch losses, oldest first, in nats per token, are a spike.

    A loss that is not finite is one at once. Some microseconds; a deque of length `NEEDED` will do.
    """
    if not losses:
        return False
    if not math.isfinite(losses[-1]):
        return True
    if len(losses) < LATEST + FEWEST:
        return False
    recent = list(losses)[-NEEDED:]
    before, lowest = recent[:-LATEST], min(recent[-LATEST:])
    if lowest <= min(before) + LEAST_RISE:  # the usual case, answered without sorting
        return False
    middle = median(before)
    spread = NORMAL * median(abs(loss - middle) for loss in before)
    return lowest > max(middle + max(SPREADS * spread, LEAST_RISE), LEAST_FACTOR * middle)
