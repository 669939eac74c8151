"""One thing that is wrong with a run: what, how it is known, how surely, and what to do about it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from slmtui.training.events import Warned

HOUSE = "house rule"
MUENNIGHOFF = (
    "Muennighoff et al. 2023, Scaling Data-Constrained Language Models: 4 epochs are nearly as good as new text, "
    "little is gained past 16; found with models a hundred times as large, extrapolated to this size"
)
CHINCHILLA = (
    "Hoffmann et al. 2022, Training Compute-Optimal Large Language Models: about 20 tokens of new text per parameter; "
    "found with models a thousand times as large, extrapolated to this size"
)
KAPLAN = (
    "Kaplan et al. 2020, Scaling Laws for Neural Language Models: embeddings do not count towards what a model can "
    "learn; extrapolated to this size"
)
KNESER_NEY = "Chen & Goodman 1999: what counting n-grams (interpolated Kneser–Ney) reaches on the same tokens"

SERIOUS, WARNING = 0.9, 0.5  # weights from which a finding is as much
Confidence = Literal["high", "medium", "low"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    code: str
    title: str  # some words
    evidence: str  # one sentence with its numbers
    remedy: str  # one sentence
    confidence: Confidence
    weight: float  # 0 to 1: the heaviest is named first
    step: int | None = None  # to go back to, or where it happened
    number: float | None = None  # what the finding rests on, in the unit that its evidence names
    source: str = HOUSE  # of the rule

    @property
    def level(self) -> Literal["note", "warning", "serious"]:
        """As a warning has it: how much the finding weighs."""
        return "serious" if self.weight >= SERIOUS else "warning" if self.weight >= WARNING else "note"

    def warned(self, step: int, *, of_the_run: bool = False) -> Warned:
        """The finding as an event of a run's log."""
        message = f"{self.title}: {self.evidence} (confidence: {self.confidence})"
        return Warned(
            step=step, code=self.code, level=self.level, message=message, advice=self.remedy, of_the_run=of_the_run
        )

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)
