"""The losses of single tokens on the validation side, of whoever predicts: how two libraries are compared."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from slmtui.data.dataset import SideTokens
from slmtui.training.batches import windows_in_order

COMPARED = 16_384  # tokens of the side, evenly chosen, at most
ROWS = 8

Predict = Callable[..., Tensor]  # (B, T) inputs and targets, and `first`: (B, T - first) losses in nats


@torch.no_grad()
def token_losses(predict: Predict, side: SideTokens, block_size: int, rows: int = ROWS) -> NDArray[np.float64]:
    """The losses of tokens of text, in an order that depends on the numbers and the side alone. rows: of a batch."""
    limit = COMPARED if len(side.tokens) > COMPARED else None
    found = [np.empty(0)]
    for idx, targets, first in windows_in_order(side, block_size, rows, limit):
        losses = predict(idx, targets, first=first).double().flatten().numpy()
        wanted = targets[:, first:].flatten().numpy()
        found.append(losses if side.end is None else losses[wanted != side.end])
    return np.concatenate(found)


def mean_with_error(losses: NDArray[np.float64]) -> tuple[float, float]:
    """The mean, and its standard error over the tokens; NaN where there are too few."""
    n = len(losses)
    return (float(losses.mean()) if n else math.nan, float(losses.std(ddof=1)) / math.sqrt(n) if n > 1 else math.nan)
