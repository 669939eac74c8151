"""A training that needs more memory than there is: recognised, and reported with a remedy."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from slmtui.config.phase import Phase
from slmtui.errors import TrainingFailed

_WORDS = re.compile(r"not enough memory|can't allocate memory|out of memory", re.IGNORECASE)
_WANTED = re.compile(r"tried to allocate (\d+) bytes|allocate ([\d.]+ [KMGT]iB)")


@contextmanager
def translate_oom(phase: Phase) -> Iterator[None]:
    """Turn out-of-memory errors, in all the forms that torch and Python have, into TrainingFailed with a proposal."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise TrainingFailed(f"out of memory{_wanted(error)}; {proposal(phase)}") from error


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out: torch raises RuntimeError on a CPU, and its own class on a GPU."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and _WORDS.search(str(error)) is not None
    )


def proposal(phase: Phase) -> str:
    """The same training in less memory: the batch in twice as many parts. If each is one window already, the next
    smaller training: half the window; else a smaller model."""
    batch_size, block_size, n_embd = phase.training.batch_size, phase.model.block_size, phase.model.n_embd
    if phase.training.accumulate < batch_size:
        parts = min(batch_size, 2 * phase.training.accumulate)
        return f"compute each batch in {parts} parts, with the same losses: --set training.accumulate={parts}"
    if block_size > 16:
        shorter = f"--set model.block_size={block_size // 2}"
        return f"no more than a window at a time is computed already; try a shorter one: {shorter}"
    return f"the batch is already small; try a smaller model than n_embd = {n_embd}, n_layer = {phase.model.n_layer}"


def _wanted(error: BaseException) -> str:
    found = _WANTED.search(str(error))
    if found is None:
        return ""
    size = f"{int(found[1]) / 2**30:.1f} GiB" if found[1] else found[2]
    return f" (tried to allocate {size} more)"
