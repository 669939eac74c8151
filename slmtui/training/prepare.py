"""From a phase to the dataset it trains on."""

from __future__ import annotations

import errno
from typing import Any

from slmtui.config.errors import printable
from slmtui.config.phase import Phase
from slmtui.data.corpus import Corpus, open_corpus
from slmtui.data.dataset import Dataset, build_dataset
from slmtui.data.errors import DataError
from slmtui.errors import UserError


class CorpusChanged(UserError):
    """A corpus that no longer gives the same tokens as when a model was trained on it."""


def phase_corpus(phase: Phase) -> Corpus:
    """The corpus of a phase, in which a source that is named twice stands once; DataError if it cannot be read."""
    sources = tuple(dict.fromkeys(phase.data.source))
    try:
        return open_corpus(sources, include=phase.data.include, exclude=phase.data.exclude)
    except OSError as error:
        name = printable(str(error.filename or ", ".join(sources)), limit=200)
        if error.errno == errno.ENAMETOOLONG:
            raise DataError(f"{name}: no such file or folder") from None
        raise DataError(f"{name}: cannot be read: {error.strerror}") from None


def dataset_settings(phase: Phase) -> dict[str, Any]:
    """The dataset settings of a phase, as keyword arguments for the functions of slmtui.data."""
    return {
        "kind": phase.tokenizer.kind,
        "vocab_size": phase.tokenizer.vocab_size,
        "dataset_size": phase.data.dataset_size,
        "train_fraction": phase.data.train_fraction,
        "split": phase.data.split,
    }


def prepare_dataset(phase: Phase) -> Dataset:
    """Read the corpus of a phase, tokenise it and split it; DataError if it cannot be trained on."""
    return build_dataset(phase_corpus(phase), **dataset_settings(phase))


def dataset_as_trained(phase: Phase, fingerprint: str) -> Dataset:
    """The dataset of a phase; CorpusChanged if it no longer has this fingerprint."""
    dataset = prepare_dataset(phase)
    if dataset.fingerprint != fingerprint:
        raise CorpusChanged(
            f"the corpus or its tokens have changed since the model was trained (fingerprint now "
            f"{dataset.fingerprint[:12]}, then {fingerprint[:12]})"
        )
    return dataset
