"""What a log has numbers of besides its losses: in its unit, at its place, and said where it is missing."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from slmtui.console.charts.metrics import METRICS, metric_chart, metric_points
from slmtui.console.charts.rendering import draw_chart
from slmtui.runs.history import RunHistory
from slmtui.training import events
from slmtui.training.events import Event
from tests.written_runs import BEGAN, finished, make_phase, started, write_run


def history(folder: Path, *, memory: int | None) -> RunHistory:
    """Six steps of 64 tokens, half a second each, and an evaluation of 10 seconds after the third."""
    happened: list[Event] = [started(make_phase())]
    now = BEGAN
    for step in range(1, 7):
        now += 0.5
        happened.append(
            events.Step(
                step=step, time=now, loss=7.0 - step, learning_rate=step * 1e-4, grad_norm=2.0 / step, tokens=64 * step
            )
        )
        if step == 3:
            now += 10.0
            happened.append(
                events.Evaluation(
                    step=step,
                    time=now,
                    train_loss=4.0,
                    val_loss=4.5,
                    gap=0.5,
                    verdict="good",
                    bits_per_byte=2.0,
                    best=True,
                    memory=memory,
                )
            )
    read = RunHistory(write_run(folder, "tiny-001", make_phase(), [*happened, finished(happened)]))
    read.refresh()
    return read


@pytest.mark.parametrize(
    ("name", "steps", "values"),
    [
        ("train loss", [1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1]),
        ("gradient norm", [1, 2, 3, 4, 5, 6], [2, 1, 2 / 3, 0.5, 0.4, 1 / 3]),
        ("learning rate", [1, 2, 3, 4, 5, 6], [1e-4, 2e-4, 3e-4, 4e-4, 5e-4, 6e-4]),
        ("speed", [2, 3, 5, 6], [128, 128, 128, 128]),  # the evaluation is no training
        ("memory", [3], [512.0]),
    ],
)
def test_each_metric_is_what_the_log_says(tmp_path: Path, name: str, steps: list[int], values: list[float]) -> None:
    points = metric_points(history(tmp_path, memory=512_000_000), name)
    assert points is not None
    assert points[0].tolist() == steps
    assert points[1].tolist() == pytest.approx(values)


def test_along_tokens_and_time_it_lies_where_the_losses_do(tmp_path: Path) -> None:
    read = history(tmp_path, memory=None)
    for x in ("tokens", "time"):
        points = metric_points(read, "gradient norm", x)
        assert points is not None
        assert points[0].tolist() == (read.tokens if x == "tokens" else read.seconds).tolist()


def test_what_the_log_has_nothing_of_is_said_in_the_place_of_a_chart(tmp_path: Path) -> None:
    spec = metric_chart(history(tmp_path, memory=None), "memory")
    drawn = draw_chart(spec, 60, 9)
    text = " ".join(" ".join("".join(piece for piece, _ in row) for row in drawn.rows).split())
    assert text == "No memory in the log: logged at each evaluation, but not by older runs."
    assert [sum(len(piece) for piece, _ in row) for row in drawn.rows] == [60] * 9
    assert "┤" not in text
    assert drawn.x is None  # there is nothing for a cursor to read


def test_titles_name_the_unit_and_smoothing_keeps_what_was_there(tmp_path: Path) -> None:
    read = history(tmp_path, memory=512_000_000)
    assert {name: metric_chart(read, name).title for name in METRICS} == {
        "train loss": "training loss of each batch (nats per token)",
        "gradient norm": "gradient norm, before it is clipped",
        "learning rate": "learning rate",
        "speed": "speed (tokens/s)",
        "memory": "memory of the training process (MB)",
    }
    raw, smooth = metric_chart(read, "gradient norm", smoothing=0.9).series
    assert raw.ys.tolist() == read.grad_norms.tolist()
    assert np.ptp(smooth.ys) < np.ptp(raw.ys)


def test_a_training_logs_the_memory_of_its_process_which_decides_nothing() -> None:
    one = events.Evaluation(
        step=1, train_loss=1.0, val_loss=1.0, gap=0.0, verdict="", bits_per_byte=1.0, best=True, memory=5
    )
    assert one == dataclasses.replace(one, memory=6)
