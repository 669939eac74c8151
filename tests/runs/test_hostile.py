"""Files that were damaged, or made to do harm: each ends in a clear message or a right result, never in a traceback,
a hang or a wrong number. A thousand cases here and beside it for checkpoints, ten thousand in the soak."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from slmtui.commands.watch import follow
from slmtui.config.phase_file import PhaseError, dump_phase, parse_phase
from slmtui.errors import TrainingFailed, UserError
from slmtui.runs.control import ControlFile
from slmtui.runs.history import RunHistory
from slmtui.runs.index import RunIndex
from slmtui.runs.lines import line_of
from slmtui.runs.log_reader import LogError
from slmtui.runs.preview import preview
from slmtui.runs.progress import Progress
from slmtui.runs.run import Run
from slmtui.runs.summary import summarise
from slmtui.session import resume
from slmtui.training import events
from tests.conftest import MakePhase
from tests.runs.fuzzing import EVIL, cases, check_many, damage, killed_run, replacement


@pytest.fixture
def run(make_phase: MakePhase, tmp_path: Path) -> Run:
    return killed_run(make_phase, tmp_path / "runs")


def look_at_everything(run: Run) -> None:
    """All that reads a log; only UserError may come of it."""
    with suppress(LogError):
        summarise(run)
    with suppress(ValueError):
        RunHistory(run).refresh()
    with suppress(ValueError):
        preview(run)
    RunIndex(run.folder.parent).look()
    with suppress(LogError):
        progress = Progress()
        for event in follow(run):
            if event is not None:
                progress.add(event)
                line_of(event, progress)


@cases(250, 2500)
def test_damaged_logs(run: Run, n_cases: int) -> None:
    whole = run.log_file.read_bytes()

    def check(change: Callable[[bytes], bytes]) -> None:
        run.log_file.write_bytes(change(whole))
        look_at_everything(run)

    check_many(n_cases, check, change=damage())


@cases(250, 2500)
def test_logs_that_say_strange_things(run: Run, n_cases: int) -> None:
    lines = [json.loads(line) for line in run.log_file.read_bytes().splitlines()]

    def check(change: Callable[[Any], Any], number: int) -> None:
        changed = list(lines)
        changed[number % len(lines)] = change(lines[number % len(lines)])
        run.log_file.write_text("".join(json.dumps(line) + "\n" for line in changed))
        look_at_everything(run)

    check_many(n_cases, check, change=replacement(), number=st.integers(0, len(lines) - 1))


@pytest.mark.parametrize(("at", "step"), [(1e300, 2), (0.0, 2), (-1e300, 2), (1001.0, 1), (1001.0, 0)])
def test_a_clock_that_jumps_gives_no_speed_and_no_error(at: float, step: int) -> None:
    progress = Progress()
    for time, number in ((1000.0, 1), (at, step)):
        progress.add(events.Step(step=number, time=time, loss=1, learning_rate=1, grad_norm=1, tokens=1))
    speed, to_go = progress.steps_per_second, progress.seconds_to_go
    assert speed is None or speed > 0
    assert to_go is None or 0 <= to_go < math.inf


@cases(150, 1500)
def test_control_files(tmp_path: Path, n_cases: int) -> None:
    path = tmp_path / "control.jsonl"
    command = st.fixed_dictionaries(
        {"command": st.sampled_from(["pause", "learning_rate", "stop", "sample", "fly", *EVIL[:9]])},
        optional={"value": st.sampled_from(EVIL) | st.floats()},
    )

    def check(written: list[Any], rubbish: bytes) -> None:
        path.write_bytes(b"")
        control = ControlFile(path)
        text = "".join(json.dumps(line) + "\n" for line in written).encode()
        path.write_bytes(text + rubbish + b"\n")
        found = [command for _ in range(len(written) + 1) for command in control.poll()]
        assert len(found) <= len(written) + 1
        assert all(c.value is None or 0.001 <= c.value <= 1000 for c in found)
        assert control.poll() == []

    check_many(
        n_cases, check, written=st.lists(command | st.sampled_from(EVIL), max_size=5), rubbish=st.binary(max_size=50)
    )


@cases(150, 1500)
def test_phase_files(tiny_toml: str, n_cases: int) -> None:
    def check(change: Callable[[bytes], bytes]) -> None:
        with suppress(PhaseError):
            phase = parse_phase(change(tiny_toml.encode()).decode(errors="replace"))
            assert parse_phase(dump_phase(phase)) == phase

    check_many(n_cases, check, change=damage())


def test_a_log_that_does_not_lead_to_the_checkpoint_is_refused(run: Run) -> None:
    log = run.log_file.read_bytes()
    run.log_file.write_bytes(log[: len(log) // 2])
    with pytest.raises(UserError, match="do not belong together"):
        resume(run)
    run.log_file.write_bytes(log[:300] + b" " * 10 + log[300:])
    with pytest.raises(UserError, match="do not belong together"):
        resume(run)
    run.log_file.write_bytes(log + b"\0" * 4096)  # as a file system may leave it when the power goes
    *_, last = resume(run).events
    assert last.event == "run_finished"


def test_files_of_a_run_that_are_links_are_not_followed(run: Run, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    for name in ("events.jsonl", "control.jsonl", "lock"):
        path = run.folder / name
        kept = path.read_bytes()
        path.unlink()
        path.symlink_to(precious)
        with pytest.raises((UserError, TrainingFailed), match="a link, which is not followed here"):
            for _ in resume(run).events:
                pass
        assert precious.read_text() == "precious"
        path.unlink()
        path.write_bytes(kept)


def test_names_of_runs_name_runs(run: Run, tmp_path: Path) -> None:
    from slmtui.runs.run import all_runs, find_run

    checkpoints = run.folder.parent
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert find_run(checkpoints, f"{checkpoints}/{run.name}") == run
    assert find_run(elsewhere, str(run.folder)) == run  # a path is the person's own word
    for name in (f"../runs/../runs/{run.name}/..", "..", ".", "", "/", "/etc", f"{elsewhere}/../x", "a\0b", "../x\0/y"):
        with pytest.raises(UserError):
            find_run(checkpoints, name)
    (elsewhere / "tiny-007").symlink_to(run.folder)
    assert all_runs(elsewhere) == []
    with pytest.raises(UserError, match="is a link"):
        Run(elsewhere / "tiny-007").delete()
    assert run.folder.exists()
