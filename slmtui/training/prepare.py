"""From a phase to the dataset it trains on."""

from __future__ import annotations

import errno

from slmtui.config.errors import printable
from slmtui.config.phase import Phase
from slmtui.config.phase_file import fault
from slmtui.config.source_path import source_path
from slmtui.data.corpus import Corpus, Progress, open_corpus
from slmtui.data.dataset import Dataset, DatasetSettings, build_dataset
from slmtui.data.documents import DocumentForm
from slmtui.data.errors import DataError
from slmtui.data.tokenizer import Tokenizer
from slmtui.errors import UserError
from slmtui.files import is_there


class CorpusChanged(UserError):
    """A corpus that no longer gives the same tokens as when a model was trained on it."""


def phase_corpus(phase: Phase, progress: Progress | None = None) -> Corpus:
    """The corpus of a phase; DataError if it cannot be read. progress: as of `open_corpus`."""
    data = phase.data
    if phase.origin.file:
        for source in data.source:
            if not is_there(source_path(source)):
                name = printable(source, limit=200)
                raise fault(phase, "data.source", f"{name}: no such file or folder, as seen from the current folder")
    try:
        return open_corpus(
            data.source, include=data.include, exclude=data.exclude, default_excludes=data.default_excludes,
            form=document_form(phase), progress=progress,
        )  # fmt: skip
    except OSError as error:
        name = printable(str(error.filename or ", ".join(data.source)), limit=200)
        if error.errno == errno.ENAMETOOLONG:
            raise DataError(f"{name}: no such file or folder") from None
        raise DataError(f"{name}: cannot be read: {error.strerror}") from None


def document_form(phase: Phase) -> DocumentForm:
    data = phase.data
    return DocumentForm(data.join, data.documents, data.field, data.separator, data.broken_records, data.encoding)


def dataset_settings(phase: Phase) -> DatasetSettings:
    """What a phase says of its dataset, as the data room's functions take it."""
    data = phase.data
    return DatasetSettings(
        kind=phase.tokenizer.kind,
        vocab_size=phase.tokenizer.vocab_size,
        dataset_size=data.dataset_size,
        train_fraction=data.train_fraction,
        split=data.split,
        validation=data.validation,
        test=data.test,
        test_fraction=data.test_fraction,
        validation_size=data.validation_size,
        dedupe=data.dedupe,
    )


def prepare_dataset(phase: Phase, tokenizer: Tokenizer | None = None, corpus: Corpus | None = None) -> Dataset:
    """Read the corpus of a phase, tokenise it and choose its sides; DataError if it is not fit to train on.

    tokenizer: the vocabulary of the model that the training starts from; None: the phase says which. corpus: the
    phase's, where it is not what stands at data.source.
    """
    return build_dataset(phase_corpus(phase) if corpus is None else corpus, dataset_settings(phase), tokenizer)


def dataset_as_trained(
    phase: Phase, fingerprint: str, tokenizer: Tokenizer | None, corpus: Corpus | None = None
) -> Dataset:
    """The dataset of a phase whose model has this vocabulary; CorpusChanged if it no longer has this fingerprint."""
    dataset = prepare_dataset(phase, tokenizer if phase.model.init_from else None, corpus)
    if dataset.fingerprint != fingerprint:
        raise CorpusChanged(
            f"the corpus or its tokens have changed since the model was trained (fingerprint now "
            f"{dataset.fingerprint[:12]}, then {fingerprint[:12]})"
        )
    return dataset
