"""Dropout with a generator of its own, over a batch that may be computed in parts."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Part(NamedTuple):
    """Some rows of a batch, and how many it has."""

    rows: slice
    of: int


class Dropout(nn.Module):
    """Dropout that draws from its own generator, so that nothing else in the process can shift its stream.

    Where a batch is computed in parts, each draws for the whole batch and takes its rows of that, so that it does not
    matter in how many parts it is computed.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.generator: torch.Generator | None = None
        self.part: Part | None = None

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0.0:
            return x
        rows, of = (slice(None), len(x)) if self.part is None else self.part
        if x.device.type != "cpu":
            keep = x.new_empty(of, *x.shape[1:]).bernoulli_(1.0 - self.p, generator=self.generator)[rows]
            return x * keep.div_(1.0 - self.p)
        # Each element takes 16 bits, so one 64-bit random number serves four: three times as fast as bernoulli_.
        n = of * x[0].numel()
        drawn = torch.empty(-(-n // 4), dtype=torch.int64)
        drawn.random_(-(2**63), None, generator=self.generator)
        bits = drawn.view(torch.int16)[:n].view(of, *x.shape[1:])[rows]
        dropped = min(round(self.p * 2**16), 2**16 - 1)  # out of 2^16 values
        return x * (bits >= dropped - 2**15).to(x.dtype).mul_(2**16 / (2**16 - dropped))
