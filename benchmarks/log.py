"""How long it takes to open the log of a run of a million steps, and to draw its chart."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.table import Row, seconds
from slmtui.config.phase_file import load_phase
from slmtui.console.charts.rendering import draw_chart
from slmtui.console.screens.train.view import TrainView, charts
from slmtui.runs.history import RunHistory
from slmtui.runs.run import Run
from slmtui.training import events
from slmtui.training.data_record import DataRecord
from slmtui.training.events import Event, to_json

STEPS, INTERVAL = 1_000_000, 1_000
SIZE = (60, 16)  # of the loss chart on Train at 120×40
OPENED, DRAWN = 3, 15  # times
VIEWS = (TrainView(), TrainView(smoothing=True), TrainView(log_y=True), TrainView(x="time", recent=True))


def replay() -> list[Row]:
    with TemporaryDirectory() as folder:
        run = Run(Path(folder))
        with run.log_file.open("w", encoding="utf-8") as file:
            file.writelines(to_json(event) + "\n" for event in million_steps())
        size = run.log_file.stat().st_size / 1e6
        opened = [_cpu_seconds(lambda: RunHistory(run).refresh()) for _ in range(OPENED)]
        history = RunHistory(run)
        history.refresh()
    drawings = [_draw(history, view) for view in VIEWS]
    drawn = max(median(_cpu_seconds(draw) for _ in range(DRAWN)) for draw in drawings)
    return [
        Row("Long runs", "a log of a million steps opened", seconds(median(opened)), "≤ 2 s", median(opened) <= 2.0,
            f"{size:.0f} MB, one thread; CPU time, median of {OPENED}"),
        Row("Long runs", "its loss chart drawn", seconds(drawn), "≤ 30 ms", drawn <= 0.03,
            f"{SIZE[0]}×{SIZE[1]}, the slowest of {len(VIEWS)} views; CPU time, medians of {DRAWN}"),
    ]  # fmt: skip


def million_steps() -> Iterator[Event]:
    """A long run as phase 2 would have it: a loss that falls and scatters, an evaluation every thousand steps."""
    phase, noise, began = load_phase(Path("phases/phase2.toml")), random.Random(0), 1.7e9
    data = DataRecord(train_tokens=4_500, val_tokens=500, n_vocab=50_257)
    yield events.RunStarted(
        step=0, time=began, phase=phase.values(), parameters={"total": 1}, data=data, machine={}, versions={}
    )
    best = math.inf
    for step in range(1, STEPS + 1):
        loss = 2 + 8 * math.exp(-step / 1e5) + noise.gauss(0, 0.2)
        yield events.Step(
            step=step, time=began + step / 50, loss=loss, learning_rate=5e-4, grad_norm=noise.uniform(0.5, 2),
            tokens=256 * step,
        )  # fmt: skip
        if step % INTERVAL == 0:
            yield events.Evaluation(
                step=step, time=began + step / 50, train_loss=loss, val_loss=loss + 0.5, gap=0.5, verdict="good",
                bits_per_byte=2.0, best=loss < best,
            )  # fmt: skip
            best = min(best, loss)


def _draw(history: RunHistory, view: TrainView) -> Callable[[], object]:
    return lambda: draw_chart(charts(history, view, gap_ticks=True)[0], *SIZE)


def _cpu_seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began
