"""What was counted over many samples and at many places: plain numbers, which a file may hold, too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
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


@dataclass(frozen=True)
class Estimate:
    """A mean over places, and its standard error; None for a single place."""

    value: Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
    error: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] | None

    @classmethod
    def of(cls, values: Sequence[float], sizes: Sequence[float] | None = None) -> Estimate:
        """Σ values / Σ sizes over n places, (n,) each, n > 0; sizes are 1 if not given.

        The error is that of a ratio of means (Cochran 1977, "Sampling Techniques", 6.4): with r the ratio,
        √(Σ (value − r · size)² / (n (n − 1))) / mean size. It takes places for independent.
        """
        above = np.asarray(values, np.float64)
        below = np.ones(len(above)) if sizes is None else np.asarray(sizes, np.float64)
        n, ratio = len(above), float(above.sum() / below.sum())
        if n < 2:
            return cls(ratio, None)
        spread = float(np.sqrt(np.sum((above - ratio * below) ** 2) / (n * (n - 1))))
        return cls(ratio, spread / float(below.mean()))


@dataclass(frozen=True)
class LineCompletions:
    """What completions of lines are worth, over all places; `completing` has the formulas. Shares are from 0 to 1."""

    exact: Estimate  # share of the places where the rest of the line came out exactly
    similarity: Estimate  # of the completion and the rest of the line
    characters_saved: Estimate  # share of all characters of the rests
    top1: Estimate  # share of the places where the likeliest token is the one that stands there
    top5: Estimate  # or one of the five likeliest
    perplexity: Estimate  # of the token that stands there
    bleu: Annotated[float, Field(ge=0.0, le=100.001)] | None = None  # where it was asked for


@dataclass(frozen=True)
class Usefulness:
    """The same places completed by a model and by its parts."""

    places: Count
    characters: Count  # of the rests of lines, all of them together
    order: Count  # of the n-gram model
    network: LineCompletions
    mixed: LineCompletions | None  # what the model predicts with; None: the network alone
    counting: LineCompletions  # the n-gram model alone

    @property
    def used(self) -> LineCompletions:
        """Of what the model predicts with."""
        return self.network if self.mixed is None else self.mixed
