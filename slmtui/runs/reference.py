"""The run that a gate judges another one against: what of it is taken down, when the other one starts.

A tag moves and a run may be deleted, but a log is to say the same for ever; so its numbers go into the new run's log.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path

from slmtui.config.errors import PhaseError, shown
from slmtui.config.phase import Phase
from slmtui.config.phase_file import fault
from slmtui.data.dataset import Dataset
from slmtui.errors import UserError
from slmtui.runs.log_reader import LogReader
from slmtui.runs.run import Run, RunError, find_run
from slmtui.runs.summary import SummaryFold
from slmtui.training import events
from slmtui.training.events import Event, Reference


def with_reference(phase: Phase, checkpoints: Path) -> tuple[Phase, Reference | None]:
    """The phase with the name of the run that `gate.against` stands for, and what is known of it, if it names one.

    PhaseError for one that is not there, is still trained, or was never evaluated.
    """
    name = phase.gate.against
    if name is None:
        return phase, None
    try:
        run = find_run(checkpoints, name)
        gate = phase.gate.model_copy(update={"against": run.source(checkpoints)})
        return phase.model_copy(update={"gate": gate}), _read(run)
    except UserError as error:
        raise _refused(phase, str(error)) from None


def refuse_other_text(phase: Phase, reference: Reference | None, dataset: Dataset) -> None:
    """PhaseError if the losses of both would be of different texts."""
    if reference is not None and reference.val_text != dataset.val_bytes_fingerprint:
        raise _refused(
            phase,
            f"{reference.run} was judged on another validation text, so their losses say nothing about one another; "
            "name the same validation files for both (data.validation), or a run on this text",
        )


def started_with(stream: Iterable[Event], reference: Reference | None) -> Iterator[Event]:
    """The events of a training, the first with what it is judged against."""
    for event in stream:
        yield dataclasses.replace(event, reference=reference) if isinstance(event, events.RunStarted) else event


def _read(run: Run) -> Reference:
    if run.is_alive():  # asked first: one that ends meanwhile would be read without its end
        raise RunError(f"{run.name} is being trained; judge against it when it is over")
    fold = SummaryFold(run.name)
    for chunk in LogReader(run.log_file).read():
        for event in chunk.skim():
            fold.add(event)
    summary, blocks = fold.so_far(), fold.blocks
    if summary.best_step is None or summary.judged_bits_per_byte is None:
        raise RunError(f"{run.name} has no evaluation that it could be judged by")
    of_it = blocks if blocks is not None and blocks.best_step == summary.best_step else None
    return Reference(
        run=f"{run.name}@{summary.best_step}",
        val_text=summary.val_text,
        bits_per_byte=summary.judged_bits_per_byte,
        decides=summary.judged or "network",
        n_bytes=[] if of_it is None else of_it.n_bytes,
        nats=[] if of_it is None else of_it.judged,
    )


def _refused(phase: Phase, why: str) -> PhaseError:
    return fault(phase, "gate.against", f"not possible (got {shown(phase.gate.against)}): {why}")
