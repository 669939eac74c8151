"""Signals, wishes and deaths: they reach all of the processes, and each says why it ends."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from torch.distributed.launcher.api import LaunchConfig

from slmtui.commands.headless import Interrupted
from slmtui.commands.together import TIMEOUT, train_together
from slmtui.output import STATUS_FILE
from slmtui.runs.control import now, send
from slmtui.training import events
from slmtui.training.control import BrokenOff, Command
from slmtui.training.ranks import ALONE, Ranks
from tests.patience import wait_for
from tests.processes import ROOT, Process, Processes
from tests.together.conftest import LONG, PHASE, Start, run_of, steps_of


def test_a_signal_to_one_ends_all_and_one_process_goes_on(together: Start, processes: Processes, folder: Path) -> None:
    first, other = together(2, PHASE, *LONG)
    wait_for(lambda: steps_of(run_of(folder)) >= 0, "a first evaluation")
    other.send_signal(signal.SIGTERM)
    assert (first.wait(), other.wait()) == (130, 130)
    stopped = steps_of(run_of(folder))
    process = processes.start("--resume", "tiny-001", cwd=folder)
    wait_for(lambda: steps_of(run_of(folder)) > stopped, "more steps")
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 130
    said = [event.message for event in run_of(folder).events() if isinstance(event, events.Warned)]
    assert any("processes was 2 and is 1" in message for message in said)


def test_a_process_that_is_killed_ends_the_training_with_its_reason(
    together: Start, processes: Processes, folder: Path
) -> None:
    first, other = together(2, PHASE, *LONG)
    wait_for(lambda: steps_of(run_of(folder)) >= 20, "a checkpoint")
    other.kill()
    _, err = first.communicate()
    assert first.wait() == 3
    assert "training failed: another process of this training has ended" in err
    assert "Traceback" not in err
    last = list(run_of(folder).events())[-1]
    assert isinstance(last, events.RunFinished)
    assert last.reason == "failed"


def test_what_is_asked_of_the_run_reaches_all(together: Start, folder: Path) -> None:
    first, other = together(2, PHASE, *LONG)
    run = run_of(folder)
    wait_for(lambda: steps_of(run) >= 0, "a first evaluation")
    for kind, event in (("pause", events.Paused), ("evaluate", events.Evaluation), ("resume", events.Resumed)):
        before = len(list(run.events()))
        send(run.control_file, Command(kind))  # type: ignore[arg-type]
        wait_for(lambda n=before, kind=event: any(isinstance(e, kind) for e in [*run.events()][n:]), kind)  # type: ignore[misc]
    send(run.control_file, Command("stop"))
    assert (first.wait(), other.wait()) == (130, 130)
    *_, last = run.events()
    assert isinstance(last, events.RunFinished)
    assert last.reason == "stopped"


def test_signals_to_who_starts_them(processes: Processes, folder: Path) -> None:
    """A hang-up under nohup is nothing, SIGUSR1 saves, and ctrl+c ends with what can be resumed."""
    long = "--set=training.max_iters=1000000", "--set=evaluation.interval=1000000"
    starter = processes.start(
        "--nproc=2", PHASE, *long, cwd=folder, nohup=True, environment=os.environ | {"PYTHONPATH": str(ROOT)}
    )
    run = run_of(folder)

    def saved() -> int:
        return sum(isinstance(event, events.Checkpoint) and event.kind == "last" for event in run.events())

    wait_for(lambda: run.log_file.exists() and saved() == 1, "the first checkpoint")
    starter.send_signal(signal.SIGHUP)
    starter.send_signal(signal.SIGUSR1)
    wait_for(lambda: saved() > 1, "another checkpoint")
    starter.send_signal(signal.SIGINT)
    _, err = starter.communicate()
    assert starter.wait() == 130
    assert "Traceback" not in err
    assert "closing signal" not in err, "torch's own words"
    *_, last = run.events()
    assert isinstance(last, events.RunFinished)
    assert last.reason == "interrupted"


def test_processes_that_are_to_end_have_time_to_save(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """torch would kill them after 30 s, in which a step of a large model need not end."""
    given: list[LaunchConfig] = []

    def launch(config: LaunchConfig, _: str) -> Callable[..., None]:
        given.append(config)
        return lambda *_: None

    monkeypatch.setenv(TIMEOUT, "0")
    monkeypatch.delenv(TIMEOUT)
    monkeypatch.setenv(STATUS_FILE, "")
    monkeypatch.setattr("torch.distributed.launcher.api.elastic_launch", launch)
    train_together(2, ["--headless", PHASE])
    logging.disable(logging.NOTSET)
    assert given[0].shutdown_timeout == 3600


def test_that_they_were_killed_before_they_could_save_is_said(processes: Processes, folder: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT), TIMEOUT: "1"}
    starter = processes.start("--nproc=2", PHASE, *LONG, cwd=folder, environment=environment)
    wait_for(lambda: steps_of(run_of(folder)) >= 20, "a checkpoint")
    for rank in psutil.Process(starter.pid).children():
        rank.suspend()
    starter.send_signal(signal.SIGTERM)
    _, err = starter.communicate()
    assert starter.wait() == 130
    assert "the first process was killed before it could save; --resume goes on from the last checkpoint" in err


def test_one_signal_by_two_ways_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch system signals torchrun and all that it has started, and torchrun passes it on."""
    now = 0.0
    monkeypatch.setattr("slmtui.commands.headless.time.monotonic", lambda: now)
    interrupted = Interrupted()
    interrupted.is_one_of_several = True
    for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGINT):
        interrupted(number, None)
    assert interrupted.wish() == "interrupt"
    now = 10.0
    with pytest.raises(KeyboardInterrupt):
        interrupted(signal.SIGTERM, None)
    interrupted = Interrupted()
    interrupted(signal.SIGINT, None)
    with pytest.raises(KeyboardInterrupt):
        interrupted(signal.SIGTERM, None)


