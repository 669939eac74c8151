"""What is known of a dataset before a training starts, and the warnings that follow from it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from slmtui.data.baseline import Baseline
from slmtui.data.dataset import Dataset
from slmtui.data.duplicates import duplicate_groups, near_duplicates
from slmtui.data.leakage import SHORTEST_REPEAT, leakage
from slmtui.data.split_stats import COMPARED_TOKENS
from slmtui.training.data_record import DataFacts
from slmtui.training.events import Warned

Level = Literal["note", "warning", "serious"]


# Shares of the validation tokens that lie in repeats of training text. Scripts of one author share 7 to 19 %; the
# published split that was celebrated for its small gap, nearly all.
LEAKS: tuple[tuple[float, Level], ...] = ((0.6, "serious"), (0.3, "warning"))
UNSEEN: tuple[tuple[float, Level], ...] = ((0.4, "warning"), (0.2, "note"))
# The mean loss of n tokens of one text is known to about ± 8 / √n nats: measured with the n-gram model on the bundled
# corpus (0.33 at 500 tokens, 0.21 at 1,500, 0.18 at 2,366). Tokens are hard or easy together, so it is more than
# 2.5 / √n, what it would be if they were independent.
SPREAD = 8.0
TINY: tuple[tuple[int, Level], ...] = ((250, "warning"), (1_000, "note"))  # validation tokens: ± 0.5 and ± 0.25 nats


def facts_of(dataset: Dataset, baseline: Baseline | None = None) -> DataFacts:
    """Some seconds for a million tokens; of larger datasets, the first four millions of each side are judged."""
    train, val = dataset.train.tokens[:COMPARED_TOKENS], dataset.val.tokens[:COMPARED_TOKENS]
    shared = leakage(train, val)
    counts = np.bincount(train, minlength=dataset.tokenizer.n_vocab)
    return DataFacts(
        used_tokens=int(np.count_nonzero(counts)),
        repeated_share=shared.repeated_share,
        longest_repeat=shared.longest,
        longest_train=_place(dataset, "train", shared.longest_train),
        longest_val=_place(dataset, "val", shared.longest_val),
        unseen_share=shared.unseen_tokens / shared.val_tokens,
        duplicate_share=_duplicate_share(dataset),
        unigram=_entropy(counts),
        baseline=baseline,
    )


def data_warnings(facts: DataFacts, val_tokens: int) -> list[Warned]:
    """What should be known before the first step, the worst first."""
    found: list[Warned] = []
    if level := _level_above(facts.repeated_share, LEAKS):
        found.append(
            Warned(
                step=0,
                code="leakage",
                level=level,
                message=f"{facts.repeated_share:.0%} of the validation tokens repeat training text "
                f"({SHORTEST_REPEAT} tokens or more; the longest {facts.longest_repeat:,}, {facts.longest_val} like "
                f"{facts.longest_train}), so a small gap means little",
                advice='hold other text back: data.split = "by-file", or a corpus without copies',
            )
        )
    if level := next((level for limit, level in TINY if val_tokens < limit), None):
        found.append(
            Warned(
                step=0,
                code="tiny_validation",
                level=level,
                message=f"validation has {val_tokens:,} tokens: its loss is known to about "
                f"± {val_uncertainty(val_tokens):.1f} nats, and smaller differences mean nothing",
                advice="use more text, or a smaller data.train_fraction",
            )
        )
    if level := _level_above(facts.unseen_share, UNSEEN):
        found.append(
            Warned(
                step=0,
                code="unseen",
                level=level,
                message=f"{facts.unseen_share:.0%} of the validation tokens never occur in training; "
                "no model can have learned them",
                advice='use more text, or spell rare words in smaller tokens: tokenizer.kind = "bpe"',
            )
        )
    return worst_first(found)


def worst_first(found: Iterable[Warned]) -> list[Warned]:
    """In the order of their levels; within one, as they came."""
    order = {"serious": 0, "warning": 1, "note": 2}
    return sorted(found, key=lambda warning: order[warning.level])


def val_uncertainty(val_tokens: int) -> float:
    """About how well a validation loss is known, in nats per token: one standard error (see SPREAD)."""
    return SPREAD / math.sqrt(val_tokens)


def _level_above(share: float, limits: tuple[tuple[float, Level], ...]) -> Level | None:
    return next((level for limit, level in limits if share >= limit), None)


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
