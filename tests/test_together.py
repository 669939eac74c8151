"""Several processes that train one model together (training/ranks.py), started as torchrun starts them."""

from __future__ import annotations

import logging
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import psutil
import pytest
from torch.distributed.launcher.api import LaunchConfig

from slmtui.cli import main
from slmtui.commands.headless import Interrupted
from slmtui.commands.together import TIMEOUT, train_together
from slmtui.config.phase_file import load_phase
from slmtui.errors import TrainingFailed, UserError
from slmtui.model.gpt import GPT
from slmtui.output import STATUS_FILE
from slmtui.runs.control import nothing, now, send
from slmtui.runs.run import Run
from slmtui.session import begin, take_part, take_part_again
from slmtui.training import events, ranks
from slmtui.training.control import BrokenOff, Command, CommandKind
from slmtui.training.ranks import ALONE, Ranks, ranks_here, ranks_of
from tests.patience import PATIENCE, wait_for
from tests.processes import ROOT, Process, Processes

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


def test_several_processes_have_the_losses_of_one(together: Start, processes: Processes, folder: Path) -> None:
    alone = processes.run("--headless", PHASE, *PARTS, cwd=folder)
    assert alone.returncode == 0
    for n in (2, 2, 4):
        first, *others = together(n, PHASE, *PARTS)
        out, err = first.communicate()
        assert first.wait() == 0, err
        assert out.count("\nstep 12: train loss") == 1
        assert [(other.wait(), *other.communicate()) for other in others] == [(0, "", "")] * (n - 1)
    one, two, two_again, four = (losses(run_of(folder, number)) for number in (1, 2, 3, 4))
    assert two == two_again
    for several in (two, four):
        assert [step for step, _ in several] == [step for step, _ in one]
        assert [loss for _, loss in several] == pytest.approx([loss for _, loss in one], abs=1e-5)
    started = next(run_of(folder, 4).events())
    assert isinstance(started, events.RunStarted)
    assert started.machine["processes"] == 4


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


def test_of_runs_resumed_and_started_again_those_that_are_done_are_left_alone(
    processes: Processes, folder: Path
) -> None:
    assert processes.run("--headless", PHASE, cwd=folder).returncode == 0
    done = run_of(folder).log_file.read_bytes()
    session = begin(load_phase(folder / PHASE), folder / "checkpoints", lambda: "interrupt")
    assert [event.event for event in session.events][-1] == "run_finished"
    both = "--headless", "--resume", "tiny-001", "--resume", "tiny-002"
    assert processes.run(*both, cwd=folder).returncode == 2, "one that is done is the user's mistake"
    again = processes.start(*both, cwd=folder, environment=os.environ | {"TORCHELASTIC_RESTART_COUNT": "1"})
    assert again.wait() == 0, again.communicate()
    assert run_of(folder).log_file.read_bytes() == done
    assert steps_of(run_of(folder, 2)) == steps_of(run_of(folder)) > 0


def test_what_was_over_before_they_were_started_again_counts(
    processes: Processes, folder: Path, tmp_path: Path
) -> None:
    """A gate that failed, a training that diverged, and one that a person has stopped."""
    again = os.environ | {"TORCHELASTIC_RESTART_COUNT": "1"}
    results, limit = folder / "results.xml", "--set=gate.max_val_loss=0.1"

    def started_again(*names: str) -> Process:
        results.unlink(missing_ok=True)
        resume = [f"--resume={name}" for name in names]
        return processes.start("--headless", *resume, f"--junit={results}", cwd=folder, environment=again)

    assert processes.run("--headless", PHASE, limit, cwd=folder).returncode == 1
    failed = started_again("tiny-001")
    assert failed.wait() == 1
    assert "gate failed: max_val_loss = 0.1 is not kept" in failed.communicate()[1]
    (suite,) = ElementTree.parse(results).getroot()
    assert (suite.get("name"), suite.get("failures")) == ("tiny-001", "1")

    wild = "--set=training.learning_rate=10", "--set=optimizer.grad_clip=0", "--set=training.warmup_iters=0"
    assert processes.run("--headless", PHASE, *wild, cwd=folder).returncode == 3
    diverged = started_again("tiny-002")
    assert diverged.wait() == 3
    assert "training failed: at step" in diverged.communicate()[1]

    wishes: tuple[CommandKind, ...] = ("stop", "interrupt")
    runs = []
    for wish in wishes:
        session = begin(load_phase(folder / PHASE), folder / "checkpoints", partial(_wished, wish))
        *_, _ = session.events
        runs.append(session.run)
    logged = [run.log_file.read_bytes() for run in runs]
    assert started_again("tiny-003", "tiny-004").wait() == 130
    assert [run.log_file.read_bytes() for run in runs] == logged, "what a person has stopped ends those after it, too"
    assert started_again("tiny-004").wait() == 0, "what a signal has ended goes on"


