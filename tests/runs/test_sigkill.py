"""A training process killed all through its life, and gone on with each time, ends as one that nobody disturbed."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from slmtui.runs.checkpoint import load_checkpoint
from slmtui.runs.run import Run, all_runs
from slmtui.runs.safe_payload import checksum
from slmtui.training import events
from slmtui.training.events import Event
from tests.patience import PATIENCE
from tests.processes import Processes

ROOT = Path(__file__).parents[2]
CHANGES = (
    "training.max_iters=80", "evaluation.interval=10", "model.dropout=0.2", "model.n_layer=1",
    "early_stopping.patience=50", "training.warmup_iters=5",
)  # fmt: skip


Start = Callable[..., int]


@pytest.fixture
def train(tmp_path: Path, tiny_toml: str, processes: Processes) -> Start:
    """A training process, to its end or until it is killed after so many seconds; its exit status, -9 if it was."""
    (tmp_path / "tiny.toml").write_text(tiny_toml)

    def run(arguments: Sequence[str], kill_after: float = PATIENCE) -> int:
        process = processes.start(*arguments, cwd=tmp_path)
        with suppress(subprocess.TimeoutExpired):
            return process.wait(kill_after)
        process.kill()
        return process.wait()

    return run


def begin_arguments(checkpoints: Path, method: str) -> list[str]:
    changes = [f"--set={change}" for change in (*CHANGES, f"evaluation.method={method}")]
    return ["--headless", "tiny.toml", "--checkpoints", str(checkpoints), *changes]


def story(run: Run) -> list[Event]:
    return [event for event in run.events() if not isinstance(event, events.Resumed)]


def state(path: Path) -> int:
    """All that a checkpoint holds, but for how long it took and where it stands in the log."""
    saved = load_checkpoint(path)
    rest: dict[str, Any] = saved.training or {}
    rest.pop("log_size", None)
    rest.get("progress", {}).pop("seconds", None)
    return checksum({"model": saved.model.tensors(), "training": rest, "step": saved.step}, most_bytes=1 << 40)


def kill_and_go_on(train: Start, folder: Path, kills: int, method: str) -> None:
    """Train, killing so many processes, each later in its life than the one before; compare every end.

    At random within its share of a life: the first of ten in the first tenth, the last in the last. A run that goes on
    is over sooner; one that ends before it is to be killed counts as an end, and another begins.
    """
    luck = random.Random(kills)
    assert train(["check", "tiny.toml"]) == 0  # the process that forks imports before its first fork
    begin = time.monotonic()
    assert train(begin_arguments(folder / "whole", method)) == 0
    lifetime = time.monotonic() - begin
    (whole,) = all_runs(folder / "whole")
    expected, expected_states = story(whole), [state(path) for path in (whole.last_file, whole.best_file)]
    killed, ended = 0, 0
    while killed < kills or ended == 0:
        checkpoints = folder / f"killed-{ended}"
        status = -9
        while status == -9:
            runs = all_runs(checkpoints)
            arguments = ["--headless", "--checkpoints", str(checkpoints), "--resume", "latest"]
            status = train(
                arguments if runs else begin_arguments(checkpoints, method),
                lifetime * (killed + luck.random()) / kills if killed < kills else PATIENCE,
            )
            killed += status == -9
        if status == 2:  # killed after the last event, before its exit: there was nothing left to go on with
            assert isinstance(list(runs[0].events())[-1], events.RunFinished)
        else:
            assert status == 0
        (run,) = all_runs(checkpoints)
        assert story(run) == expected
        assert [state(path) for path in (run.last_file, run.best_file)] == expected_states
        assert not list(run.folder.glob(".*.draft"))
        ended += 1


@pytest.mark.long
def test_six_kills(train: Start, tmp_path: Path) -> None:
    kill_and_go_on(train, tmp_path / "full", 4, "full")
    kill_and_go_on(train, tmp_path / "sampled", 2, "sampled")


@pytest.mark.soak
@pytest.mark.parametrize("method", ["full", "sampled"])
def test_two_hundred_kills(train: Start, tmp_path: Path, method: str) -> None:
    kill_and_go_on(train, tmp_path, 100, method)
