"""From a phase to the dataset it trains on."""

from __future__ import annotations

from typing import Any

from slmtui.config.phase import Phase
from slmtui.data.corpus import Corpus, open_corpus
from slmtui.data.dataset import Dataset, build_dataset
from slmtui.errors import UserError


class CorpusChanged(UserError):
    """A corpus that gives other tokens than it did when something was trained on it."""


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


def dataset_as_trained(phase: Phase, fingerprint: str) -> Dataset:
    """The dataset of a phase, if it still is the one with this fingerprint; CorpusChanged if not."""
    dataset = prepare_dataset(phase)
    if dataset.fingerprint != fingerprint:
        raise CorpusChanged(
            f"the corpus or its tokens have changed since the model was trained (fingerprint "
            f"{dataset.fingerprint[:12]}, then {fingerprint[:12]})"
        )
    return dataset
