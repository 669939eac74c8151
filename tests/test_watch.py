"""Watching a run from a plain terminal, and training without one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from slmtui.cli import main
from slmtui.commands import watch
from slmtui.config.phase_file import load_phase
from slmtui.runs import run as run_module
from slmtui.runs.control import send
from slmtui.runs.lines import line_of, worst_first
from slmtui.runs.log_reader import last_event
from slmtui.runs.progress import Progress
from slmtui.runs.run import Run, all_runs
from slmtui.session import Session, begin, resume
from slmtui.training import events
from slmtui.training.control import Command
from slmtui.training.events import Event
from tests import written_runs
from tests.conftest import MakePhase
from tests.patience import PATIENCE, wait_for
from tests.processes import Processes

ROOT = Path(__file__).parents[1]


@pytest.fixture
def project(tmp_path: Path, tiny_toml: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "tiny.toml").write_text(tiny_toml)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def until_nothing_new(following: object) -> list[Event]:
    """What a follower yields up to the next look that finds nothing."""
    found = []
    for event in following:  # type: ignore[attr-defined]
        if event is None:
            break
        found.append(event)
    return found


def advance(session: Session, count: int) -> None:
    for _ in range(count):
        next(session.events)


def test_a_run_that_is_over_is_told_as_headless_told_it(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--headless", "tiny.toml"]) == 0
    told = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("step ")]
    assert main(["watch", "latest"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if not line.startswith("step ")] == told
    assert [line.split(":")[0] for line in lines if line.startswith("step ")] == [
        f"step {step}" for step in (0, 4, 8, 12)
    ]
    assert main(["watch", "tiny-001", "--json"]) == 0
    assert capsys.readouterr().out == (project / "checkpoints/tiny-001/events.jsonl").read_text()


def test_a_live_run_is_followed_by_two_who_steer_it(make_phase: MakePhase, tmp_path: Path) -> None:
    session = begin(make_phase(), tmp_path)
    advance(session, 5)
    first, second = watch.follow(session.run), watch.follow(session.run)
    seen = until_nothing_new(first)
    advance(session, 3)
    send(session.run.control_file, Command("sample"))
    send(session.run.control_file, Command("stop"))
    rest = [*until_nothing_new(first), *session.events]
    assert len(seen) == 5
    seen = seen + rest[:3] + until_nothing_new(first)
    assert seen == until_nothing_new(second) == list(session.run.events())
    assert isinstance(seen[-1], events.RunFinished)


def test_a_log_that_is_cut_back_is_followed_from_where_it_goes_on(
    make_phase: MakePhase, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session = begin(make_phase(), tmp_path)
    advance(session, 16)
    following = watch.follow(session.run)
    before = until_nothing_new(following)
    session.events.close()  # type: ignore[attr-defined]
    resumed = resume(session.run)
    advance(resumed, 12)  # the log is longer again than it was
    after = until_nothing_new(following)
    assert isinstance(after[0], events.Resumed)
    assert len(after) == 12
    cut = resumed.history[-1].step
    again = [event for event in before if isinstance(event, events.Step) and event.step > cut]
    assert again
    assert again == [event for event in after if isinstance(event, events.Step)][: len(again)]
    assert "cut back" in capsys.readouterr().err


def test_a_crashed_run_and_a_stalled_one_are_called_so(
    make_phase: MakePhase, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = begin(make_phase(), tmp_path)
    advance(session, 8)
    run = session.run
    monkeypatch.setattr(run_module, "SILENCE", 0.0)
    assert run.state(last_event(run.log_file)) == "stalled"

    def crash(_seconds: float) -> None:
        session.events.close()  # type: ignore[attr-defined]

    monkeypatch.setattr(time, "sleep", crash)
    assert main(["watch", "tiny-001", "--checkpoints", str(tmp_path)]) == 3
    err = capsys.readouterr().err
    assert "tiny-001: stalled" in err
    assert "tiny-001: crashed at step" in err
    assert "--resume tiny-001" in err
    assert run.state(last_event(run.log_file)) == "crashed"


@pytest.mark.parametrize("words", [[], ["--json"]])
def test_an_older_log_that_praises_an_untrained_model_is_corrected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    run = written_runs.done_run(tmp_path, "tiny-001", [(6.59, 6.6)])
    assert '"verdict":"excellent"' in run.log_file.read_text()
    main(["watch", "tiny-001", "--checkpoints", str(tmp_path), *words])
    told = capsys.readouterr().out
    assert "excellent" not in told
    assert ('"verdict":""' if words else "gap +0.01, ") in told


def test_a_paused_run_that_was_sampled_since_is_not_stalled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    phase = written_runs.make_phase()
    paused = events.Paused(step=0, time=written_runs.BEGAN)
    sample = events.Sample(step=0, time=written_runs.BEGAN + 9, prompt="def", text=" f")
    run = written_runs.write_run(tmp_path, "tiny-001", phase, [written_runs.started(phase), paused, sample])

    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupt)
    with run.lock():
        assert main(["watch", "tiny-001", "--checkpoints", str(tmp_path)]) == 130
    assert "stalled" not in capsys.readouterr().err


def test_ctrl_c_stops_watching_only(
    make_phase: MakePhase, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = begin(make_phase(), tmp_path)
    advance(session, 4)

    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupt)
    assert main(["watch", "tiny-001", "--checkpoints", str(tmp_path)]) == 130
    assert "no longer watched" in capsys.readouterr().err
    assert session.run.is_alive()
    *_, last = session.events
    assert isinstance(last, events.RunFinished)
    assert last.reason == "completed"


def test_watching_needs_no_torch(project: Path) -> None:
    code = (
        "import sys\nfrom slmtui.cli import main\nmain(['watch', 'latest'])\n"
        "sys.exit(sorted({'torch', 'numpy', 'numba', 'textual'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr


def test_detached_training_goes_on_by_itself(project: Path, processes: Processes) -> None:
    begun = processes.start("--detach", "tiny.toml", "tiny.toml", "--set", "training.max_iters=40", cwd=project)
    out, err = begun.communicate()
    assert begun.returncode == 0
    first, second = out.splitlines()
    assert first.startswith("tiny-001: trained by process ")
    assert "slmtui watch tiny-002" in second
    pid = int(first.split("process ")[1].split(";")[0])
    reading = f"tiny: reading {project / 'corpus'}: 6 files, 1.2 KB of text\n"
    assert err == 2 * reading + f"to stop and save it, press s on Runs in slmtui, or type: kill {pid}\n"
    runs = all_runs(project / "checkpoints")
    assert os.getsid(pid) == pid, "of no terminal's session"
    assert runs[0].is_alive()
    watching = processes.start("watch", "tiny-002", "--json", cwd=project)
    wait_for(lambda: not Path(f"/proc/{pid}").exists())
    for run in runs:
        end = last_event(run.log_file)
        assert isinstance(end, events.RunFinished)
        assert (end.reason, end.step) == ("completed", 40)
        assert sum(isinstance(event, events.RunStarted) for event in run.events()) == 1
    watching.wait()


def test_the_findings_of_a_run_are_printed_the_worst_first_as_in_its_report() -> None:
    live = events.Warned(step=4, code="gap", message="so far")
    light, heavy = (
        events.Warned(step=9, code=code, message="in all", of_the_run=True) for code in ("wasted", "overfitting")
    )
    end = events.RunFinished(step=9, reason="completed", best_step=4, best_val_loss=2.0, seconds=1.0)
    heard = [live, light, None, heavy, end]
    assert [event for event in worst_first(heard) if event] == [live, heavy, light, end]
    assert list(worst_first([light, heavy])) == [heavy, light]  # of a log that breaks off there


def test_a_sample_has_its_label_and_a_margin_that_shows_its_end() -> None:
    judged = events.Sample(step=30, prompt="\n", text="import os\n\nx = 1\n", judgement={"label": "domain"})
    assert line_of(judged, Progress()) == "sample at step 30, domain:\n  | import os\n  |\n  | x = 1"
    assert line_of(events.Sample(step=0, prompt="a", text="b"), Progress()) == "sample at step 0:\n  | ab"


@pytest.mark.parametrize(
    ("change", "needle"),
    [
        ("model.n_layer=four", "model.n_layer"),
        ("data.source=nowhere", "nowhere"),
        ("data.source=short.txt", "too few"),  # which only the process itself can see
    ],
)
def test_a_mistake_is_told_before_detaching_and_leaves_no_run(
    project: Path, processes: Processes, change: str, needle: str
) -> None:
    (project / "short.txt").write_text("x")
    begun = processes.run("--detach", "tiny.toml", "--set", change, cwd=project)
    assert (begun.returncode, begun.stdout) == (2, "")
    assert needle in begun.stderr
    assert "Traceback" not in begun.stderr
    assert all_runs(project / "checkpoints") == []


def test_headless_outlives_its_terminal_and_its_reader(project: Path, processes: Processes) -> None:
    reader, writer = os.pipe()
    arguments = ("--headless", "tiny.toml", "--set", "training.max_iters=400", "--set", "evaluation.interval=100")
    training = processes.start(*arguments, cwd=project, streams={1: writer})
    os.close(writer)
    run = Run(project / "checkpoints" / "tiny-001")
    wait_for(lambda: run.log_file.exists() and run.log_file.read_bytes().count(b"\n") > 20)
    training.send_signal(signal.SIGHUP)
    os.close(reader)  # as `| head -1` does
    _, err = training.communicate()
    assert training.returncode == 0
    assert "Traceback" not in err
    end = last_event(run.log_file)
    assert isinstance(end, events.RunFinished)
    assert (end.reason, end.step) == ("completed", 400)


def test_several_runs_are_gone_on_with_in_order(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        session = begin(load_phase("tiny.toml"), project / "checkpoints")
        advance(session, 9)
        session.events.close()  # type: ignore[attr-defined]
    assert main(["--resume", "tiny-001", "--resume", "latest", "--json"]) == 0
    reasons = [json.loads(line).get("reason") for line in capsys.readouterr().out.splitlines()]
    assert [reason for reason in reasons if reason] == ["completed", "completed"]
