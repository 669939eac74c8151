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

from slmtui.inference.batch import GREEDY
from slmtui.inference.generation import ROWS_AT_ONCE, generate
from slmtui.insight.judging.counts import Extraction
from slmtui.model.gpt import GPT
from slmtui.model.mixture import network_alone


def extract(
    model: GPT, tokens: Sequence[int] | NDArray[Any], *, prefix: int, length: int, places: int, seed: int,
    ends: Sequence[int] | NDArray[np.int64] = (),
) -> Extraction:  # fmt: skip
    """Ask a network for `length` tokens after `prefix` ones, at `places` different ones of a text, (n,) tokens.

    The places are drawn with the seed from all there are; of a short text, all of them are tried. Each is within a
    document; `ends` are the places of the tokens that end one, ascending, which are neither given nor asked for. Of a
    document that is shorter than both together, the beginning is given and the rest is asked for.
    """
    text = np.asarray(tokens)
    first_tokens = np.r_[0, np.asarray(ends, np.int64) + 1]
    sizes = np.r_[np.asarray(ends, np.int64), len(text)] - first_tokens
    # One place, the beginning, in a document that is too short; none if it holds no more than the prefix or has no end.
    least = (sizes > prefix) & (np.arange(len(sizes)) < len(ends))
    n_places = np.maximum(least, sizes - prefix - length + 1)
    until = np.cumsum(n_places)
    drawn = chosen_places(int(until[-1]), 1, places, seed)
    document = np.searchsorted(until, drawn, side="right")
    starts = first_tokens[document] + drawn - (until - n_places)[document]
    wanted = np.minimum(length, sizes[document] - prefix)  # tokens asked for
    right = np.zeros(len(starts), dtype=np.int64)  # tokens before the first wrong one
    for first in range(0, len(starts), ROWS_AT_ONCE):
        rows = starts[first : first + ROWS_AT_ONCE]
        given = [text[start : start + prefix] for start in rows]
        with network_alone(model):
            draws = [draw.tokens for draw in generate(model, given, length, GREEDY, [0] * len(rows))]
        written = torch.stack(draws, dim=1).cpu().numpy()  # (B, length)
        for i, start in enumerate(rows):
            asked = text[start + prefix : start + prefix + wanted[first + i]]
            right[first + i] = np.cumprod(written[i, : len(asked)] == asked).sum()
    exact = starts[right == wanted]
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
