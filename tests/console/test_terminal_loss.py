"""The terminal vanishes, or somebody ends the console: what becomes of the training, the process, the terminal."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from slmtui.runs.checkpoint import load_checkpoint
from slmtui.runs.control import send
from slmtui.runs.log_reader import last_event
from slmtui.runs.run import Run
from slmtui.session import resume
from slmtui.training import events
from slmtui.training.control import Command
from tests.patience import wait_for
from tests.processes import Processes
from tests.terminal import SlmtuiTerminal

MAX_ITERS = 700
Open = Callable[..., SlmtuiTerminal]

HOW: dict[str, Callable[[SlmtuiTerminal], None]] = {
    "SIGHUP": lambda console: console.send(signal.SIGHUP),
    "closed": SlmtuiTerminal.hang_up,
    "SIGTERM": lambda console: console.send(signal.SIGTERM),
    "SIGINT": lambda console: console.send(signal.SIGINT),
}


@pytest.fixture
def project(tmp_path: Path, tiny_toml: str) -> Path:
    text = tiny_toml.replace("max_iters = 12", f"max_iters = {MAX_ITERS}").replace("interval = 4", "interval = 100")
    (tmp_path / "tiny.toml").write_text(text)
    return tmp_path


@pytest.fixture
def console(project: Path, processes: Processes) -> Iterator[Open]:
    """Opens consoles that train tiny.toml, each with a folder of runs of its own."""
    opened: list[SlmtuiTerminal] = []

    def make(name: str, *arguments: str, nohup: bool = False) -> SlmtuiTerminal:
        words = ("tiny.toml", *arguments, "--checkpoints", name)
        made = SlmtuiTerminal(processes, *words, cwd=project, size=(100, 30), nohup=nohup)
        opened.append(made)
        return made

    yield make
    for each in opened:
        each.close()


def run_of(project: Path, name: str) -> Run:
    return Run(project / name / "tiny-001")


def lines(run: Run) -> int:
    return run.log_file.read_bytes().count(b"\n") if run.log_file.exists() else 0


def end_of(run: Run) -> events.RunFinished:
    *_, last = run.events()
    assert isinstance(last, events.RunFinished)
    return last


def check_end(how: str, run: Run) -> None:
    end = end_of(run)
    if how in ("SIGHUP", "closed"):
        assert (end.reason, end.step) == ("completed", MAX_ITERS)
    else:
        assert end.reason == "interrupted"
        assert 0 < end.step < MAX_ITERS
        assert load_checkpoint(run.last_file).step == end.step
    assert not run.is_alive()


def end_consoles(how: str, project: Path, console: Open, names: Sequence[str]) -> None:
    """Open consoles, do that to them in the middle of their training, and look at what is left."""
    consoles = {name: console(name) for name in names}
    for name, each in consoles.items():
        each.until(lambda name=name: lines(run_of(project, name)) > 20, "20 events")  # type: ignore[misc]
        HOW[how](each)
    for name, each in consoles.items():
        status = each.wait()
        assert each.processes() == []
        check_end(how, run_of(project, name))
        assert status == (0 if how in ("SIGHUP", "closed") else 130)
        if how in ("SIGTERM", "SIGINT"):
            assert each.is_clean()
            assert f"{name}/tiny-001".encode() in each.written
        assert b"Traceback" not in each.written
        assert "Traceback" not in (project / name / "console.log").read_text()


@pytest.mark.parametrize("how", HOW)
def test_a_console_that_is_ended(how: str, project: Path, console: Open) -> None:
    end_consoles(how, project, console, ["only"])


def test_stop_and_save_at_leaving_is_a_stop_with_its_diagnosis(project: Path, console: Open) -> None:
    leaving, run = console("runs"), run_of(project, "runs")
    wait_for(lambda: lines(run) > 20)
    leaving.press("q")
    leaving.until_seen("Stop and save")
    leaving.press("s")
    assert leaving.wait() == 0
    assert end_of(run).reason == "stopped"
    assert load_checkpoint(run.last_file).step == end_of(run).step
    diagnosis = [event for event in run.events() if isinstance(event, events.Warned) and event.of_the_run]
    assert "tiny_validation" in [one.code for one in diagnosis]


@pytest.mark.soak
@pytest.mark.parametrize("how", HOW)
def test_a_console_that_is_ended_ten_times(how: str, project: Path, console: Open) -> None:
    for pair in range(5):
        end_consoles(how, project, console, [f"{pair}-first", f"{pair}-second"])


def test_a_terminal_that_takes_nothing_does_not_keep_the_console(project: Path, console: Open) -> None:
    """As after ctrl+s: the screen stands still, the training does not; SIGTERM ends both in seconds."""
    stalled = console("stalled")
    run = run_of(project, "stalled")
    stalled.until(lambda: lines(run) > 20, "20 events")
    before = lines(run)
    wait_for(lambda: lines(run) > before + 100)  # nothing is read from here on
    stalled.send(signal.SIGTERM)
    assert stalled.process.wait(60) == 130
    check_end("SIGTERM", run)


def test_a_hang_up_that_nobody_signals_is_seen_all_the_same(project: Path, console: Open) -> None:
    """Under nohup, with the run paused, so that nothing is drawn: no spinning, and the run can still be asked."""
    ignoring = console("quiet", nohup=True)
    run = run_of(project, "quiet")
    ignoring.until(lambda: lines(run) > 20, "20 events")
    send(run.control_file, Command("pause"))
    ignoring.until(lambda: b'"paused"' in run.log_file.read_bytes(), "a pause")
    ignoring.hang_up()
    time.sleep(3.0)  # more than it takes to see that the terminal is gone
    before, begin = ignoring.cpu_seconds(), time.monotonic()
    time.sleep(2.0)
    assert (ignoring.cpu_seconds() - before) / (time.monotonic() - begin) < 0.15
    assert run.is_alive()
    send(run.control_file, Command("stop"))
    assert ignoring.wait() == 0
    assert end_of(run).reason == "stopped"


@pytest.mark.long
def test_detached_on_purpose_it_goes_on_with_what_was_queued(project: Path, console: Open) -> None:
    left = console("left", "tiny.toml")
    first, second = run_of(project, "left"), Run(project / "left" / "tiny-002")
    left.until(lambda: lines(first) > 20, "20 events")
    left.press("q")
    left.until(lambda: b"What should happen to it" in left.written, "the question")
    left.press("d")
    assert left.wait() == 0
    assert left.is_clean()
    told = re.search(rb"tiny-001, then tiny-002: trained by process (\d+)", left.written)
    assert told is not None
    wait_for(lambda: not Path(f"/proc/{int(told[1])}").exists())
    for run in (first, second):
        assert (end_of(run).reason, end_of(run).step) == ("completed", MAX_ITERS)


def test_a_second_signal_leaves_at_once_and_leaves_the_terminal_clean(project: Path, console: Open) -> None:
    hasty = console("hasty", "--set", "sampling.tokens=3000", "--set", "evaluation.interval=1")
    run = run_of(project, "hasty")
    hasty.until(lambda: lines(run) > 2, "2 events")
    hasty.send(signal.SIGTERM)
    time.sleep(0.05)
    hasty.send(signal.SIGTERM)
    assert hasty.wait() in (143, 130)
    assert hasty.processes() == []
    assert hasty.is_clean()
    if not isinstance(last_event(run.log_file), events.RunFinished):
        assert run.state(last_event(run.log_file)) == "crashed"
        next(resume(run).events)  # and can be gone on with
