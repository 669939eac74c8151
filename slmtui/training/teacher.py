"""Distillation: a network learns the text and, token by token, what a teacher would have said (Hinton et al. 2015,
"Distilling the Knowledge in a Neural Network").

With t the teacher's probabilities, p the network's and y the token that stands in the text, the loss of a token is

    −(1 − w) ln p(y) − w Σ t(v) ln p(v)

The temperature is 1, and what is mixed into either of them takes no part. w was chosen on one text: docs/log.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from slmtui.config.phase import Phase
from slmtui.config.phase_file import fault
from slmtui.data.tokenizer import Tokenizer
from slmtui.model.copy_head import MIN_PROBABILITY
from slmtui.model.gpt import GPT

WEIGHT = 0.5


@dataclass(frozen=True)
class Teacher:
    """sources: the models, as `training.distill_from` finds them again, such as quick-003@400. The model is in
    evaluation mode for good, and several networks are one ensemble."""

    sources: tuple[str, ...]
    model: GPT
    tokenizer: Tokenizer

    @property
    def name(self) -> str:
        return ", ".join(self.sources)

    def settle(self, phase: Phase) -> Phase:
        """The phase with this teacher named for good."""
        training = phase.training.model_copy(update={"distill_from": self.sources})
        return phase.model_copy(update={"training": training})

    def refuse_another(self, phase: Phase, tokenizer: Tokenizer) -> None:
        """PhaseError for another vocabulary than the teacher's."""
        mine = self.tokenizer
        if tokenizer.fingerprint != mine.fingerprint:
            raise fault(
                phase, "training.distill_from",
                f"{self.name} has another vocabulary ({mine.kind} of {mine.n_vocab:,} tokens, here {tokenizer.kind} of "
                f"{tokenizer.n_vocab:,}); take its [tokenizer] and its training text",
            )  # fmt: skip

    def loss(self, student: GPT, idx: Tensor, targets: Tensor, *, bf16: bool = False) -> Tensor:
        """Mean loss of targets (B, T) given idx (B, T), in nats per token; a scalar."""
        wanted, total = targets.flatten(), torch.zeros((), device=idx.device)
        with torch.no_grad():
            pieces = list(self.model.distributions(idx, bf16=bf16))
        for taught, piece in zip(pieces, student.distributions(idx, bf16=bf16), strict=True):
            here, wanted = wanted[: len(piece)], wanted[len(piece) :]
            taught = (taught * WEIGHT).index_put_(
                (torch.arange(len(here), device=idx.device), here), torch.tensor(1 - WEIGHT), accumulate=True
            )
            total = total - (taught * piece.clamp_min(MIN_PROBABILITY).log()).sum()
        return total / targets.numel()
