"""Comparing a loss with that of a model that knows nothing: ln n_vocab, in nats per token.

Only here is it decided whether a model has learned anything and whether its training has diverged.
"""

from __future__ import annotations

import math

LEARNED = 0.9  # times ln n_vocab: the validation loss must be below it before a gap means anything
EXPLODED = 1.0  # nats above ln n_vocab: overfitting never drives a training loss there, but too large steps do


def uniform_loss(n_vocab: int) -> float:
    """The loss of a model for which all tokens are equally likely, in nats per token."""
    return math.log(n_vocab)


def has_learned(val_loss: float, n_vocab: int, step: int) -> bool:
    """Whether a model with this validation loss after so many steps has learned something.

    Its loss must be more than a tenth below ln n_vocab. Before its first step it has learned nothing, even if a copy
    head takes its loss below that.
    """
    return step > 0 and val_loss < LEARNED * uniform_loss(n_vocab)


def ended_diverged(train_loss: float, n_vocab: int, *, improved: bool) -> bool:
    """Whether a training that ends with this training loss has diverged.

    improved: whether any evaluation after step 0 was the best. If none was, the training loss need not be far above
    ln n_vocab: all the steps have only made the model worse.
    """
    return has_exploded(train_loss, n_vocab) or (not improved and train_loss > uniform_loss(n_vocab))


def has_exploded(train_loss: float, n_vocab: int) -> bool:
    """Whether a training loss is far above that of a model before its first step."""
    return train_loss > uniform_loss(n_vocab) + EXPLODED
