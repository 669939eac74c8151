"""The n-gram baseline of a split: the loss that an n-gram model reaches on the validation tokens.

A network that ends above this line has learned less than a table of counts, whatever its curves look like.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slmtui.data.baseline import Baseline, bits_per_byte
from slmtui.data.ngram import (
    HIGHEST_ORDER,
    FloatArray,
    IntArray,
    KneserNey,
    OrderTable,
    checked_tokens,
    contexts_above,
    count_ngrams,
    find,
)
from slmtui.data.token_file import blocks

TOKEN_LIMIT = 1_000_000  # of each side; more would cost minutes and gigabytes, and hardly change the loss
STRETCHES = 100  # a side over the limit is sampled in this many pieces of text


@dataclass(frozen=True)
class ScoredTokens:
    """The validation tokens that a baseline was measured on, (m,), and what each cost, nats, (m,)."""

    tokens: IntArray
    losses: FloatArray


def ngram_baseline(train: ArrayLike, val: ArrayLike, n_vocab: int, val_bytes: int, end: int | None = None) -> Baseline:
    """Kneser–Ney of orders 1 to 7, fitted on the training tokens (n,), scored on the validation tokens (m,).

    The order is the one that does best on the last tenth of the training tokens when fitted on the rest; the
    validation tokens play no part in the choice. The model is then fitted on all of `train`. The first token of a side
    is not scored, because a network never predicts it either; neither is an `end` of a document, which is no text.
    `val_bytes` is the length of the validation text in UTF-8. Sides larger than `TOKEN_LIMIT` are sampled, and `note`
    says so. Raises ValueError for a side of fewer than two tokens.
    """
    return scored_baseline(train, val, n_vocab, val_bytes, end)[0]


def scored_baseline(
    train: ArrayLike, val: ArrayLike, n_vocab: int, val_bytes: int, end: int | None = None
) -> tuple[Baseline, ScoredTokens]:
    """`ngram_baseline`, and the tokens that it was scored on."""
    train_tokens, val_tokens = np.asarray(train), np.asarray(val)
    if min(len(train_tokens), len(val_tokens)) < 2 or val_bytes < 1:
        raise ValueError(
            "a baseline needs at least two tokens on each side and one byte of text, not "
            f"{len(train_tokens)} and {len(val_tokens)} tokens and {val_bytes} bytes"
        )
    # Sampled before they are converted: the tokens of a large corpus are mapped from a file.
    fitted, scored = (checked_tokens(stretches(tokens, TOKEN_LIMIT), n_vocab) for tokens in (train_tokens, val_tokens))
    order = _best_order(fitted, n_vocab)
    n_text = sum(int(np.count_nonzero(_is_text(block, end))) for block in blocks(val_tokens))
    is_text, losses, of_chosen = _is_text(scored[1:], end), list[float](), np.empty(0)
    for of_tokens in losses_by_order(fitted, scored, n_vocab):
        losses.append(float(of_tokens[1:][is_text].mean()))
        if len(losses) == order:
            of_chosen = of_tokens
    baseline = Baseline(
        order=order,
        loss=losses[order - 1],
        order_losses=tuple(losses),
        unigram=losses[0],
        uniform=math.log(n_vocab),
        bits_per_byte=bits_per_byte(losses[order - 1], n_text, val_bytes),
        note=_note(len(fitted), len(train_tokens), len(scored), len(val_tokens)),
    )
    return baseline, ScoredTokens(scored, of_chosen)


def _is_text(tokens: NDArray[Any], end: int | None) -> NDArray[np.bool_]:
    return np.ones(len(tokens), np.bool_) if end is None else tokens != end


def fit_ngram(train: ArrayLike, n_vocab: int) -> KneserNey:
    """The model that `ngram_baseline` scores: same training tokens, (n,), n > 1, and same order."""
    fitted = checked_tokens(stretches(np.asarray(train), TOKEN_LIMIT), n_vocab)
    return KneserNey.fit(fitted, n_vocab, _best_order(fitted, n_vocab))


def _best_order(fitted: IntArray, n_vocab: int) -> int:
    held_out = max(1, len(fitted) // 10)
    trial = [float(row.mean()) for row in losses_by_order(fitted[:-held_out], fitted[-held_out:], n_vocab)]
    return 1 + int(np.argmin(trial))


def losses_by_order(train: ArrayLike, tokens: ArrayLike, n_vocab: int) -> Iterator[FloatArray]:
    """`KneserNey.fit(train, n_vocab, order).losses(tokens)` for every order from 1, (n,) each, from one count.

    The models differ only in their highest level, which counts occurrences where the others count continuations. One
    row after the other, so that two levels of counts are in memory, and not all of them.
    """
    text = checked_tokens(tokens, n_vocab)
    contexts = ids = np.zeros_like(text)
    lower, keys, n_contexts = np.full(len(text), 1 / n_vocab), np.zeros(1, np.int64), 1  # the empty context is one
    for level in count_ngrams(train, n_vocab, HIGHEST_ORDER):
        if len(level.continuations):  # the level below, which is not the highest any more
            below = OrderTable.smooth(keys, level.continuations, n_contexts, n_vocab)
            lower = below.interpolate(contexts, ids, lower)
            contexts, n_contexts = contexts_above(ids), len(keys)
            del below
        keys, ids = level.keys, find(level.keys, contexts, text, n_vocab)
        highest = OrderTable.smooth(keys, level.occurrences, n_contexts, n_vocab)
        yield -np.log(highest.interpolate(contexts, ids, lower))
        del highest, level


def stretches(tokens: NDArray[Any], limit: int) -> NDArray[Any]:
    """`tokens`, or `limit` of them: `STRETCHES` pieces of equal length, evenly spaced over the text, in order."""
    if len(tokens) <= limit:
        return tokens
    length = limit // STRETCHES
    starts = np.linspace(0, len(tokens) - length, STRETCHES).astype(np.int64)
    sample: NDArray[Any] = tokens[np.add.outer(starts, np.arange(length)).reshape(-1)]
    return sample


def _note(fitted: int, train: int, scored: int, val: int) -> str:
    parts = [
        f"{used:,} of {all_:,} {name} tokens"
        for used, all_, name in ((fitted, train, "training"), (scored, val, "validation"))
        if used < all_
    ]
    return f"n-gram baseline on {' and '.join(parts)}, in {STRETCHES} evenly spaced pieces" if parts else ""
