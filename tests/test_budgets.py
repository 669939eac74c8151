"""Trainings with a time, and in batch systems: max_minutes, --until, SIGUSR1; the job of docs/slurm.md is run."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

import pytest

from slmtui.cli import main
from slmtui.config.limits import GATE_SAMPLES
from slmtui.config.trial_key import trial_key
from slmtui.data.baseline import Baseline
from slmtui.data.dataset import Dataset, SideTokens
from slmtui.data.split_stats import dataset_baseline
from slmtui.insight.lines_completed import seconds_of_lines
from slmtui.runs.continuing import continued
from slmtui.runs.control import send
from slmtui.runs.final_test import seconds_of_final_test
from slmtui.runs.run import Run, create_run
from slmtui.session import begin, resume
from slmtui.training import budget, events
from slmtui.training.control import Command
from slmtui.training.state import Training
from tests.conftest import MakePhase
from tests.patience import PATIENCE, wait_for
from tests.processes import ROOT, Processes

Monkeypatch = pytest.MonkeyPatch


@pytest.fixture
def folder(tmp_path: Path, tiny_toml: str, monkeypatch: Monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("tiny.toml").write_text(tiny_toml)
    return tmp_path


def times(monkeypatch: Monkeypatch, step: float, pause: float) -> None:
    monkeypatch.setattr(budget, "_seconds_of_step", lambda _: step)
    monkeypatch.setattr(budget, "_seconds_of_pause", lambda _: pause)


def test_as_many_steps_as_there_is_time_for_are_written_into_the_run(
    make_phase: MakePhase, tmp_path: Path, monkeypatch: Monkeypatch
) -> None:
    times(monkeypatch, step=0.1, pause=2.0)
    phase = make_phase("training.max_minutes=1", "evaluation.interval=10")
    session = begin(phase, tmp_path)
    steps = session.run.phase().training.max_iters
    assert 10 < steps <= (60 * 0.97 - 4) / 0.3
    assert any(
        f"{steps} steps fit into 1 minutes (training.max_minutes): 100 ms for each, 2.0 s" in n for n in session.notes
    )
    assert trial_key(session.run.phase()) == trial_key(phase), "a study knows its trial again"
    for event in session.events:
        if event.step == 10:
            break
    session.events.close()  # type: ignore[attr-defined]
    times(monkeypatch, step=1e9, pause=0.0)
    assert resume(session.run).training.phase.training.max_iters == steps, "nothing is measured again"


@pytest.mark.parametrize("started", [False, True])
def test_a_run_that_was_only_made_has_its_steps_measured_when_it_begins(
    make_phase: MakePhase, tmp_path: Path, monkeypatch: Monkeypatch, started: bool
) -> None:
    """As `--detach` and the console make them. One that has begun keeps its number, also before a checkpoint."""
    times(monkeypatch, step=1.0, pause=0.0)
    run = create_run(tmp_path, make_phase("training.max_minutes=1"))
    if started:
        stream = resume(run).events
        assert isinstance(next(stream), events.RunStarted)
        stream.close()  # type: ignore[attr-defined]
        times(monkeypatch, step=2.0, pause=0.0)
    session = resume(run)
    steps = session.training.phase.training.max_iters
    assert 10 < steps <= 58
    assert run.phase() == session.training.phase
    assert any(f"{steps} steps fit into 1 minutes" in note for note in session.notes) == (not started)
    if not started:
        *_, last = session.events
        assert isinstance(last, events.RunFinished)
        assert (last.reason, last.step) == ("completed", steps)


def test_steps_and_pauses_are_really_measured(make_phase: MakePhase, tmp_path: Path) -> None:
    few = begin(make_phase("training.max_minutes=0.2", "evaluation.interval=1000"), tmp_path)
    more = begin(make_phase("training.max_minutes=5", "evaluation.interval=1000"), tmp_path)
    assert 1 <= few.training.phase.training.max_iters < more.training.phase.training.max_iters
    assert more.training.step == 0
    first = next(event for event in few.events if isinstance(event, events.Evaluation))
    assert first.val_loss == next(e for e in more.events if isinstance(e, events.Evaluation)).val_loss


def test_what_takes_time_besides_steps_and_evaluations_is_counted(
    make_phase: MakePhase, tmp_path: Path, monkeypatch: Monkeypatch
) -> None:
    times(monkeypatch, step=1.0, pause=0.0)
    phase = make_phase("training.max_minutes=1")
    training = begin(make_phase(), tmp_path).training

    def steps(*, scratch: float = 0.0, end: float = 0.0) -> int:
        """With so many seconds for a training's making, and for the looks at its end."""
        now = 100.0
        monkeypatch.setattr("slmtui.training.budget.time.monotonic", lambda: now)

        def made() -> Training:
            nonlocal now
            now += scratch
            return training

        return budget.fitted(phase, made, 90.0, lambda _: end).phase.training.max_iters

    assert steps() == 48
    assert steps(scratch=4) == 40, "it is made once more"
    assert steps(end=20) == 28


