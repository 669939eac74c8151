"""A run at a glance: the same as its whole log says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slmtui.runs.log import EventLog
from slmtui.runs.preview import newest_of, preview
from slmtui.runs.run import Run
from slmtui.training import events
from slmtui.training.data_record import DataRecord
from tests.insight.sound import SOUND, counted

PHASE: dict[str, Any] = {"phase": {"name": "a"}, "training": {"max_iters": 9_000}, "evaluation": {"interval": 1_000}}


def write(folder: Path, n_steps: int, baseline: float | None = None) -> Run:
    folder.mkdir()
    with EventLog(folder / "events.jsonl") as log:
        facts = replace(SOUND, baseline=None if baseline is None else counted(baseline))
        data = DataRecord(train_tokens=90, val_tokens=10, n_vocab=5, facts=facts)
        started = events.RunStarted(
            step=0, time=0, phase=PHASE, parameters={"total": 7}, data=data, machine={}, versions={}
        )
        log.append(started)
        for step in range(1, n_steps + 1):
            log.append(events.Step(step=step, time=step / 50, loss=1, learning_rate=1, grad_norm=1, tokens=1))
            if step % 1000 == 0:
                evaluation = events.Evaluation(
                    step=step, time=step / 50, train_loss=1, val_loss=2 - step / 10_000, gap=1, bits_per_byte=1,
                    verdict="", best=step <= 3000,
                )  # fmt: skip
                log.append(evaluation)
    return Run(folder)


@pytest.mark.parametrize("n_steps", [10, 5_000])
def test_best_and_speed(tmp_path: Path, n_steps: int) -> None:
    seen = preview(write(tmp_path / "a-001", n_steps))
    assert seen.started is not None
    assert (seen.best.step if seen.best else None) == (None if n_steps < 1000 else 3000)
    assert seen.progress.steps_per_second == pytest.approx(50)
    assert seen.progress.step == n_steps


def test_how_long_another_length_would_take_changes_nothing_of_what_was_seen(tmp_path: Path) -> None:
    progress = preview(write(tmp_path / "a-001", 5_000)).progress
    assert progress.seconds_for(200, 100) == pytest.approx(4.0)
    assert (progress.step, progress.max_iters, progress.interval) == (5_000, 9_000, 1_000)
    assert progress.seconds_to_go == pytest.approx(80.0)


@pytest.mark.parametrize(("baseline", "above"), [(1.6, True), (1.8, False), (None, False)])
def test_whether_counting_beats_it(tmp_path: Path, baseline: float | None, above: bool) -> None:
    run = write(tmp_path / "a-001", 5_000, baseline)
    assert preview(run).above_baseline is above  # its best loss is 1.7


def test_a_torn_last_line_is_not_read(tmp_path: Path) -> None:
    run = write(tmp_path / "a-001", 5)
    with run.log_file.open("a") as log:
        log.write('{"step":6,"event":"evalu')
    assert preview(run).progress.step == 5


def test_the_newest_run_by_number_and_exact_name() -> None:
    runs = [Run(Path(name)) for name in ("a-999", "a-1000", "a-b-2000", "b-001")]
    assert newest_of(runs, "a") == Run(Path("a-1000"))
    assert newest_of(runs, "c") is None
