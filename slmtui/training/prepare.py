"""From a phase to the dataset it trains on."""

from __future__ import annotations

from typing import Any

from slmtui.config.phase import Phase
from slmtui.data.corpus import Corpus, open_corpus
from slmtui.data.dataset import Dataset, build_dataset


def phase_corpus(phase: Phase) -> Corpus:
    return open_corpus(phase.data.source, include=phase.data.include, exclude=phase.data.exclude)


def dataset_settings(phase: Phase) -> dict[str, Any]:
    """What a phase says of its dataset, as the data room's functions take it."""
    return {
        "kind": phase.tokenizer.kind,
        "vocab_size": phase.tokenizer.vocab_size,
        "dataset_size": phase.data.dataset_size,
        "train_fraction": phase.data.train_fraction,
        "split": phase.data.split,
    }


def prepare_dataset(phase: Phase) -> Dataset:
    """Read the corpus of a phase, tokenise and split it; DataError if it is not fit to train on."""
    return build_dataset(phase_corpus(phase), **dataset_settings(phase))