def test_a_wish_to_save_ends_no_process_that_waits_for_the_others(together: Start) -> None:
    def signal_while_it_waits(first: Process) -> None:
        process = psutil.Process(first.pid)
        wait_for(lambda: any(c.status == psutil.CONN_LISTEN for c in process.net_connections("tcp")), "the meeting")
        first.send_signal(signal.SIGUSR1)

    first, other = together(2, PHASE, "--set=training.max_iters=1", meanwhile=signal_while_it_waits)
    assert (first.wait(), other.wait()) == (0, 0), first.communicate()


def test_samples_are_broken_off_in_all_of_them(together: Start, folder: Path) -> None:
    """The first draws them, the others wait for it."""
    several = together(2, PHASE, "--set=sampling.tokens=100000")

    def draws() -> bool:
        found = now(run_of(folder).control_file)
        return found is not None and found.doing == "sampling"

    wait_for(draws, "the first sample")
    for process in several:
        process.send_signal(signal.SIGTERM)
    assert [process.wait() for process in several] == [130, 130]
    *_, saved, finished = run_of(folder).events()
    assert isinstance(saved, events.Checkpoint)
    assert isinstance(finished, events.RunFinished)
    assert finished.reason == "interrupted"


@pytest.mark.parametrize("breaks", ["this one", "the other"])
def test_where_one_breaks_off_all_do(monkeypatch: pytest.MonkeyPatch, breaks: str) -> None:
    of_the_other = None if breaks == "the other" else [(1, 10)]
    monkeypatch.setattr(Ranks, "gathered", lambda _self, mine: [mine, of_the_other])

    def compute(item: int) -> int:
        if breaks == "this one":
            raise BrokenOff
        return 10 * item

    with pytest.raises(BrokenOff):
        Ranks(0, 2).each([0, 1], compute)
    with pytest.raises(BrokenOff):
        ALONE.first(lambda: ALONE.each([0, 1], compute if breaks == "this one" else _broken_off)[0])


def _broken_off(_item: int) -> int:
    raise BrokenOff
