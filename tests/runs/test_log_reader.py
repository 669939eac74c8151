"""A log that grows, is cut back, and goes away, as all who read it see it."""

from __future__ import annotations

from pathlib import Path

import pytest

from slmtui.runs import log_reader
from slmtui.runs.log_reader import LogError, LogReader, last_event, read_events
from slmtui.training.events import Event, Paused, Step, to_json


def step(number: int) -> Step:
    return Step(step=number, time=float(number), loss=2.0, learning_rate=1e-3, grad_norm=1.0, tokens=number)


def text(*happened: Event) -> bytes:
    return b"".join(to_json(event).encode() + b"\n" for event in happened)


def seen(reader: LogReader) -> list[tuple[int, list[int]]]:
    """The first line's number and the steps of each chunk."""
    return [(chunk.first, [event.step for event in chunk.events()]) for chunk in reader.read()]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def test_whole_lines_are_read_once(log: Path) -> None:
    reader = LogReader(log)
    assert seen(reader) == []
    log.write_bytes(text(step(1), step(2))[:-5])
    assert seen(reader) == [(1, [1])]
    log.write_bytes(text(step(1), step(2), step(3)))
    assert seen(reader) == [(2, [2, 3])]
    assert seen(reader) == []


def test_chunks_follow_one_another(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_reader, "CHUNK", 250)
    log.write_bytes(text(*map(step, range(1, 20))))
    chunks = list(LogReader(log).read())
    assert len(chunks) > 3
    assert [chunk.first for chunk in chunks[1:]] == [chunk.first + len(chunk.lines) for chunk in chunks[:-1]]
    assert [event.step for chunk in chunks for event in chunk.events()] == list(range(1, 20))
    assert [chunk.to_go for chunk in chunks][-1] == 0
    assert chunks[0].to_go == sum(len(line) for chunk in chunks[1:] for line in chunk.lines)


@pytest.mark.parametrize("now", [[1], [1, 2, 7], [1, 2, 7, 8, 9, 10]])
def test_a_log_that_was_cut_back_is_read_from_its_start(log: Path, now: list[int]) -> None:
    log.write_bytes(text(*map(step, range(1, 5))))
    reader = LogReader(log)
    seen(reader)
    log.write_bytes(text(*map(step, now)))
    assert seen(reader) == [(1, now)]
    assert seen(reader) == []


@pytest.mark.parametrize("gone", [True, False])
def test_a_log_of_which_nothing_is_left_says_so_once(log: Path, gone: bool) -> None:
    log.write_bytes(text(step(1)))
    reader = LogReader(log)
    seen(reader)
    if gone:
        log.unlink()
    else:
        log.write_bytes(b"")
    assert seen(reader) == [(1, [])]
    assert seen(reader) == []
    log.write_bytes(text(step(5)))
    assert seen(reader) == [(1, [5])]


def test_a_line_that_is_no_event_is_named_and_not_passed(log: Path) -> None:
    log.write_bytes(text(step(1)))
    reader = LogReader(log)
    seen(reader)
    with log.open("ab") as file:
        file.write(text(step(2)) + b"{}\n")
    for _ in range(2):
        with pytest.raises(LogError, match=r"events\.jsonl:3: not an event of a run") as caught:
            seen(reader)
        assert caught.value.problem.startswith("events.jsonl:3: ")


def test_skimming_passes_over_steps_that_a_step_follows(log: Path) -> None:
    happened: list[Event] = [step(1), step(2), Paused(step=2), step(3), step(4), step(5)]
    log.write_bytes(text(*happened))
    (chunk,) = LogReader(log).read()
    assert list(chunk.skim()) == [happened[1], happened[2], happened[5]]
    two = len(text(*happened[4:]))
    assert list(chunk.skim(tail=two)) == [happened[1], happened[2], happened[4], happened[5]]
    assert list(chunk.skim(tail=two - 1)) == list(chunk.skim())
    assert list(chunk.skim(tail=1 << 20)) == happened


def test_steps_that_are_passed_over_are_not_even_parsed(log: Path) -> None:
    log.write_bytes(text(step(1)) + b'{"event":"step",\n' + text(step(3)))
    (chunk,) = LogReader(log).read()
    assert list(chunk.skim()) == [step(3)]


def test_a_part_of_a_log(log: Path) -> None:
    with pytest.raises(FileNotFoundError):
        next(read_events(log))
    log.write_bytes(text(step(1), step(2)))
    assert list(read_events(log)) == [step(1), step(2)]
    assert list(read_events(log, until=len(text(step(1), step(2))) - 1)) == [step(1)]


def test_the_last_event_is_the_last_whole_one(log: Path) -> None:
    assert last_event(log) is None
    log.write_bytes(text(*map(step, range(1, 2000))) + b'{"step":2000,')
    assert last_event(log) == step(1999)
