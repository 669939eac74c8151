"""Where a loss stands beside that of a model that knows nothing: ln n_vocab, in nats per token.

Whether a model has learned anything, and whether its training has gone far astray, is decided here alone.
"""

from __future__ import annotations

import math

LEARNED = 0.9  # of it: a validation loss must be below that before a gap means anything
EXPLODED = 1.0  # nats above it: overfitting never takes a training loss there, steps that are too large do


def uniform_loss(n_vocab: int) -> float:
    """What a model has that thinks all tokens equally likely, in nats per token."""
    return math.log(n_vocab)


def has_learned(val_loss: float, n_vocab: int) -> bool:
    """Whether a model with this validation loss has learned something: it is clearly, by a tenth, below ln n_vocab."""
    return val_loss < LEARNED * uniform_loss(n_vocab)


def ended_diverged(train_loss: float, n_vocab: int, *, improved: bool) -> bool:
    """Whether a training that ends with this training loss diverged on the way.

    improved: was any evaluation after the first steps the best? If none was, the training loss need not even be far
    above ln n_vocab: all the steps have made the model worse.
    """
    return has_exploded(train_loss, n_vocab) or (not improved and train_loss > uniform_loss(n_vocab))


def has_exploded(train_loss: float, n_vocab: int) -> bool:
    """Whether a training loss is far above what the model had before its first step."""
    return train_loss > uniform_loss(n_vocab) + EXPLODED