def test_where_there_is_no_time_for_a_step_nothing_begins(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Monkeypatch
) -> None:
    times(monkeypatch, step=2.0, pause=40.0)
    assert main(["--headless", "tiny.toml", "--set", "training.max_minutes=1"]) == 2
    err = capsys.readouterr().err
    assert "--set training.max_minutes=1: no step fits into 1 minutes: " in err
    assert " went by before the first one, which takes 2 s, and evaluations, samples and the end take 1 min 2" in err
    assert not (folder / "checkpoints").exists()


def test_a_warm_up_that_takes_all_steps_is_said(
    make_phase: MakePhase, tmp_path: Path, monkeypatch: Monkeypatch
) -> None:
    times(monkeypatch, step=2.0, pause=0.0)
    notes = begin(make_phase("training.max_minutes=1", "training.warmup_iters=100"), tmp_path).notes
    said = "all of them are within the warm-up (training.warmup_iters = 100): the learning rate only rises"
    assert said in notes
    assert said not in begin(make_phase("training.max_minutes=60", "training.warmup_iters=100"), tmp_path).notes


def test_the_price_of_a_child_with_a_time_is_not_that_of_other_steps(
    make_phase: MakePhase, tmp_path: Path, corpus: Path, monkeypatch: Monkeypatch
) -> None:
    *_, _ = begin(make_phase("training.max_iters=1"), tmp_path).events
    monkeypatch.setattr("slmtui.session.LARGE", 1)
    times(monkeypatch, step=2.0, pause=0.0)
    child = make_phase("model.init_from=tiny-001", "training.max_minutes=1")
    (price,) = (note for note in begin(child, tmp_path).notes if "of memory" in note)
    assert "without evaluations" not in price


def test_the_baseline_counts_and_is_measured_once(
    make_phase: MakePhase, tmp_path: Path, monkeypatch: Monkeypatch
) -> None:
    times(monkeypatch, step=1.0, pause=0.0)
    measured: list[float] = []

    def baseline(dataset: Dataset) -> Baseline | None:
        time.sleep(1.5)
        measured.append(time.monotonic())
        return dataset_baseline(dataset)

    for place in ("slmtui.session.whole_baseline", "slmtui.insight.watch.whole_baseline"):
        monkeypatch.setattr(place, baseline)
    phase = make_phase("training.max_minutes=1")
    made = create_run(tmp_path, phase)
    for session in (begin(phase, tmp_path), resume(made)):
        assert session.training.phase.training.max_iters <= 56
        started = next(session.events)
        assert isinstance(started, events.RunStarted)
        assert started.data.baseline is not None
    assert len(measured) == 2


