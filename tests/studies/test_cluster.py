"""Trials on a Dask cluster: real workers in processes of their own."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from slmtui import __version__
from slmtui.cli import main
from slmtui.config.study import Study
from slmtui.runs.control import now, send
from slmtui.runs.log_reader import last_event
from slmtui.runs.run import all_runs
from slmtui.studies.cluster import _write
from slmtui.studies.reading import read_results
from slmtui.training.control import Command
from slmtui.training.events import RunStarted
from tests.processes import Processes
from tests.studies.conftest import MakeStudy
from tests.studies.test_runner import numbers, worked

PATIENCE = 900.0  # seconds; each process that trains imports torch, and may be the first to compile


class Cluster:
    """A scheduler and workers on this machine, as `dask scheduler` and `dask worker` make them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []
        self.scheduler = self._start("scheduler", "--port", "0", "--no-dashboard")
        self.address = self._said(r"Scheduler at:\s+(tcp://\S+)")

    def _start(self, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        number = len(self.processes)
        with (self.folder / f"{number}.said").open("wb") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", "distributed.cli.dask_" + arguments[0], "--host", "127.0.0.1", *arguments[1:]],
                stdout=said, stderr=said, cwd=self.folder, start_new_session=True, env=os.environ | environment,
            )  # fmt: skip
        self.processes.append(process)
        return process

    def _said(self, pattern: str) -> str:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if found := re.search(pattern, (self.folder / "0.said").read_text()):
                return found[1]
            time.sleep(0.05)
        pytest.fail((self.folder / "0.said").read_text())

    def worker(self, threads: int = 1, **environment: str) -> subprocess.Popen[bytes]:
        arguments = (self.address, "--no-nanny", "--nthreads", str(threads), "--no-dashboard")
        return self._start("worker", *arguments, **environment)

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()