def _wished(wish: CommandKind) -> CommandKind:
    return wish


@pytest.mark.parametrize("again", [("0", "1"), ("1", "0"), ("0", "0"), ("1",)])
def test_what_one_launch_has_begun_is_found_again(together: Start, folder: Path, again: tuple[str, ...]) -> None:
    """Each machine's torchrun counts its own restarts, and another machine that joins is none."""
    n = len(again)
    for restarts in (("0",) * n, again):
        first, *others = together(n, PHASE, torchrun="x", restarts=restarts)
        assert [process.wait() for process in (first, *others)] == [0] * n, first.communicate()
    assert not run_of(folder, 2).folder.exists()
    if n == 1:
        assert [process.wait() for process in together(n, PHASE, torchrun="y", restarts=again)] == [0]
        assert run_of(folder, 2).folder.exists(), "of another launch"


@pytest.mark.parametrize("again", [("0", "1"), ("1", "0")])
def test_runs_that_are_over_are_left_alone_if_one_was_started_again(
    together: Start, processes: Processes, folder: Path, again: tuple[str, ...]
) -> None:
    assert processes.run("--headless", PHASE, cwd=folder).returncode == 0
    first, other = together(2, "--resume", "tiny-001", torchrun="x", restarts=again)
    assert (first.wait(), other.wait()) == (0, 0), first.communicate()


def test_a_mistake_is_told_once(together: Start) -> None:
    first, other = together(2, PHASE, "--set=training.batch_size=1")
    assert (first.wait(), other.wait()) == (2, 2)
    assert "1 windows are too few for 2 processes" in first.communicate()[1]
    assert other.communicate() == ("", "")


def test_why_another_one_could_not_begin_is_told(together: Start, folder: Path) -> None:
    first, other = together(2, PHASE, others=("--set=data.source=nowhere",))
    _, err = first.communicate()
    assert (first.wait(), other.wait()) == (3, 2)
    assert "another process of this training has ended (process 1: " in err
    assert "nowhere" in err
    assert not run_of(folder).folder.exists()


@pytest.mark.parametrize(
    ("others", "difference"),
    [
        (("--set=training.seed=2",), "training.seed is 2 in process 1, and 42 in process 0"),
        (("--set=evaluation.decides=network",), "evaluation.decides is network in process 1, and not set in process 0"),
        (("--set=data.source=less",), "the fingerprint of the text is "),
    ],
)
def test_processes_that_would_not_train_the_same_are_refused(
    together: Start, folder: Path, others: tuple[str, ...], difference: str
) -> None:
    shutil.copytree(folder / "corpus", folder / "less")
    (folder / "less" / "routes.py").unlink()
    first, other = together(2, PHASE, others=others)
    assert (first.wait(), other.wait()) == (2, 2)
    assert f"the processes of this training do not train the same: {difference}" in first.communicate()[1]
    assert other.communicate() == ("", "")
    assert not run_of(folder).folder.exists()


def test_the_same_text_may_be_at_another_place(together: Start, folder: Path) -> None:
    shutil.copytree(folder / "corpus", folder / "copy")
    first, other = together(2, PHASE, "--set=training.max_iters=1", others=("--set=data.source=copy",))
    assert (first.wait(), other.wait()) == (0, 0), first.communicate()


def test_more_processes_than_rows_do_not_resume_a_run(together: Start, folder: Path) -> None:
    session = begin(load_phase(folder / PHASE, ["training.batch_size=1"]), folder / "checkpoints", lambda: "interrupt")
    *_, _ = session.events
    logged = run_of(folder).log_file.read_bytes()
    first, other = together(2, "--resume", "tiny-001")
    assert (first.wait(), other.wait()) == (2, 2)
    assert "1 windows are too few for 2 processes" in first.communicate()[1]
    assert run_of(folder).log_file.read_bytes() == logged