def test_the_end_is_measured_without_a_look_at_the_test(
    make_phase: MakePhase, tmp_path: Path, monkeypatch: Monkeypatch
) -> None:
    gate = ("gate.min_characters_saved=0.1", "gate.max_copied_share=0.5", "sampling.when=end")
    training = begin(make_phase("data.test_fraction=0.3", *gate), tmp_path).training
    seen: list[SideTokens] = []
    monkeypatch.setattr("slmtui.runs.final_test.block_sums", lambda _, side, *__, **___: seen.append(side))
    assert seconds_of_final_test(training) > 0
    assert seen == [training.dataset.val]
    assert seconds_of_lines(training) > 0
    drawn: list[object] = []

    def completions(*given: object) -> list[tuple[str, str]]:
        drawn.append(given[3])
        return []

    monkeypatch.setattr("slmtui.training.sampling.completions", completions)
    budget._seconds_of_pause(training)
    assert drawn == [GATE_SAMPLES], "for each new best"
    budget._seconds_of_end(training)
    assert drawn == [GATE_SAMPLES, 1]


def test_the_first_process_says_how_many_steps_are_timed(make_phase: MakePhase, tmp_path: Path) -> None:
    """Each that went by its own clock would wait for a step that the others do not make."""

    class First:
        size, rank = 1, 0

        def told(self, value: object) -> bool:  # noqa: ARG002
            return True

        def add_up(self, model: object, loss: float) -> float:  # noqa: ARG002
            return loss

    training = begin(make_phase(), tmp_path).training
    training.ranks = First()  # type: ignore[assignment]
    budget._seconds_of_step(training)
    assert training.step == budget.WARM_UP + 1


def test_what_goes_on_for_so_many_steps_has_no_time(
    make_phase: MakePhase, tmp_path: Path, monkeypatch: Monkeypatch
) -> None:
    times(monkeypatch, step=3.0, pause=0.0)
    session = begin(make_phase("training.max_minutes=0.5"), tmp_path)
    *_, _ = session.events
    phase = continued(session.run, tmp_path, steps=30)
    assert (phase.training.max_iters, phase.training.max_minutes) == (30, None)


def test_until_is_the_time_that_is_left(folder: Path, monkeypatch: Monkeypatch) -> None:
    given: list[float | None] = []

    def train(phases, *_: object, **__: object) -> int:  # type: ignore[no-untyped-def]
        given.extend(phase.training.max_minutes for phase in phases)
        return 0

    monkeypatch.setattr("slmtui.commands.headless.train_phases", train)
    later = datetime.now() + timedelta(minutes=90)
    assert main(["--headless", "tiny.toml", "--until", f"{later:%H:%M}"]) == 0
    assert given[0] == pytest.approx(90, abs=1.1)
    before = datetime.now() - timedelta(minutes=10)
    assert main(["--headless", "tiny.toml", "--until", f"{before:%H:%M}"]) == 0
    assert given[1] == pytest.approx(24 * 60 - 10, abs=1.1)


