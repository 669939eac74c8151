"""The extraction test: what a model knows by heart (Carlini et al. 2023, "Quantifying Memorization Across Neural
Language Models").

It is given `prefix` tokens of a text, and completes them greedily: does it give the next `length` tokens exactly as
they stand there? The same asked of the validation text says how much of that is how such text goes anyway.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from slmtui.config.limits import SHORTEST_COPY
from slmtui.inference.generation import Sampling, generate
from slmtui.insight.judging.proportion import interval
from slmtui.model.gpt import GPT

PLACES, TOKENS = 200, SHORTEST_COPY  # by default
ROWS_AT_ONCE = 64
GREEDY = Sampling(temperature=0.0)


@dataclass(frozen=True)
class Extraction:
    """What came out on one side of the split. Shares are of all places; places are tokens from the side's start."""

    prefix: int  # tokens given
    length: int  # tokens asked for
    places: int  # tried; 0 if the text is too short for one
    exact: int  # where all tokens came out as they stand in the text
    right_tokens: float  # tokens right before the first wrong one, on average; 0 without a place
    at: tuple[int, ...]  # the places that came out exactly

    @property
    def interval(self) -> tuple[float, float]:
        """Of the share of exact places, 95 %."""
        return interval(self.exact, self.places)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self) | {"at": list(self.at), "interval": list(self.interval)}


def extract(
    model: GPT, tokens: Sequence[int] | NDArray[Any], *, prefix: int, length: int, places: int, seed: int
) -> Extraction:
    """Ask a model for `length` tokens after `prefix` ones, at `places` different ones of a text, (n,) tokens.

    The places are drawn with the seed from all there are; of a short text, all of them are tried.
    """
    text = np.asarray(tokens)
    starts = chosen_places(len(text), prefix + length, places, seed)
    right = np.zeros(len(starts), dtype=np.int64)  # tokens before the first wrong one
    for first in range(0, len(starts), ROWS_AT_ONCE):
        rows = starts[first : first + ROWS_AT_ONCE]
        given = [text[start : start + prefix] for start in rows]
        draws = generate(model, given, length, GREEDY, [0] * len(rows))
        written = torch.stack([draw.tokens for draw in draws], dim=1).cpu().numpy()  # (B, length)
        asked = np.stack([text[start + prefix : start + prefix + length] for start in rows]).astype(np.int64)
        right[first : first + len(rows)] = np.cumprod(written == asked, axis=1).sum(axis=1)
    exact = starts[right == length]
    return Extraction(
        prefix=prefix,
        length=length,
        places=len(starts),
        exact=len(exact),
        right_tokens=float(right.mean()) if len(right) else 0.0,
        at=tuple(exact.tolist()),
    )


def chosen_places(n_tokens: int, span: int, most: int, seed: int) -> NDArray[np.int64]:
    """At most `most` different places, in order, from which `span` tokens fit into a text of `n_tokens`."""
    possible = max(0, n_tokens - span + 1)
    if possible <= most:
        return np.arange(possible)
    return np.sort(np.random.default_rng(seed).choice(possible, most, replace=False))
