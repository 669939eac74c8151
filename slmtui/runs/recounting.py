"""What a person waits for when a model with counts is read: a checkpoint does not keep them."""

from __future__ import annotations

from collections.abc import Callable

from slmtui.errors import UserError
from slmtui.runs.run import Run

LONG_TO_COUNT = 200_000  # tokens: some 5 s


def tell_of_counts(run: Run, tell: Callable[[str], object]) -> None:
    """Before the model of a run is read whose counts have to be compiled, or take long for a long training text."""
    try:
        if not run.phase().model.context_mixing:
            return
        started = next(run.events(), None)
    except UserError:
        return  # whoever reads the model says what is wrong
    from slmtui.model.compiled import tell_of_compiling  # numba, which few need

    tell_of_compiling(tell)
    tokens = getattr(getattr(started, "data", None), "train_tokens", 0)
    if tokens > LONG_TO_COUNT:
        tell(f"{run.name}: counting its {tokens:,} training tokens again: up to half a minute")
