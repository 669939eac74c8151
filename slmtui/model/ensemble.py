"""Several networks that predict together: the mean of their probabilities (Hansen & Salamon 1990, "Neural Network
Ensembles"). What is mixed in is mixed into that mean, once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from slmtui.model.gpt import GPT


class Ensemble(GPT):
    """Networks of one shape and one vocabulary, for whoever predicts or evaluates with a model.

    It has no weights of its own, so what is asked of a network's parts has to be asked of `networks`.
    """

    def __init__(self, networks: Sequence[GPT]) -> None:
        nn.Module.__init__(self)
        self.config = networks[0].config
        self.members = nn.ModuleList(networks)
        self.mixture = None

    @property
    def networks(self) -> list[GPT]:
        return [member for member in self.members if isinstance(member, GPT)]

    def parameters_by_part(self) -> dict[str, int]:
        parts = [one.parameters_by_part() for one in self.networks]
        return {name: sum(part[name] for part in parts) for name in parts[0]}

    @property
    def device(self) -> torch.device:
        return self.networks[0].device

    def loss(self, idx: Tensor, targets: Tensor, *, first: int = 0, bf16: bool = False) -> Tensor:
        return self.token_losses(idx, targets, first=first, bf16=bf16).mean()

    def token_losses(self, idx: Tensor, targets: Tensor, *, first: int = 0, bf16: bool = False) -> Tensor:
        losses = torch.stack([one.token_losses(idx, targets, first=first, bf16=bf16) for one in self.networks])
        return math.log(len(losses)) - torch.logsumexp(-losses, dim=0)

    def distributions(self, idx: Tensor, *, first: int = 0, bf16: bool = False) -> Iterator[Tensor]:
        each = [one.distributions(idx, first=first, bf16=bf16) for one in self.networks]
        for pieces in zip(*each, strict=True):
            yield torch.stack(pieces).mean(dim=0)
