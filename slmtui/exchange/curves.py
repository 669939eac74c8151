"""A run's curves for other tools, from its log as far as that has come: TensorBoard's event files, and CSV tables."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from slmtui.exchange.needs import needed
from slmtui.output import visible
from slmtui.runs.history import RunHistory
from slmtui.runs.run import Run, RunError
from slmtui.training.events import Evaluation, mixtures

EVENT_FILE = "events.out.tfevents.0.slmtui"  # TensorBoard takes what has "tfevents" in its name
STEP_COLUMNS = ("step", "seconds", "time", "loss", "learning_rate", "grad_norm", "tokens")
_NOT_TABLED = {"event", "requested"}


def read_history(run: Run) -> RunHistory:
    """What the log holds now; RunError if it holds nothing yet."""
    history = RunHistory(run)
    history.refresh()
    if history.started is None:
        raise RunError(f"{run.name} has no log yet, so there are no curves to export")
    return history


def write_csv(folder: Path, history: RunHistory) -> None:
    """steps.csv, a line for each logged step, and evaluations.csv; what is missing or not a number is empty."""
    columns = [history.steps, history.seconds, history.times, history.losses, history.learning_rates,
               history.grad_norms, history.tokens]  # fmt: skip
    whole = {STEP_COLUMNS.index("step"), STEP_COLUMNS.index("tokens")}
    with (folder / "steps.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(STEP_COLUMNS)
        for row in zip(*(column.tolist() for column in columns), strict=True):
            table.writerow([_cell(int(value) if i in whole else value) for i, value in enumerate(row)])
    names = [field.name for field in fields(Evaluation) if field.name not in _NOT_TABLED]
    with (folder / "evaluations.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(names)
        for evaluation in history.evaluations:
            table.writerow([_cell(getattr(evaluation, name)) for name in names])


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None or value != value else value


def write_tensorboard(folder: Path, history: RunHistory) -> None:
    """An event file with the losses of steps and evaluations, rates, and samples as text.

    UserError without tensorboardX. The records are written one by one, under a name of ours: the package's own writer
    puts the machine's into it.
    """
    record_writer = needed("tensorboardX.record_writer")
    proto = needed("tensorboardX.proto.event_pb2")
    writer = record_writer.RecordWriter(str(folder / EVENT_FILE))
    first = history.started.time if history.started is not None else 0.0
    writer.write(proto.Event(wall_time=first, file_version="brain.Event:2").SerializeToString())
    for time, step, values in _in_order(history):
        writer.write(proto.Event(wall_time=time, step=step, summary=values).SerializeToString())
    writer.close()


def _in_order(history: RunHistory) -> Iterator[tuple[float, int, Any]]:
    """All records as (time, step, summary), step by step: TensorBoard drops what it takes for an older attempt."""
    summary = needed("tensorboardX.summary")
    proto = needed("tensorboardX.proto.summary_pb2")

    def scalars(**named: float) -> Any:
        values = [proto.Summary.Value(tag=tag.replace("__", "/"), simple_value=value) for tag, value in named.items()]
        return proto.Summary(value=[value for value in values if not np.isnan(value.simple_value)])

    records = [
        (time, int(step), scalars(loss__step=loss, optimizer__learning_rate=rate, optimizer__grad_norm=norm))
        for time, step, loss, rate, norm in zip(
            history.times.tolist(), history.steps.tolist(), history.losses.tolist(), history.learning_rates.tolist(),
            history.grad_norms.tolist(), strict=True,
        )
    ]  # fmt: skip
    for one in history.evaluations:
        named = {"loss__train": one.train_loss, "loss__val": one.val_loss, "loss__gap": one.gap,
                 "bits_per_byte__val": one.bits_per_byte}  # fmt: skip
        for name, loss, bits in mixtures(one):
            named[f"loss__{name}"] = loss
            named[f"bits_per_byte__{name}"] = float("nan") if bits is None else bits
        records.append((one.time, one.step, scalars(**named)))
    at_step = Counter[int]()
    for sample in history.samples:
        text = visible(sample.prompt + sample.text)
        fenced = "\n".join(f"    {line}" for line in text.splitlines())  # TensorBoard reads Markdown
        at_step[sample.step] += 1
        records.append((sample.time, sample.step, summary.text(f"samples/{at_step[sample.step]}", fenced)))
    yield from sorted(records, key=lambda record: (record[1], record[0]))
