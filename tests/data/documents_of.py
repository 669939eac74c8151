"""Documents of a corpus and of both sides, as texts."""

from __future__ import annotations

from slmtui.data.corpus import Corpus
from slmtui.data.dataset import Dataset, DatasetSettings, build_dataset
from slmtui.data.documents import DocumentForm

KINDS = ["gpt2", "gpt2-compact", "bpe", "characters", "bytes"]


LINES = DocumentForm(documents="lines")


def documents(corpus: Corpus) -> list[str]:
    """The texts of its documents."""
    found, begun = list[str](), False
    for chunk in corpus.chunks():
        for i, text in enumerate(chunk.texts):
            if begun:
                found[-1] += text
            else:
                found.append(text)
            begun = i == len(chunk.texts) - 1 and not chunk.ends
    return found


def sides(dataset: Dataset) -> tuple[list[str], list[str]]:
    """The documents of both sides, decoded."""
    train, val = (dataset.tokenizer.decode(side.tokens, "\0").split("\0") for side in (dataset.train, dataset.val))
    return [text for text in train if text], [text for text in val if text]


def dataset(corpus: Corpus, **settings: object) -> Dataset:
    return build_dataset(corpus, DatasetSettings(**{"kind": "gpt2", **settings}))  # type: ignore[arg-type]
