"""What processes that cannot train together are told."""

from __future__ import annotations

import shutil
import socket
from datetime import timedelta
from pathlib import Path

import pytest

from slmtui.config.phase_file import load_phase
from slmtui.errors import TrainingFailed, UserError
from slmtui.model.gpt import GPT
from slmtui.runs.control import nothing
from slmtui.session import begin, take_part, take_part_again
from slmtui.training import events, ranks
from slmtui.training.ranks import ALONE, Ranks, ranks_here, ranks_of
from tests.together.conftest import PHASE, Start, run_of


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
