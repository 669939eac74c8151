"""Examining the model of a run: what it writes, counted over many samples, and what it knows by heart.

    found = examine(saved, dataset_of(saved), Questions(samples=200))

`examination` says it in words and keeps it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from slmtui.config.limits import SEED
from slmtui.data.dataset import Dataset
from slmtui.errors import UserError
from slmtui.insight.judging.extraction import PLACES, TOKENS, extract
from slmtui.insight.judging.quality import Judge, rates
from slmtui.runs.checkpoint import SavedModel
from slmtui.training.prepare import CorpusChanged, dataset_as_trained
from slmtui.training.sampling import completions


@dataclass(frozen=True)
class Questions:
    """What is asked. samples: over all prompts of the phase. The same seed gives the same answers."""

    samples: int = 200
    places: int = PLACES
    prefix: int = TOKENS
    length: int = TOKENS
    seed: int = SEED


def dataset_of(saved: SavedModel) -> Dataset:
    """The text that a model was trained on, if it is still here as it was; UserError if it is not."""
    try:
        return dataset_as_trained(saved.phase, saved.data)
    except CorpusChanged as error:
        raise UserError(f"{error}, so nothing can be said about copies; restore it") from None


def examine(saved: SavedModel, dataset: Dataset, asked: Questions) -> dict[str, Any]:
    """All that was found, as plain values: `summary_lines` says it in words."""
    judge = Judge.build(dataset)
    drawn = completions(saved.model, saved.tokenizer, saved.phase.sampling, asked.samples, asked.seed)
    found = rates(judge(prompt, text) for prompt, text in drawn)
    sides = {
        side: extract(
            saved.model, split.tokens, prefix=asked.prefix, length=asked.length, places=asked.places, seed=asked.seed
        )
        for side, split in (("train", dataset.train), ("val", dataset.val))
    }
    known = [(place, dataset.locate("train", place + asked.prefix)) for place in sides["train"].at]
    return {
        "step": saved.step,
        "asked": asdict(asked),
        "rates": asdict(found),
        "extraction": {side: one.to_dict() for side, one in sides.items()},
        "by_heart": sorted({f"{file}:{line}" for _, (file, line) in known}),
    }
