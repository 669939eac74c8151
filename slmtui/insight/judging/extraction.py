"""The extraction test: what a model knows by heart (Carlini et al. 2023, "Quantifying Memorization Across Neural
Language Models").

It is given `prefix` tokens of a text, and completes them greedily: does it give the next `length` tokens exactly as
they stand there? The same asked of the validation text says how much of that is how such text goes anyway.

The network is asked alone. An n-gram model mixed into its predictions is a table of the training text, which gives much
of it word for word and says nothing of what the network has learned.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from slmtui.inference.generation import Sampling, generate
from slmtui.insight.judging.counts import Extraction
from slmtui.model.gpt import GPT
from slmtui.model.mixture import network_alone

ROWS_AT_ONCE = 64
GREEDY = Sampling(temperature=0.0)


def extract(
    model: GPT, tokens: Sequence[int] | NDArray[Any], *, prefix: int, length: int, places: int, seed: int
) -> Extraction:
    """Ask a network for `length` tokens after `prefix` ones, at `places` different ones of a text, (n,) tokens.

    The places are drawn with the seed from all there are; of a short text, all of them are tried.
    """
    text = np.asarray(tokens)
    starts = chosen_places(len(text), prefix + length, places, seed)
    right = np.zeros(len(starts), dtype=np.int64)  # tokens before the first wrong one
    for first in range(0, len(starts), ROWS_AT_ONCE):
        rows = starts[first : first + ROWS_AT_ONCE]
        given = [text[start : start + prefix] for start in rows]
        with network_alone(model):
            draws = [draw.tokens for draw in generate(model, given, length, GREEDY, [0] * len(rows))]
        written = torch.stack(draws, dim=1).cpu().numpy()  # (B, length)
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
