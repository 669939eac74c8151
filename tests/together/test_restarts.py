"""What torchrun starts again goes on, and what was over counts with what became of it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import pytest

from slmtui.config.phase_file import load_phase
from slmtui.session import begin
from slmtui.training.control import CommandKind
from tests.patience import PATIENCE, wait_for
from tests.processes import ROOT, Process, Processes
from tests.together.conftest import PARTS, PHASE, Start, losses, run_of, steps_of


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
