"""The index of runs: right after any change of a log, and the same object where there was none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from slmtui.runs.index import RunIndex, RunListing
from slmtui.runs.run import Run, State
from slmtui.training import events
from slmtui.training.events import Reason, to_json
from tests.written_runs import BEGAN, done_run, evaluations, finished, make_phase, started, write_run


def look_at(index: RunIndex) -> RunListing:
    (listed,) = index.look()
    return listed


def append(run: Run, *lines: str) -> None:
    with run.log_file.open("a") as log:
        log.write("".join(lines))


@pytest.mark.parametrize(
    ("reason", "state"), [("completed", "done"), ("stopped", "stopped"), ("diverged", "failed"), (None, "crashed")]
)
def test_it_says_what_the_log_says(tmp_path: Path, reason: Reason | None, state: State) -> None:
    done_run(tmp_path, "phase1-001", reason=reason)
    listed = look_at(RunIndex(tmp_path))
    assert listed.state == state
    summary = listed.summary
    assert (summary.reason, summary.step, summary.best_step) == (reason, 200, 100)
    assert (summary.best_val_loss, summary.gap, summary.verdict) == (4.0, 1.0, "moderate")
    assert summary.seconds == (12.0 if reason else 3.0)
    assert [point.val_loss for point in listed.points] == [6.6, 4.0, 5.0]
    assert (listed.saved_step, listed.title) == (200, "Tiny: finding the balance")


def test_a_log_that_grows_is_read_on_and_a_torn_line_waited_for(tmp_path: Path) -> None:
    run = done_run(tmp_path, "phase1-001", losses=[(6.6, 6.6)], reason=None)
    index = RunIndex(tmp_path)
    before = look_at(index)
    assert index.look()[0] is before
    step = to_json(events.Step(step=7, time=BEGAN + 9, loss=1.0, learning_rate=1.0, grad_norm=1.0, tokens=1))
    append(run, step[:20])
    assert look_at(index).summary.step == 0
    append(run, step[20:], "\n")
    assert look_at(index).summary.step == 7
    assert look_at(index).heard == BEGAN + 9
    assert before.summary.step == 0


def test_a_log_that_was_cut_back_and_written_past_its_old_end_is_read_anew(tmp_path: Path) -> None:
    phase = make_phase("phase1")
    first = [started(phase), *evaluations([(6.6, 6.6), (3.0, 3.0), (2.0, 2.0)])]
    run = write_run(tmp_path, "phase1-001", phase, first)
    index = RunIndex(tmp_path)
    assert look_at(index).summary.best_val_loss == 2.0
    again = [started(phase), *evaluations([(6.6, 6.6), (4.0, 4.0), (3.5, 3.5), (3.4, 3.4), (3.3, 3.3)])]
    run.log_file.write_text("".join(to_json(event) + "\n" for event in again))
    listed = look_at(index)
    assert listed.summary.best_val_loss == 3.3
    assert [point.val_loss for point in listed.points] == [6.6, 4.0, 3.5, 3.4, 3.3]


def test_a_run_that_goes_on_after_its_end_is_no_longer_over(tmp_path: Path) -> None:
    run = done_run(tmp_path, "phase1-001", reason="stopped")
    index = RunIndex(tmp_path)
    assert look_at(index).state == "stopped"
    seconds = look_at(index).heard - BEGAN
    append(run, to_json(events.Resumed(step=200, time=BEGAN + 1000, after="stop")) + "\n")
    listed = look_at(index)
    assert listed.summary.seconds == seconds  # the time in between does not count
    assert (listed.state, listed.summary.reason) == ("crashed", None)
    with run.lock():
        assert look_at(index).alive


def test_a_last_line_longer_than_a_chunk_is_read_whole(tmp_path: Path) -> None:
    phase = make_phase("phase1")
    happened = [started(phase), *evaluations([(6.6, 6.6)])]
    sample = events.Sample(step=0, time=BEGAN, prompt="x", text="y" * (3 << 20))
    write_run(tmp_path, "phase1-001", phase, [*happened, sample, finished(happened)])
    assert look_at(RunIndex(tmp_path)).state == "done"


def test_runs_come_and_go(tmp_path: Path) -> None:
    index = RunIndex(tmp_path / "none")
    assert index.look() == []
    first = done_run(tmp_path / "none", "phase1-001")
    done_run(tmp_path / "none", "phase1-002")
    assert [listed.name for listed in index.look()] == ["phase1-001", "phase1-002"]
    first.delete()
    assert [listed.name for listed in index.look()] == ["phase1-002"]


def test_a_phase_that_was_only_frozen_is_listed(tmp_path: Path) -> None:
    run = write_run(tmp_path, "phase1-001", make_phase("phase1"), [])
    run.log_file.unlink()
    os.utime(run.folder, (BEGAN, BEGAN))
    listed = look_at(RunIndex(tmp_path))
    assert (listed.state, listed.points, listed.began) == ("crashed", (), BEGAN)
