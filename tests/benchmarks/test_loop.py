"""The headless and the bare steps that take turns in one stream."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.loop import Clocks, in_turns
from slmtui.training import events
from slmtui.training.events import Event


def steps(side: str, made: list[str], n: int) -> Iterator[Event]:
    yield events.Resumed(step=0)
    for step in range(1, n + 1):
        made.append(side)
        yield events.Step(step=step, loss=1.0, learning_rate=1.0, grad_norm=1.0, tokens=step)


def test_sides_take_turns_and_the_first_is_not_counted() -> None:
    made = list[str]()
    clocks = Clocks([], [])
    bare = steps("bare", made, 100)
    next(bare)
    passed_on = list(in_turns(steps("headless", made, 7), bare, 2, clocks))
    assert len(passed_on) == 1 + 7, "all events go on to whoever reads, and none of the other side's"
    assert made == 3 * ["headless", "headless", "bare", "bare"] + ["headless"]
    assert len(clocks.headless) == len(clocks.bare) == 2
    assert all(seconds >= 0 for seconds in clocks.headless + clocks.bare)
