"""Event sequences for tests: made up ones, and the published loss tables as the events of a run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from slmtui.config.phase_file import parse_phase
from slmtui.training.data_record import data_record
from slmtui.training.events import Evaluation, Event, Reason, RunFinished, RunStarted, Step
from slmtui.training.gap import verdict

TABLES: dict[str, Any] = json.loads((Path(__file__).parents[1] / "golden" / "published.json").read_text())

Row = tuple[int, float, float]  # step, train, val


def started(**changes: Any) -> RunStarted:
    """A run of a small, sound phase; `changes` go to the model, the training or the data, wherever the key is."""
    phase = parse_phase('[phase]\nname = "p"\n', "p.toml").values()
    data: dict[str, Any] = {"n_vocab": 1_500, "train_tokens": 20_000, "val_tokens": 2_200, "train_bytes": None}
    parameters = {"token_embedding": 100_000, "position_embedding": 4_000, "body": 300_000}
    for key, value in changes.items():
        for section in (phase["model"], phase["training"], data, parameters):
            if key in section:
                section[key] = value
                break
        else:
            raise KeyError(key)
    total = sum(parameters.values())
    return RunStarted(
        step=0, phase=phase, parameters=parameters | {"total": total}, data=data_record(**data), machine={}, versions={}
    )


def evaluations(rows: Sequence[Row]) -> list[Evaluation]:
    best, found = float("inf"), []
    for step, train, val in rows:
        gap = val - train
        found.append(
            Evaluation(
                step=step,
                train_loss=train,
                val_loss=val,
                gap=gap,
                verdict=verdict(gap),
                bits_per_byte=val / 3,
                best=val < best,
            )
        )
        best = min(best, val)
    return found


def run(rows: Sequence[Row], reason: Reason = "completed", **changes: Any) -> list[Event]:
    """The events of a finished run with these evaluations, and a step before each."""
    begin = started(**({"max_iters": rows[-1][0]} | changes))
    happened: list[Event] = [begin]
    for evaluation in evaluations(rows):
        if evaluation.step > 0:
            rate = begin.phase["training"]["learning_rate"]
            loss = evaluation.train_loss
            happened.append(Step(step=evaluation.step, loss=loss, learning_rate=rate, grad_norm=1.0, tokens=0))
        happened.append(evaluation)
    best = min(rows, key=lambda row: row[2])
    happened.append(RunFinished(step=rows[-1][0], reason=reason, best_step=best[0], best_val_loss=best[2], seconds=1))
    return happened


def published(phase: str) -> list[Event]:
    """A published phase: its table with what it says of its configuration."""
    table = TABLES[phase]
    rows = [(row["step"], row["train"], row["val"]) for row in table["losses"]]
    n_embd, block = table["n_embd"], table["block_size"]
    embedding = 50_257 * n_embd
    return run(
        rows,
        n_vocab=50_257,
        train_tokens=table["train_tokens"],
        val_tokens=table["val_tokens"],
        token_embedding=embedding,
        position_embedding=block * n_embd,
        body=table["parameters"] - embedding - block * n_embd,
        n_layer=table["n_layer"],
        n_head=table["n_head"],
        n_embd=n_embd,
        block_size=block,
        max_iters=table["max_iters"],
        batch_size=table["batch_size"],
        learning_rate=table["learning_rate"],
        schedule="constant",
    )