def wait_for(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    yield made
    made.close()


def compare(study: Study, there: Path, here: Path) -> None:
    """The same numbers, and the same files, of a study that was trained on a cluster and of one that was left alone."""
    worked(study, here)
    one, other = read_results(study, there), read_results(study, here)
    assert numbers(one) == numbers(other)
    assert {run.name for run in all_runs(there)} == {run.name for run in all_runs(here)}
    for runs in zip(one.trials, other.trials, strict=True):
        first, second = [each.run for each in runs if each.run is not None]
        here_and_there = [{path.name for path in each.folder.iterdir()} for each in (first, second)]
        assert here_and_there[0] == here_and_there[1]
        assert first.phase_text() == second.phase_text()


@pytest.mark.long
def test_trials_trained_there_leave_the_folders_of_those_trained_here(
    make_study: MakeStudy, tmp_path: Path, cluster: Cluster, processes: Processes
) -> None:
    """Their teachers, and the run that their gate judges them against, are there for them as they are here."""
    cluster.worker(threads=2)
    worked(make_study(rest=""), tmp_path / "teachers")
    one, other = all_runs(tmp_path / "teachers")
    rest = (
        f'training.distill_from = ["teachers/{one.name}", "teachers/{other.name}"]\ngate.against = "{other.folder}"\n'
    )
    study = make_study(rest=rest)
    command = ["study", "small.toml", "--on", cluster.address, "--checkpoints", "there"]
    process = processes.start(*command, "--json", cwd=tmp_path)
    assert process.wait(PATIENCE) == 0, process.communicate()
    (cell,) = [json.loads(line) for line in process.communicate()[0].splitlines()]
    assert [trial["status"] for trial in cell["trials"]] == ["done", "done"]
    compare(study, tmp_path / "there", tmp_path / "here")
    for run in all_runs(tmp_path / "there"):
        started = next(run.events())
        assert isinstance(started, RunStarted)
        assert started.reference is not None
        assert started.reference.run.startswith(f"{other.name}@")

    make_study(rest="training.max_minutes = 0.0001\n", steps=7)
    refused = processes.run(*command[:-1], "timed", cwd=tmp_path)
    assert refused.returncode == 2
    assert "no step fits into 0.0001 minutes" in refused.stderr, "measured there"
    assert all_runs(tmp_path / "timed") == []


def test_an_address_where_no_scheduler_is(
    study_file: Callable[..., Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slmtui.studies.dask_client.PATIENCE", 0.5)
    file = str(study_file())
    for address in ("tcp://127.0.0.1:9", "nowhere", "ftp://x:1", "127.0.0.1:port"):
        assert main(["study", file, "--on", address]) == 2
        said = capsys.readouterr().err
        assert f"--on {address}: no Dask scheduler answers there (" in said
        assert "such as tcp://192.168.1.5:8786" in said
        assert "Traceback" not in said


def test_machines_without_this_slmtui_are_refused(
    study_file: Callable[..., Path], tmp_path: Path, cluster: Cluster, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    arguments = ["study", str(study_file()), "--on", cluster.address]
    with monkeypatch.context() as other:
        other.setattr("slmtui.studies.away.__version__", "99.0")
        assert main(arguments) == 2
    said = capsys.readouterr().err
    assert f"the scheduler has slmtui {__version__}; each of them needs it as here: pip install 'slmtui[" in said
    (tmp_path / "lacking" / "slmtui").mkdir(parents=True)
    (tmp_path / "lacking" / "slmtui" / "__init__.py").write_text("raise ModuleNotFoundError('no slmtui here')")
    cluster.worker(PYTHONPATH=str(tmp_path / "lacking"))
    wait_for(lambda: "Register worker" in (cluster.folder / "0.said").read_text())
    assert main(arguments) == 2
    assert re.search(
        r"--on tcp://\S+: worker tcp://\S+ cannot run slmtui \(.*no slmtui here.*\); each", capsys.readouterr().err
    )


def test_a_log_goes_on_from_what_it_has_in_common_with_the_one_there(tmp_path: Path) -> None:
    log = tmp_path / "events.jsonl"
    assert _write(log, 0, b"one\ntwo\n", whole=True) == (8, b"one\ntwo\n")
    assert _write(log, 8, b"three\n", whole=True) == (14, b"one\ntwo\nthree\n")
    inode = log.stat().st_ino
    assert _write(log, 0, b"one\ntwo\nresumed\n", whole=True)[0] == 16, "it was cut back there"
    assert log.read_bytes() == b"one\ntwo\nresumed\n"
    assert _write(log, 0, b"one\n", whole=False) == (4, b"one\n")
    assert log.read_bytes() == b"one\ntwo\nresumed\n", "the rest may come yet"
    assert _write(log, 0, b"one\n", whole=True) == (4, b"one\n")
    assert log.read_bytes() == b"one\n"
    assert log.stat().st_ino == inode, "who reads it goes on"


@pytest.mark.soak
def test_two_of_three_workers_are_killed_and_the_numbers_are_the_same(
    make_study: MakeStudy, tmp_path: Path, cluster: Cluster, processes: Processes
) -> None:
    workers = [cluster.worker() for _ in range(3)]
    study, rng = make_study(rest="[grid]\nmodel.n_embd = [8, 16, 24]\n", steps=400), random.Random(0)
    there = tmp_path / "there"
    process = processes.start("study", "small.toml", "--on", cluster.address, "--checkpoints", "there", cwd=tmp_path)
    for worker in rng.sample(workers, 2):
        wait_for(lambda: process.poll() is not None or any(run.last_file.exists() for run in all_runs(there)))
        time.sleep(rng.uniform(0, 5))
        assert process.poll() is None, process.communicate()
        worker.kill()
    assert process.wait(600) == 0, process.communicate()
    compare(study, there, tmp_path / "here")
    assert any(b'"event":"resumed"' in run.log_file.read_bytes() for run in all_runs(there)), "none was cut off"


@pytest.mark.soak
def test_what_is_asked_of_a_study_here_is_asked_there(
    make_study: MakeStudy, tmp_path: Path, cluster: Cluster, processes: Processes
) -> None:
    """A run is paused and goes on, the study is interrupted and goes on, killed and goes on."""
    cluster.worker()
    study, there = make_study(rest="", steps=500), tmp_path / "there"
    command = ["study", "small.toml", "--on", cluster.address, "--checkpoints", "there"]
    process = processes.start(*command, cwd=tmp_path)
    wait_for(lambda: any(run.last_file.exists() for run in all_runs(there)))
    (run,) = all_runs(there)
    assert run.is_alive()
    send(run.control_file, Command("pause"))
    wait_for(lambda: run.state(last_event(run.log_file)) == "paused")
    wait_for(lambda: (said := now(run.control_file)) is not None and said.paused and not said.asked)
    send(run.control_file, Command("resume"))
    wait_for(lambda: run.state(last_event(run.log_file)) == "running")
    send(run.control_file, Command("evaluate"))
    wait_for(lambda: (said := now(run.control_file)) is not None and not said.paused and not said.asked)
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 130, process.communicate()
    assert run.state(last_event(run.log_file)) == "stopped"
    process = processes.start(*command, cwd=tmp_path)
    wait_for(lambda: run.state(last_event(run.log_file)) == "running")
    process.kill()
    process.wait()
    assert run.state(last_event(run.log_file)) == "crashed"
    assert processes.start(*command, cwd=tmp_path).wait(PATIENCE) == 0
    compare(study, there, tmp_path / "here")


@pytest.mark.soak
def test_trials_with_a_time_go_on_there_with_the_steps_that_were_measured(
    make_study: MakeStudy, tmp_path: Path, cluster: Cluster, processes: Processes
) -> None:
    cluster.worker()
    study, there = make_study("max_minutes = 9", rest="training.max_minutes = 0.4\n"), tmp_path / "there"
    command = ["study", "small.toml", "--on", cluster.address, "--checkpoints", "there"]
    process = processes.start(*command, cwd=tmp_path)
    wait_for(lambda: any(run.last_file.exists() for run in all_runs(there)))
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 130, process.communicate()
    (run,) = all_runs(there)
    steps = run.phase().training.max_iters
    assert steps > 6, "too slow a machine for this test"
    process = processes.start(*command, cwd=tmp_path)
    assert process.wait(PATIENCE) == 0, process.communicate()
    assert [trial.status for trial in read_results(study, there).trials] == ["done", "done"]
    assert run.phase().training.max_iters == steps
    assert any(b'"event":"resumed"' in run.log_file.read_bytes() for run in all_runs(there))


@pytest.mark.soak
def test_a_scheduler_that_goes_is_told_of(
    make_study: MakeStudy, tmp_path: Path, cluster: Cluster, processes: Processes
) -> None:
    worker = cluster.worker()
    make_study(rest="", steps=5000)
    command = ["study", "small.toml", "--checkpoints", "there", "--on"]
    process = processes.start(*command, cluster.address, cwd=tmp_path)
    wait_for(lambda: any(run.last_file.exists() for run in all_runs(tmp_path / "there")))
    cluster.scheduler.kill()
    status, said = process.wait(), process.communicate()[1]
    assert status == 2, said
    assert "the cluster does not answer any more" in said
    assert "Traceback" not in said
    (run,) = all_runs(tmp_path / "there")
    assert run.state(last_event(run.log_file)) == "crashed"
    worker.kill()
