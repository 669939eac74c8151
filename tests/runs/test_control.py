"""What is asked of a run through its control file, and what its trainer says there."""

from __future__ import annotations

import re
import threading
from collections import deque
from pathlib import Path

import pytest

from slmtui.runs.control import ControlFile, now, send
from slmtui.session import begin
from slmtui.training import events
from slmtui.training.control import Command, CommandKind
from tests.conftest import MakePhase
from tests.runs.trained import append


def test_a_run_is_steered_through_its_control_file(make_phase: MakePhase, tmp_path: Path) -> None:
    session = begin(make_phase("training.max_iters=5000"), tmp_path)
    seen: list[str] = []
    for event in session.events:
        if not isinstance(event, events.Step | events.Warned):
            seen.append(event.event)
        if isinstance(event, events.Step) and event.step == 3:
            send(session.run.control_file, Command("pause"))
        if isinstance(event, events.Paused):
            assert session.run.state(event) == "paused"
            threading.Timer(0.1, send, (session.run.control_file, Command("resume"))).start()
        if isinstance(event, events.Resumed):
            send(session.run.control_file, Command("stop"))
    assert seen[-4:] == ["paused", "resumed", "checkpoint", "run_finished"]


def test_orders_of_before_and_nonsense_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "control.jsonl"
    send(path, Command("stop"))
    control = ControlFile(path)
    append(path, 'nonsense\n[]\n{"command": "fly"}\n{"command": "pause", "value": "x"}\n{"command": "res')
    assert control.poll() == [Command("pause")]
    append(path, 'ume"}\n')
    assert control.poll() == [Command("resume")]


def test_one_command_is_taken_at_a_time_and_what_waits_can_be_seen(tmp_path: Path) -> None:
    path = tmp_path / "control.jsonl"
    assert now(path) is None
    control = ControlFile(path)
    for kind in ("evaluate", "pause"):
        send(path, Command(kind))
    assert asked(path) == ["evaluate", "pause"]
    assert control.poll() == [Command("evaluate")]
    control.tell("evaluating", "1 of 4 windows")
    control.tell("evaluating", "2 of 4 windows")  # too soon to be written down
    said = now(path)
    assert said is not None
    assert (said.doing, said.how_far, said.paused) == ("evaluating", "1 of 4 windows", False)
    assert asked(path) == ["pause"]
    control.tell("")
    assert control.poll() == [Command("pause")]
    assert control.wait() == []
    said = now(path)
    assert said is not None
    assert (said.doing, said.paused, said.asked) == ("", True, ())
    ControlFile(path)  # another trainer: what the first one said is of the past
    said = now(path)
    assert said is not None
    assert not said.paused


def test_what_is_taken_back_is_not_done_and_a_pause_that_has_begun_ends(tmp_path: Path) -> None:
    path = tmp_path / "control.jsonl"
    control = ControlFile(path)
    send(path, Command("evaluate"))
    send(path, Command("pause"))
    send(path, Command("evaluate"), take_back=True)
    send(path, Command("sample"))
    assert asked(path) == ["pause", "sample"]
    assert control.poll() == [Command("pause")]
    send(path, Command("pause"), take_back=True)  # too late for a line of before: it is paused
    assert control.wait() == [Command("sample")]
    assert control.wait() == [Command("resume")]
    send(path, Command("stop"))
    send(path, Command("stop"), take_back=True)
    assert control.poll() == []
    assert asked(path) == []


def asked(path: Path) -> list[str]:
    said = now(path)
    return [command.kind for command in said.asked] if said is not None else []


@pytest.mark.parametrize("mixture", [(), ("model.ngram_mix=0.3", "evaluation.method=full")])
def test_a_training_says_what_it_does_besides_its_steps(
    make_phase: MakePhase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mixture: tuple[str, ...]
) -> None:
    monkeypatch.setattr("slmtui.runs.control.TOLD_EVERY", 0.0)
    session = begin(make_phase("evaluation.interval=12", "training.max_iters=12", *mixture), tmp_path)
    doing: dict[str, str] = {}
    for event in session.events:
        said = now(session.run.control_file)
        assert said is not None
        doing.setdefault(event.event, f"{said.doing} {said.how_far}".strip())
    far = re.fullmatch(r"evaluating (\d+) of (\d+) windows", doing["evaluation"])
    assert far is not None
    assert far[1] == far[2]  # all of them
    assert doing["sample"] == "sampling 1 completion"
    assert doing["checkpoint"] == "saving last.pt"
    assert doing["step"] == ""
    assert doing["block_losses"] == "measuring the best model"


def test_what_its_own_process_wishes_comes_before_the_file(tmp_path: Path) -> None:
    path = tmp_path / "control.jsonl"
    wishes: deque[CommandKind | None] = deque([None, "interrupt", None])
    control = ControlFile(path, wishes.popleft)
    assert control.poll() == []
    send(path, Command("pause"))
    assert control.wait() == [Command("interrupt")]
    assert control.poll() == [Command("pause")]
