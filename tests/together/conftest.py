"""Processes that train together, started as torchrun starts them, and what their run says."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from slmtui.errors import UserError
from slmtui.runs.run import Run
from slmtui.training import events
from tests.processes import Process, Processes

PHASE = "tiny.toml"
PARTS = "--set=model.dropout=0.2", "--set=model.copy_head=true", "--set=training.batch_size=5"
LONG = "--set=training.max_iters=100000", "--set=evaluation.interval=20"
Start = Callable[..., list[Process]]


@pytest.fixture
def folder(tmp_path: Path, tiny_toml: str) -> Path:
    (tmp_path / PHASE).write_text(tiny_toml)
    return tmp_path


@pytest.fixture
def together(processes: Processes, folder: Path) -> Start:
    """Start `slmtui --headless` in n processes.

    `others`: what those but the first are told besides. `restarts`: of each, as a torchrun of this name counts them.
    `meanwhile`: what is done with the first before the others are started.
    """

    def start(
        n: int,
        *arguments: str,
        others: tuple[str, ...] = (),
        torchrun: str = "",
        restarts: tuple[str, ...] = (),
        meanwhile: Callable[[Process], None] = lambda _: None,
    ) -> list[Process]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        several = {
            "WORLD_SIZE": str(n),
            "LOCAL_WORLD_SIZE": str(n),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
        }
        elastic = [{"TORCHELASTIC_RUN_ID": torchrun, "TORCHELASTIC_RESTART_COUNT": count} for count in restarts]
        started: list[Process] = []
        for rank in range(n):
            more = {"RANK": str(rank), "LOCAL_RANK": str(rank)} | (elastic[rank] if elastic else {})
            told = others if rank else ()
            started.append(
                processes.start("--headless", *arguments, *told, cwd=folder, environment=os.environ | several | more)
            )
            if rank == 0:
                meanwhile(started[0])
        return started

    return start


def run_of(folder: Path, number: int = 1) -> Run:
    return Run(folder / "checkpoints" / f"tiny-{number:03}")


def losses(run: Run) -> list[tuple[int, float]]:
    """Of each batch and each evaluation."""
    found = []
    for event in run.events():
        if isinstance(event, events.Step):
            found.append((event.step, event.loss))
        if isinstance(event, events.Evaluation):
            found += [(event.step, event.train_loss), (event.step, event.val_loss)]
    return found


def steps_of(run: Run) -> int:
    """How far its log has come."""
    try:
        return max((step for step, _ in losses(run)), default=-1)
    except (UserError, FileNotFoundError):
        return -1