def test_until_now_is_no_time(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Monkeypatch) -> None:
    class Noon(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return cls(2026, 11, 28, 12, 0, 30, tzinfo=tz)

    monkeypatch.setattr("slmtui.commands.train.datetime", Noon)
    assert main(["--headless", "tiny.toml", "--until", "12:00"]) == 2
    assert "12:00 is now; name a later time, such as 13:00" in capsys.readouterr().err


@pytest.mark.parametrize("more", [["--until", "25:00"], ["--until", "soon"], ["--until", "07:00", "tiny.toml"]])
def test_an_until_that_cannot_be_is_refused(folder: Path, capsys: pytest.CaptureFixture[str], more: list[str]) -> None:
    assert main(["--headless", "tiny.toml", *more]) == 2
    assert "--until" in capsys.readouterr().err


def test_sigusr1_saves_and_goes_on(processes: Processes, folder: Path) -> None:
    long = "--set=training.max_iters=1000000", "--set=evaluation.interval=1000000"
    process = processes.start("--headless", "tiny.toml", *long, cwd=folder)
    run = Run(folder / "checkpoints/tiny-001")
    wait_for(lambda: run.last_file.exists(), "the first checkpoint")
    process.send_signal(signal.SIGUSR1)

    def saved() -> list[int]:
        return [event.step for event in run.events() if isinstance(event, events.Checkpoint) and event.kind == "last"]

    wait_for(lambda: len(saved()) > 1, "another checkpoint")
    at = saved()[-1]
    wait_for(lambda: any(isinstance(event, events.Step) and event.step > at for event in run.events()), "more steps")
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 130


class Job:
    """A job of docs/slurm.md, with programs in the place of Slurm's: it begins each time that it is run."""

    def __init__(self, folder: Path, text: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        for here, there in {
            "phases/quick.toml": "tiny.toml", ":29500": f":{port}", "--nproc-per-node 4": "--nproc-per-node 2",
        }.items():  # fmt: skip
            text = text.replace(here, there)
        self.folder, self.script = folder, folder / "job.sh"
        self.script.write_text(text)
        tools = folder / "bin"
        tools.mkdir()
        for name, lines in {
            "slmtui": f'exec "{sys.executable}" -m slmtui "$@"',
            "torchrun": f'exec "{sys.executable}" -m torch.distributed.run "$@"',
            "srun": '"$@" & echo $! > pid; mv pid step.pid; wait $!; status=$?; rm step.pid; exit $status',
            "scontrol": 'if [ "$1" = show ]; then echo localhost; else echo "$@" >> asked; fi',
        }.items():
            (tools / name).write_text(f"#!/bin/sh\n{lines}\n")
            (tools / name).chmod(0o755)
        self.environment = os.environ | {
            "PATH": f"{tools}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT),
            "SLURM_JOB_ID": "7", "SLURM_NNODES": "1", "SLURM_JOB_NODELIST": "localhost",
        }  # fmt: skip
        self.run = Run(folder / "checkpoints/job-7/tiny-001")

    @property
    def is_queued_again(self) -> bool:
        asked = self.folder / "asked"
        return asked.exists() and asked.read_text() == "requeue 7\n"

    def once(self, meanwhile: Callable[[], object]) -> int:
        """Run it, and do something once its run has made steps; its exit status."""

        def has_steps() -> bool:
            return self.run.last_file.exists() and any(isinstance(event, events.Step) for event in self.run.events())

        with subprocess.Popen(
            ["bash", self.script],
            cwd=self.folder,
            env=self.environment,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process:
            try:
                wait_for(has_steps, "steps")
                meanwhile()
                return process.wait(PATIENCE)
            except BaseException:
                os.killpg(process.pid, signal.SIGKILL)
                raise

    def end_step(self) -> None:
        """As Slurm does before the time limit."""
        os.kill(int((self.folder / "step.pid").read_text()), signal.SIGTERM)


@pytest.fixture(params=["one machine", "several machines"])
def job(request: pytest.FixtureRequest, folder: Path) -> Job:
    text = (ROOT / "docs/slurm.md").read_text()
    one, several = re.findall(r"^```bash\n(#!/bin/bash\n.*?)^```", text, re.MULTILINE | re.DOTALL)
    return Job(folder, one if request.param == "one machine" else several)


@pytest.mark.soak
def test_the_job_of_the_docs_goes_on_after_it_was_ended(job: Job) -> None:
    phase = job.folder / "tiny.toml"
    phase.write_text(phase.read_text().replace("max_iters = 12", "max_iters = 2000"))
    assert job.once(job.end_step) in (130, 1)
    assert job.is_queued_again
    (job.folder / "asked").unlink()
    assert job.once(lambda: None) == 0
    assert not job.is_queued_again
    *_, last = job.run.events()
    assert isinstance(last, events.RunFinished)
    assert (last.reason, last.step) == ("completed", 2000)


@pytest.mark.soak
def test_the_job_of_the_docs_does_not_go_on_after_a_person_has_stopped_its_run(job: Job) -> None:
    phase = job.folder / "tiny.toml"
    phase.write_text(phase.read_text().replace("max_iters = 12", "max_iters = 200000"))
    assert job.once(lambda: send(job.run.control_file, Command("stop"))) in (130, 1)
    assert not job.is_queued_again
