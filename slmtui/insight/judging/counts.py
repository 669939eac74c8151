"""What was counted over many samples and at many places: plain numbers, which a file may hold, too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from slmtui.insight.judging.proportion import interval

Count = Annotated[int, Field(strict=True, ge=0, lt=1 << 53)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


@dataclass(frozen=True)
class Rates:
    """Over many samples. None where there is nothing to count: no samples, or no Python."""

    samples: Count
    parse_rate: Share | None  # share of the samples that parse up to their cut
    copied_share: Share | None  # share of all their tokens that lie in copies (see quality)
    labels: dict[str, Count]  # how many have each label, the most frequent first


@dataclass(frozen=True)
class Extraction:
    """What came out on one side of the split. Shares are of all places; places are tokens from the side's start."""

    prefix: Count  # tokens given
    length: Count  # tokens asked for
    places: Count  # tried; 0 if the text is too short for one
    exact: Count  # where all tokens came out as they stand in the text
    right_tokens: float  # tokens right before the first wrong one, on average; 0 without a place
    at: tuple[Count, ...]  # the places that came out exactly

    def __post_init__(self) -> None:
        if self.exact > self.places:
            raise ValueError(f"{self.exact:,} of {self.places:,} places cannot have come out")

    @property
    def interval(self) -> tuple[float, float]:
        """Of the share of exact places, 95 %."""
        return interval(self.exact, self.places)
