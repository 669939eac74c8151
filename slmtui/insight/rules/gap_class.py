"""Which class of the house scale a gap is in, without flicker where it wavers about a limit."""

from __future__ import annotations

from dataclasses import dataclass

from slmtui.training.gap import LIMITS, WORDS, class_of

LEAST_MARGIN = 0.1  # nats
MARGIN = 0.1  # of a limit


def margin(limit: float) -> float:
    return max(LEAST_MARGIN, MARGIN * limit)


@dataclass(frozen=True)
class GapClass:
    """The class after some evaluations. `current` counts the limits that are passed: 0 excellent to 4 catastrophic.

    A limit is passed when the size of the gap is above it twice in a row, or once by more than the margin (a tenth of
    the limit, at least 0.1 nats). It is passed back only below the limit less the margin.

    `told` is the class to speak of: what the scale, without a margin, called the gap when `current` last changed. So
    a warning has the word that the evaluation beside it has.
    """

    current: int = 0
    last_gap: float = 0.0
    told: int = 0

    def after(self, gap: float) -> GapClass:
        """The class after one more evaluation; gap: signed, in nats per token."""
        size, current = abs(gap), self.current
        while current > 0 and size < LIMITS[current - 1] - margin(LIMITS[current - 1]):
            current -= 1
        for i in range(current, len(LIMITS)):
            limit = LIMITS[i]
            if size > limit + margin(limit) or (size > limit and abs(self.last_gap) > limit):
                current = i + 1
        return GapClass(current, gap, self.told if current == self.current else class_of(gap))

    @property
    def word(self) -> str:
        return WORDS[self.current]
