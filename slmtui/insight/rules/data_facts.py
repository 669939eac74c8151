"""What is known of a dataset before a training starts."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from slmtui.data.baseline import Baseline
from slmtui.data.dataset import Dataset
from slmtui.data.duplicates import duplicate_groups, near_duplicates
from slmtui.data.leakage import leakage
from slmtui.data.split_stats import COMPARED_TOKENS
from slmtui.training.data_record import DataFacts

# The mean loss of n tokens of one text is known to about ± 8 / √n nats: measured with the n-gram model on the bundled
# corpus (0.33 at 500 tokens, 0.21 at 1,500, 0.18 at 2,366). Tokens are hard or easy together, so it is more than
# 2.5 / √n, what it would be if they were independent.
SPREAD = 8.0


def facts_of(dataset: Dataset, baseline: Baseline | None = None) -> DataFacts:
    """Some seconds for a million tokens; of larger datasets, the first four millions of each side are judged."""
    train, val = dataset.train.tokens[:COMPARED_TOKENS], dataset.val.tokens[:COMPARED_TOKENS]
    found = leakage(train, val)
    counts = np.bincount(train, minlength=dataset.tokenizer.n_vocab)
    return DataFacts(
        used_tokens=int(np.count_nonzero(counts)),
        repeated_share=found.repeated_share,
        longest_repeat=found.longest,
        longest_train=_place(dataset, "train", found.longest_train),
        longest_val=_place(dataset, "val", found.longest_val),
        unseen_share=found.unseen_tokens / found.val_tokens,
        duplicate_share=_duplicate_share(dataset),
        unigram=_entropy(counts),
        baseline=baseline,
    )


def val_uncertainty(val_tokens: int) -> float:
    """About how well a validation loss is known, in nats per token: one standard error (see SPREAD)."""
    return SPREAD / math.sqrt(val_tokens)


def _place(dataset: Dataset, side: Literal["train", "val"], token: int) -> str:
    file, line = dataset.locate(side, token)
    return f"{file}:{line}"


def _entropy(counts: NDArray[np.int64]) -> float:
    """Nats per token of a text whose tokens are known by their frequency alone."""
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum())


def _duplicate_share(dataset: Dataset) -> float:
    """Among the files that begin within the tokens that are compared."""
    files = [file for file in dataset.files if max(file.train.start, file.val.start) < COMPARED_TOKENS]
    documents = [
        np.concatenate([dataset.train.tokens[_span(file.train)], dataset.val.tokens[_span(file.val)]]) for file in files
    ]
    leaders = duplicate_groups(len(documents), near_duplicates(documents))
    copies = sum(len(document) for i, document in enumerate(documents) if leaders[i] != i)
    return copies / sum(map(len, documents))


def _span(tokens: range) -> slice:
    return slice(tokens.start, min(tokens.stop, COMPARED_TOKENS))
