"""Examining the model of a run: what it writes, counted over many samples, what it knows by heart, how useful it is.

    found = examine(saved, dataset_of(saved), Questions(samples=200))

`examination` says it in words and keeps it.
"""

from __future__ import annotations

from slmtui.data.dataset import Dataset
from slmtui.errors import UserError
from slmtui.insight.judging.completing import usefulness
from slmtui.insight.judging.examination import Examination, Extractions, Questions
from slmtui.insight.judging.extraction import extract
from slmtui.insight.judging.quality import Judge, rates
from slmtui.runs.checkpoint import SavedModel
from slmtui.training.prepare import CorpusChanged, dataset_as_trained
from slmtui.training.sampling import completions


def dataset_of(saved: SavedModel) -> Dataset:
    """The text that a model was trained on, if it is still here as it was; UserError if it is not."""
    try:
        return dataset_as_trained(saved.phase, saved.data, saved.tokenizer)
    except CorpusChanged as error:
        raise UserError(f"{error}, so nothing can be said about copies; restore it") from None


def examine(saved: SavedModel, dataset: Dataset, asked: Questions) -> Examination:
    """Everything that was asked, answered: `summary_lines` says it in words."""
    # First, since it refuses what cannot be measured here.
    useful = usefulness(saved.model, dataset, places=asked.places, seed=asked.seed, bleu=asked.bleu)
    judge = Judge.build(dataset)
    drawn = completions(saved.model, saved.tokenizer, saved.phase.sampling, asked.samples, asked.seed)
    found = rates(judge(prompt, text) for prompt, text in drawn)
    train, val = (
        extract(
            saved.model,
            split.tokens,
            prefix=asked.prefix,
            length=asked.length,
            places=asked.places,
            seed=asked.seed,
            ends=split.ends,
        )
        for split in (dataset.train, dataset.val)
    )
    known = {dataset.locate("train", place + asked.prefix) for place in train.at}
    return Examination(
        step=saved.step,
        asked=asked,
        rates=found,
        extraction=Extractions(train, val),
        by_heart=tuple(sorted(f"{file}:{line}" for file, line in known)),
        usefulness=useful,
    )