def test_a_checkpoint_that_is_not_that_of_the_others_is_refused(together: Start, folder: Path) -> None:
    """As one that an earlier training has left on another machine's disk."""
    session = begin(load_phase(folder / PHASE), folder / "checkpoints")
    for event in session.events:
        if event == events.Checkpoint(step=4, kind="last", file="last.pt"):
            shutil.copytree(folder / "checkpoints", folder / "elsewhere")
        if event == events.Checkpoint(step=8, kind="last", file="last.pt"):
            break
    session.events.close()  # type: ignore[attr-defined]  # as if the process had died
    first, other = together(2, "--resume", "tiny-001", others=("--checkpoints=elsewhere",))
    assert (first.wait(), other.wait()) == (2, 2)
    assert "the step of its last checkpoint is 4 in process 1, and 8 in process 0" in first.communicate()[1]


def test_what_would_help_without_memory_is_told_of_another_process(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    phase, checkpoints = load_phase(folder / PHASE), folder / "checkpoints"
    *_, _ = begin(phase, checkpoints, lambda: "interrupt").events

    def refuse(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(GPT, "loss", refuse)
    for begins in (True, False):
        with pytest.raises(TrainingFailed, match=r"out of memory; .* --set training.accumulate=2"):
            list(
                take_part(phase, checkpoints, nothing, ALONE)
                if begins
                else take_part_again(run_of(folder), nothing, ALONE)
            )


def test_a_phase_that_diverges_does_not_keep_them_from_the_next(together: Start, folder: Path) -> None:
    calm = (folder / PHASE).read_text()
    (folder / "wild.toml").write_text(
        calm.replace('"tiny"', '"wild"').replace("learning_rate = 1e-2", "learning_rate = 10")
    )
    first, other = together(2, "wild.toml", PHASE, "--set=optimizer.grad_clip=0", "--set=training.warmup_iters=0")
    assert (first.wait(), other.wait()) == (3, 3)
    *_, wild = Run(folder / "checkpoints/wild-001").events()
    *_, tiny = run_of(folder).events()
    assert isinstance(wild, events.RunFinished)
    assert isinstance(tiny, events.RunFinished)
    assert (wild.reason, tiny.reason) == ("diverged", "completed")


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


def test_the_time_of_several_is_measured_together(together: Start, folder: Path) -> None:
    stop = "--set=early_stopping.target=100"  # at the first evaluation
    first, other = together(2, PHASE, "--set=training.max_minutes=60", "--set=training.accumulate=3", stop)
    assert (first.wait(), other.wait()) == (0, 0), first.communicate()
    assert "fit into 60 minutes" in first.communicate()[1]


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


def test_an_environment_that_was_left_behind_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    monkeypatch.setattr(ranks, "MEETING", timedelta(seconds=0.5))
    for rank in ("0", "1"):
        for name, value in {
            "RANK": rank, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        with pytest.raises(UserError, match=r"did not find one another: .* unset RANK and WORLD_SIZE"), ranks_here():
            pass


def test_nproc_starts_them_and_ends_as_the_first(folder: Path) -> None:
    (folder / "secrets.py").write_text("raise SystemExit('a file of the corpus is no module of Python')\n")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "slmtui", "--headless", "--nproc", "2", PHASE, "--set=gate.max_val_loss=0.1"],
        cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "max_val_loss = 0.1 is not kept" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout.count("\nstep 12: train loss") == 1
    started = next(run_of(folder).events())
    assert isinstance(started, events.RunStarted)
    assert started.machine["processes"] == 2


def test_nproc_resumes_the_run_that_was_the_latest_when_it_was_asked_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the one that is the latest once a process looks."""
    monkeypatch.chdir(folder)
    for _ in range(2):
        *_, _ = begin(load_phase(folder / PHASE), folder / "checkpoints", lambda: "interrupt").events
    asked: list[str] = []

    def together(_n: int, arguments: list[str]) -> int:
        asked.extend(arguments)
        return 0

    monkeypatch.setattr("slmtui.commands.together.train_together", together)
    elsewhere = str(folder / "checkpoints" / "tiny-001")
    assert main(["--nproc=2", "--resume=latest", f"--resume={elsewhere}", "--checkpoints=checkpoints"]) == 0
    assert [one for one in asked if one.startswith("--resume")] == ["--resume=tiny-002", "--resume=tiny-001"]


def test_two_distil_as_one(processes: Processes, folder: Path) -> None:
    assert processes.run("--headless", PHASE, cwd=folder).returncode == 0
    found = []
    for more in ((), ("--nproc", "2")):
        done = processes.run("distill", "tiny-001", *more, cwd=folder)
        assert done.returncode == 0, done.stderr
        assert done.stderr.count("learns from tiny-001") == 1
        (run,) = [path for path in (folder / "checkpoints").iterdir() if path.name.startswith("tiny-001-distilled")]
        found.append(losses(Run(run)))
        run.rename(folder / f"distilled-{len(found)}")
    alone, together = found
    assert [step for step, _ in together] == [step for step, _ in alone]
    assert [loss for _, loss in together] == pytest.approx([loss for _, loss in alone], abs=1e-5)


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({}, ALONE),
        ({"RANK": "0", "WORLD_SIZE": "1"}, ALONE),
        ({"WORLD_SIZE": "4"}, ALONE),
        ({"RANK": "3", "WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2"}, Ranks(3, 4, 2)),
        ({"TORCHELASTIC_RESTART_COUNT": "0"}, ALONE),
        ({"TORCHELASTIC_RESTART_COUNT": "1"}, Ranks(is_started_again=True)),
    ],
)
def test_the_environment_says_who_trains_together(environment: dict[str, str], found: Ranks) -> None:
    assert ranks_of(environment) == found
    by_torchrun = ranks_of(environment | {"TORCHELASTIC_RUN_ID": "x"})
    assert len(by_torchrun.launch) == ("RANK" in environment)


@pytest.mark.parametrize("environment", [{"RANK": "4", "WORLD_SIZE": "4"}, {"RANK": "one", "WORLD_SIZE": "2"}])
def test_an_environment_that_makes_no_sense_is_refused(environment: dict[str, str]) -> None:
    with pytest.raises(UserError, match="the environment says RANK="):
        ranks_of(environment)


@pytest.mark.soak
def test_killed_at_random_moments_they_come_to_the_same_end(
    together: Start, processes: Processes, folder: Path
) -> None:
    """A rank, or all of them, twenty times."""
    settings = "--set=training.max_iters=600", "--set=evaluation.interval=30", *PARTS
    undisturbed, _ = together(2, PHASE, *settings)
    assert undisturbed.wait() == 0
    draw = random.Random(1)
    several = together(2, PHASE, *settings)
    for _ in range(20):
        wait_for(lambda: steps_of(run_of(folder, 2)) >= 0, "a first evaluation")
        time.sleep(draw.uniform(0, 1.5))
        for process in several if draw.random() < 0.5 else [draw.choice(several)]:
            process.kill()
        if all(process.wait() == 0 for process in several):
            break
        several = together(2, "--resume", "tiny-002")
    assert all(process.wait() == 0 for process in several)
    assert losses(run_of(folder, 2))[-3:] == losses(run_of(folder, 1))[-3:]


@pytest.mark.soak
def test_torchrun_starts_them_again(folder: Path) -> None:
    """What they had begun goes on, in the same run, to the end of an undisturbed one."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--max-restarts=2"]
    settings = "--set=training.max_iters=600", "--set=evaluation.interval=30"
    whole = [*command, "-m", "slmtui", "--headless", PHASE, *settings]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run(whole, cwd=folder, env=environment, check=True, capture_output=True)
    with subprocess.Popen(
        whole, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as again:
        wait_for(lambda: steps_of(run_of(folder, 2)) >= 60, "steps")
        holder = int((run_of(folder, 2).lock_file).read_text().split()[0])
        os.kill(holder, signal.SIGKILL)
        assert again.wait(PATIENCE) == 0
    assert losses(run_of(folder, 2))[-3:] == losses(run_of(folder, 1))[-3:]
    assert not run_of(folder, 3).folder.exists()


@pytest.mark.soak
def test_a_gate_that_failed_has_failed_however_often_they_are_started_again(folder: Path) -> None:
    (folder / "other.toml").write_text((folder / PHASE).read_text().replace('"tiny"', '"other"'))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--max-restarts=1"]
    command += ["-m", "slmtui", "--headless", PHASE, "other.toml", "--set=gate.max_val_loss=0.1", "--junit=results.xml"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    assert subprocess.run(command, cwd=folder, env=environment, capture_output=True).returncode == 1
    suites = list(ElementTree.parse(folder / "results.xml").getroot())
    assert [(suite.get("name"), suite.get("failures")) for suite in suites] == [("tiny-001", "1"), ("other-001", "1")]
    assert not run_of(folder, 2).folder.exists()
