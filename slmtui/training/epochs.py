"""How many tokens a training sees, and how often it has seen its text."""

from __future__ import annotations


def tokens_per_step(batch_size: int, block_size: int, train_length: int | None) -> int:
    """How many tokens a step trains on.

    train_length: tokens of the training side, the ends of documents with them; its windows are no longer than that.
    None in the published form, which repeats a text that is too short.
    """
    return batch_size * (block_size if train_length is None else min(block_size, train_length - 1))


def epochs(n_steps: int, per_step: int, train_tokens: int, train_length: int | None) -> float:
    """How often each token of the training side has been seen by then, on average.

    `train_tokens` are those of text: all there are where no `train_length` is known.
    """
    return n_steps * per_step / (train_length or train_tokens)
