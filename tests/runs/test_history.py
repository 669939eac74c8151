"""A run's log as columns: everything that is in it, and only what is new."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from slmtui.runs import history as history_module
from slmtui.runs import log_reader
from slmtui.runs.history import RunHistory
from slmtui.runs.progress import Progress
from slmtui.runs.run import Run
from slmtui.runs.summary import summarise
from slmtui.training import events
from slmtui.training.data_record import DataRecord
from slmtui.training.events import Event, from_json, to_json

_started = events.RunStarted(
    step=0,
    time=1000.0,
    phase={"phase": {"name": "tiny"}, "training": {"max_iters": 100}, "evaluation": {"interval": 10}},
    parameters={"total": 7},
    data=DataRecord(train_tokens=90, val_tokens=100, n_vocab=50, val_text="ab"),
    machine={},
    versions={},
)
STARTED = from_json(to_json(_started))  # as a log gives it back: with the defaults of the phase


def step(number: int, *, at: float | None = None, loss: float = 2.0) -> events.Step:
    at = 1000.0 + number if at is None else at
    return events.Step(step=number, time=at, loss=loss, learning_rate=3e-4, grad_norm=2.5e-7, tokens=number * 32)


def evaluation(number: int, *, best: bool = True) -> events.Evaluation:
    return events.Evaluation(
        step=number,
        time=1000.5 + number,
        train_loss=2.0,
        val_loss=2.25,
        gap=0.25,
        verdict="excellent" if number else "",
        bits_per_byte=1.5,
        best=best,
    )


def some_run(steps: int) -> list[Event]:
    happened: list[Event] = [STARTED, evaluation(0)]
    for number in range(1, steps + 1):
        happened.append(step(number))
        if number % 10 == 0:
            happened.append(evaluation(number))
    return happened


@pytest.fixture
def log(tmp_path: Path) -> Path:
    folder = tmp_path / "tiny-001"
    folder.mkdir()
    return folder / "events.jsonl"


def write(log: Path, happened: Iterable[Event], *, mode: str = "a") -> None:
    with log.open(mode) as file:
        file.writelines(to_json(event) + "\n" for event in happened)


def read(log: Path) -> RunHistory:
    history = RunHistory(Run(log.parent))
    history.refresh()
    return history


def test_a_log_that_is_not_there_yet_is_empty(log: Path) -> None:
    history = RunHistory(Run(log.parent))
    assert not history.refresh()
    assert history.steps.size == 0
    assert history.last is None


def test_every_kind_of_event_is_kept(log: Path) -> None:
    rest: list[Event] = [
        events.Sample(step=2, time=1003.0, prompt="a", text="b\n"),
        events.Warned(step=2, time=1003.0, code="gap", message="rises"),
        events.Changed(step=2, time=1003.0, key="learning_rate", value=1e-4, was=3e-4),
        events.Checkpoint(step=2, time=1003.0, kind="last", file="last.pt"),
        events.RunFinished(step=2, time=1004.0, reason="completed", best_step=0, best_val_loss=2.25, seconds=4.0),
    ]
    write(log, [STARTED, evaluation(0), step(1), step(2, loss=math.nan), *rest])
    history = read(log)
    assert history.started == from_json(to_json(STARTED))
    assert history.evaluations == [evaluation(0)]
    assert [history.samples, history.warnings, history.changes, history.checkpoints] == [[e] for e in rest[:4]]
    assert history.finished == history.last == rest[4]
    assert history.steps.tolist() == [1, 2]
    assert history.tokens.tolist() == [32, 64]
    assert history.losses[0] == 2.0
    assert math.isnan(history.losses[1])
    assert history.learning_rates.tolist() == [3e-4, 3e-4]
    assert history.grad_norms.tolist() == [2.5e-7, 2.5e-7]
    assert history.times.tolist() == [1001.0, 1002.0]


@pytest.mark.parametrize(
    ("sampling", "has"),
    [
        ({}, True),
        ({"prompts": ["a"], "prompts_from": []}, True),
        ({"prompts": [], "prompts_from": ["set.jsonl"]}, True),
        ({"prompts": [], "prompts_from": []}, False),
    ],
)
def test_whether_a_phase_names_prompts(log: Path, sampling: dict[str, object], has: bool) -> None:
    assert isinstance(STARTED, events.RunStarted)
    write(log, [replace(STARTED, phase=STARTED.phase | {"sampling": sampling})])
    assert read(log).has_prompts == has


def test_only_what_is_new_is_read(log: Path) -> None:
    write(log, some_run(5))
    history = read(log)
    assert not history.refresh()
    before = history.losses
    write(log, [step(6, loss=1.0)])
    assert history.refresh()
    assert history.steps.tolist() == [1, 2, 3, 4, 5, 6]
    assert len(before) == 5  # a view stays as it was
    assert len(history.evaluations) == 1


def test_a_torn_last_line_waits_for_its_end(log: Path) -> None:
    write(log, some_run(3))
    line = to_json(step(4)) + "\n"
    with log.open("a") as file:
        file.write(line[:40])
    history = read(log)
    assert history.steps.tolist() == [1, 2, 3]
    assert not history.refresh()
    with log.open("a") as file:
        file.write(line[40:])
    assert history.refresh()
    assert history.steps.tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("again", [2, 30])
def test_a_log_cut_back_by_a_resume_is_read_again(log: Path, again: int) -> None:
    """Also when the resumed run has already written more than was there before."""
    write(log, some_run(20))
    history = read(log)
    cut = b"".join(log.read_bytes().splitlines(keepends=True)[:8])
    log.write_bytes(cut)
    write(log, [step(number, at=5000.0 + number) for number in range(7, 7 + again)])
    assert history.refresh()
    assert history.steps.tolist() == list(range(1, 7 + again))
    assert len(history.evaluations) == 1
    assert history.last == step(6 + again)


def test_a_deleted_log_leaves_nothing(log: Path) -> None:
    write(log, some_run(3))
    history = read(log)
    log.unlink()
    assert history.refresh()
    assert history.steps.size == 0
    assert not history.refresh()


def test_a_malformed_line_is_named(log: Path) -> None:
    write(log, some_run(3))
    history = read(log)
    with log.open("a") as file:
        file.write(to_json(step(4)) + '\n{"step":5,"time":7,"event":"step","loss":1-2}\n')
    for _ in range(2):  # nothing is taken in by halves
        with pytest.raises(ValueError, match=r"events\.jsonl:7: not an event"):
            history.refresh()
    assert history.steps.tolist() == [1, 2, 3]


def test_steps_written_in_another_way_are_steps_too(log: Path) -> None:
    fields = json.loads(to_json(step(2)))
    odd = [json.dumps(fields), json.dumps({**fields, "step": 3, "new_field": 1}, separators=(",", ":"))]
    log.write_text(to_json(step(1)) + "\n" + "\n".join(odd) + "\n" + to_json(step(4)) + "\n")
    history = read(log)
    assert history.steps.tolist() == [1, 2, 3, 4]
    assert history.grad_norms.tolist() == [2.5e-7] * 4


@pytest.mark.parametrize("more", [{"watts": 1.5}, {"p50": 2}, {"device": "cuda:0"}, {"fused": True}, {"parts": [1, 2]}])
def test_a_log_with_one_more_field_is_read_as_fast(
    log: Path, monkeypatch: pytest.MonkeyPatch, more: dict[str, object]
) -> None:
    """Fields are only ever added: a log of a later version has lines that this one does not know all of."""
    validated: list[bytes] = []

    def spy(line: bytes) -> Event:
        validated.append(line)
        return from_json(line)

    monkeypatch.setattr(log_reader, "from_json", spy)
    happened = some_run(300)
    lines = [json.dumps(json.loads(to_json(event)) | more, separators=(",", ":")) + "\n" for event in happened]
    log.write_text("".join(lines))
    history = read(log)
    assert history.steps.tolist() == list(range(1, 301))
    assert history.tokens.tolist() == [32 * number for number in range(1, 301)]
    assert history.grad_norms.tolist() == [2.5e-7] * 300
    assert history.evaluations == [event for event in happened if isinstance(event, events.Evaluation)]
    assert [line for line in validated if log_reader.STEP in line] == []


def test_seconds_leave_pauses_out(log: Path) -> None:
    write(log, [STARTED, step(1, at=1001.0), events.Paused(step=1, time=1002.0)])
    history = read(log)
    write(log, [events.Resumed(step=1, time=1500.0), step(2, at=1501.0), step(3, at=1502.0)])
    history.refresh()
    assert history.seconds.tolist() == [1.0, 3.0, 4.0]


def test_the_time_to_go_counts_evaluations_with_their_samples_and_checkpoints() -> None:
    before: list[Event] = [STARTED]
    before += [step(n, at=1000.0 + n) for n in range(1, 11)]
    before += [evaluation(10)]
    sample = events.Sample(step=10, time=1011.5, prompt="a", text="b")
    progress, paused = Progress(), Progress()
    for event in [*before, sample, step(11, at=1014.0)]:
        progress.add(event)
    assert progress.steps_per_second == 1.0
    assert progress.seconds_for(100, 10) == 100 + 10 * 3.0
    pause: list[Event] = [events.Paused(step=10, time=1011.0), events.Resumed(step=10, time=9000.0)]
    for event in [*before, *pause, step(11, at=9001.0)]:
        paused.add(event)
    assert paused.seconds_for(100, 10) == 100


def test_a_resumed_run_is_not_finished(log: Path) -> None:
    end = events.RunFinished(step=1, time=1002.0, reason="stopped", best_step=0, best_val_loss=2.0, seconds=2.0)
    write(log, [STARTED, step(1), end, events.Resumed(step=1, time=1900.0, after="stop")])
    history = read(log)
    assert history.finished is None
    assert [event.step for event in history.resumed] == [1]


@pytest.mark.parametrize(("chunk", "tail"), [(300, 60_000), (5000, 60_000), (5000, 1 << 20), (1 << 20, 1 << 20)])
def test_folds_say_the_same_as_event_by_event(
    log: Path, monkeypatch: pytest.MonkeyPatch, chunk: int, tail: int
) -> None:
    monkeypatch.setattr(log_reader, "CHUNK", chunk)
    monkeypatch.setattr(history_module, "TAIL", tail)
    happened = some_run(3000)
    write(log, happened)
    progress = Progress()
    for event in happened:
        progress.add(event)
    history = read(log)
    assert history.steps.tolist() == list(range(1, 3001))
    assert len(history.evaluations) == 301
    assert history.progress.seconds_to_go == progress.seconds_to_go
    assert history.progress.steps_per_second == progress.steps_per_second
    assert (history.summary, history.state()) == summarise(history.run)


def test_the_time_to_go_counts_evaluations_samples_and_checkpoints() -> None:
    """Ten steps a second, and each evaluation, with what follows it, takes 4 seconds."""
    progress, at = Progress(), 1000.0
    for number in range(1, 26):
        at += 0.1
        progress.add(step(number, at=at))
        if number % 10 == 0:
            progress.add(replace(evaluation(number), time=at + 1.0))
            progress.add(events.Sample(step=number, prompt="a", text="b", time=at + 3.0))
            at += 4.0
            progress.add(events.Checkpoint(step=number, kind="last", time=at))
    assert progress.seconds_for(100, 10) == pytest.approx(100 * 0.1 + 10 * 4.0)


def write_long_log(log: Path, steps: int) -> None:
    with log.open("w") as file:
        file.write(to_json(STARTED) + "\n")
        for number in range(1, steps + 1):
            file.write(
                f'{{"step":{number},"time":{1000 + number * 0.0213456:.7f},"event":"step",'
                f'"loss":{0.4 + 10 * math.exp(-number / 60000):.15f},"learning_rate":0.0005,'
                f'"grad_norm":{number % 977}.125e-7,"tokens":{number * 256}}}\n'
            )
            if number % 1000 == 0:
                file.write(to_json(evaluation(number)) + "\n")


def test_a_long_log_is_read_in_bulk(log: Path) -> None:
    write_long_log(log, 20_000)
    start = time.process_time()
    history = read(log)
    assert time.process_time() - start < 0.5
    assert history.steps[-1] == 20_000
    assert len(history.evaluations) == 20


@pytest.mark.soak
def test_a_million_steps_open_in_two_seconds(log: Path) -> None:
    write_long_log(log, 1_000_000)
    seconds = []
    for _ in range(3):
        start = time.process_time()  # not the clock on the wall: other work on the machine is not ours
        history = read(log)
        seconds.append(time.process_time() - start)
    assert history.steps.size == 1_000_000
    assert min(seconds) < 2.0
