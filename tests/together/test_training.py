"""Several processes that train one model together (training/ranks.py), started as torchrun starts them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from slmtui.cli import main
from slmtui.config.phase_file import load_phase
from slmtui.runs.run import Run
from slmtui.session import begin
from slmtui.training import events
from tests.patience import PATIENCE
from tests.processes import ROOT, Processes
from tests.together.conftest import PARTS, PHASE, Start, losses, run_of


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


def test_the_same_text_may_be_at_another_place(together: Start, folder: Path) -> None:
    shutil.copytree(folder / "corpus", folder / "copy")
    first, other = together(2, PHASE, "--set=training.max_iters=1", others=("--set=data.source=copy",))
    assert (first.wait(), other.wait()) == (0, 0), first.communicate()


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


def test_the_time_of_several_is_measured_together(together: Start, folder: Path) -> None:
    stop = "--set=early_stopping.target=100"  # at the first evaluation
    first, other = together(2, PHASE, "--set=training.max_minutes=60", "--set=training.accumulate=3", stop)
    assert (first.wait(), other.wait()) == (0, 0), first.communicate()
    assert "fit into 60 minutes" in first.communicate()[1]


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
