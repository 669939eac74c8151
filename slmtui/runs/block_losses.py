"""A study's trial ends with a look at how its best model does on each stretch of the validation side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from slmtui.data.dataset import SideTokens
from slmtui.data.tokenizer import Tokenizer
from slmtui.model.mixture import NgramMixture
from slmtui.runs.checkpoint import CheckpointError, load_model
from slmtui.runs.run import Run
from slmtui.training import events
from slmtui.training.evaluation import each_loss
from slmtui.training.events import Event
from slmtui.training.state import Training

MOST_BLOCKS, LEAST_BYTES = 40, 100


def with_block_losses(stream: Iterable[Event], run: Run, training: Training) -> Iterator[Event]:
    """The events of a training; those of a study's trial that came to its end with the blocks' losses before the last.

    Checkpoints are saved as they come.
    """
    for event in stream:
        if isinstance(event, events.RunFinished) and event.as_meant and training.phase.phase.study:
            yield from _measured(run, training)
        yield event


def _measured(run: Run, training: Training) -> Iterator[Event]:
    try:
        saved = load_model(run.best_file)
    except CheckpointError as error:
        yield events.Warned(step=training.step, code="no_blocks", message=f"the blocks were not measured: {error}")
        return
    model, side = saved.model.to(training.model.device), training.dataset.val
    ngram = model.mixture.ngram_losses(side.tokens) if isinstance(model.mixture, NgramMixture) else None
    lengths = text_bytes(side, training.dataset.tokenizer)[1:]  # the first token is not predicted
    block_of = blocks_of(lengths)
    n_blocks = int(block_of[-1]) + 1
    is_text = np.ones(len(lengths), bool) if side.end is None else side.tokens[1:] != side.end
    names = ("network", "static", "adaptive")
    sums = {
        name: np.bincount(block_of[is_text], losses.double().numpy()[is_text], n_blocks).tolist()
        for name, losses in zip(names, each_loss(model, side, ngram, bf16=training.bf16), strict=False)
    }
    yield events.BlockLosses(
        step=training.step,
        best_step=saved.step,
        n_bytes=np.bincount(block_of, lengths, n_blocks).astype(int).tolist(),
        decides=training.phase.decides or ("network" if model.mixture is None else "static"),
        **sums,
    )


def text_bytes(side: SideTokens, tokenizer: Tokenizer) -> NDArray[np.int64]:
    """How many bytes of text each token of a side stands for, (n,)."""
    used, where = np.unique(side.tokens, return_inverse=True)
    lengths = np.array([len(tokenizer.token_bytes(int(token))) for token in used], np.int64)
    return np.take(lengths, where)


def blocks_of(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """The block that each token is in, (n,), from 0 on: up to 40 stretches of about the same number of bytes."""
    ends = np.cumsum(lengths)
    n = max(1, min(MOST_BLOCKS, int(ends[-1]) // LEAST_BYTES))
    blocks: NDArray[np.int64] = np.minimum((ends - lengths) * n // max(1, int(ends[-1])), n - 1)
    return blocks
