"""What the networks of an ensemble gain by predicting together: the validation text, beside the best of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from slmtui.config.deciding import Decides
from slmtui.data.dataset import Dataset
from slmtui.runs.block_losses import block_sums
from slmtui.runs.ensemble import SavedEnsemble
from slmtui.runs.text_interval import known_to
from slmtui.words import number


@dataclass(frozen=True)
class Together:
    """Bits per byte, of who predicts; `gained` with its interval (95 %), for other text of the kind."""

    bits_per_byte: float
    best: str  # the run of the member with the lowest
    best_bits_per_byte: float
    gained: float  # by the ensemble over that member
    low: float | None
    high: float | None

    @property
    def words(self) -> str:
        first = (
            f"together {self.bits_per_byte:.3f} bits per byte of the validation text, the best of them ({self.best}) "
            f"{self.best_bits_per_byte:.3f}"
        )
        if self.low is None or self.high is None:
            return first
        word = "not shown to be better" if self.low <= 0 <= self.high else "better" if self.low > 0 else "worse"
        return f"{first}; {word}: {number(self.low, '+.3f')} to {number(self.high, '+.3f')} (95 %)"


def together(saved: SavedEnsemble, dataset: Dataset) -> Together:
    """Each member predicts with what is mixed into the ensemble, as its run does."""
    model, side, tokenizer = saved.model, dataset.val, dataset.tokenizer
    who: Decides = saved.phase.decides or ("network" if model.mixture is None else "static")
    whole, each = block_sums(model, side, tokenizer), []
    for network in model.networks:
        network.mixture = model.mixture
        each.append(block_sums(network, side, tokenizer))
        network.mixture = None
    best = int(np.argmin([one.bits_per_byte[who] for one in each]))
    model.eval()
    gained = each[best].bits_per_byte[who] - whole.bits_per_byte[who]
    half = known_to(np.subtract(each[best].nats[who], whole.nats[who]), whole.n_bytes)
    return Together(
        whole.bits_per_byte[who],
        saved.members[best][0],
        each[best].bits_per_byte[who],
        gained,
        None if half is None else gained - half,
        None if half is None else gained + half,
    )
