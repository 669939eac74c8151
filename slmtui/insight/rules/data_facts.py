"""What is known of a dataset before a training starts."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from slmtui.data.baseline import Baseline
from slmtui.data.dataset import Dataset
from slmtui.data.duplicates import duplicate_groups, near_duplicates
from slmtui.data.split_stats import COMPARED_TOKENS, dataset_leakage, token_counts
from slmtui.data.text_measures import measure_text
from slmtui.training.data_record import DataFacts

# The mean loss of n tokens of one text is known to about ± 8 / √n nats: measured with the n-gram model on the bundled
# corpus (0.33 at 500 tokens, 0.21 at 1,500, 0.18 at 2,366). Tokens are hard or easy together, so it is more than
# 2.5 / √n, what it would be if they were independent.
SPREAD = 8.0


def facts_of(dataset: Dataset, baseline: Baseline | None = None) -> DataFacts:
    """Some seconds for a million tokens; of larger datasets, the first four millions of each side are judged."""
    shared, counts, text = dataset_leakage(dataset), token_counts(dataset), measure_text(dataset)
    return DataFacts(
        used_tokens=int(np.count_nonzero(counts.train)),
        repeated_share=shared.repeated_share,
        longest_repeat=shared.longest,
        shortest_repeat=shared.shortest,
        longest_train=shared.longest_train,
        longest_val=shared.longest_val,
        unseen_share=counts.unseen_tokens / max(1, dataset.val.n_text_tokens),
        duplicate_share=_duplicate_share(dataset),
        unigram=_entropy(counts.train),
        frequency_bits=text.frequencies,
        compressed_bits=text.compressed,
        whole_bits=text.whole,
        baseline=baseline,
    )


def val_uncertainty(val_tokens: int) -> float:
    """About how well a validation loss is known, in nats per token: one standard error (see SPREAD)."""
    return SPREAD / math.sqrt(val_tokens)


def _entropy(counts: NDArray[np.int64]) -> float:
    """Nats per token of a text whose tokens are known by their frequency alone."""
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum())


def _duplicate_share(dataset: Dataset) -> float:
    """Among the documents that begin within the tokens that are compared; in the published form, the files."""
    if dataset.train.lines is None:
        files = [file for file in dataset.files if max(file.train.start, file.val.start) < COMPARED_TOKENS]
        train, val = dataset.train.tokens, dataset.val.tokens
        documents = [np.concatenate([train[_span(file.train)], val[_span(file.val)]]) for file in files]
    else:
        documents = []
        for side in (dataset.train, dataset.val):
            ends = side.ends[side.ends < COMPARED_TOKENS]
            pieces = np.split(side.tokens[:COMPARED_TOKENS], ends)  # each but the first begins with an end
            documents += [pieces[0], *(piece[1:] for piece in pieces[1:])]
    leaders = duplicate_groups(len(documents), near_duplicates(documents))
    copies = sum(len(document) for i, document in enumerate(documents) if leaders[i] != i)
    return copies / max(1, sum(map(len, documents)))


def _span(tokens: range) -> slice:
    return slice(tokens.start, min(tokens.stop, COMPARED_TOKENS))
