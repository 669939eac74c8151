"""Who finds out about phases: one thread at a time of each kind, whatever is asked for meanwhile."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from slmtui.config.phase import Phase
from slmtui.config.phase_file import load_phase
from slmtui.console.base import ConsoleScreen
from slmtui.console.screens.phases import inspector as module
from slmtui.console.screens.phases.inspector import PhaseInspector
from slmtui.insight.estimates import NoCounts, Speed
from tests.patience import wait_for

Stop = Callable[[], bool]


class ScreenInTest:
    """Threads as a screen starts them; what they want done by its own thread is done by `settle`."""

    checkpoints, busy = Path("checkpoints"), False

    def __init__(self) -> None:
        self.host = self.trainer = self
        self.todo: deque[tuple[Callable[..., object], tuple[object, ...]]] = deque()
        self.threads: list[threading.Thread] = []

    def call_later(self, do: Callable[..., object], *args: object) -> None:
        self.todo.append((do, args))

    def run_worker(self, work: Callable[[], None], **_: Any) -> None:
        self.threads.append(threading.Thread(target=work, daemon=True))
        self.threads[-1].start()

    @property
    def working(self) -> int:
        return sum(thread.is_alive() for thread in self.threads)

    def settle(self) -> None:
        """Until there is nothing to do any more."""
        while self.working or self.todo:
            if self.todo:
                do, args = self.todo.popleft()
                do(*args)


@pytest.fixture
def screen() -> ScreenInTest:
    return ScreenInTest()


@pytest.fixture
def inspector(screen: ScreenInTest) -> PhaseInspector:
    return PhaseInspector(cast(ConsoleScreen, screen), lambda: None)


@pytest.fixture
def phases() -> list[Phase]:
    """Three that differ in their data."""
    one = load_phase("phases/alpha.toml")
    return [one.model_copy(update={"data": one.data.model_copy(update={"source": (name,)})}) for name in "abc"]


def test_one_dataset_at_a_time_is_read_and_first_what_was_asked_for_last(
    screen: ScreenInTest, inspector: PhaseInspector, phases: list[Phase], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    go_on = threading.Event()

    def slowly(phase: Phase, _: Path) -> NoCounts:
        read.append(phase.data.source[0])
        go_on.wait()
        return NoCounts(phase.data.source[0])

    monkeypatch.setattr(module, "read_counts", slowly)
    a, b, c = phases
    inspector.find_facts([a, b, c])
    wait_for(lambda: read)
    for first in (b, c, a, c):  # a cursor that goes through the list
        inspector.find_facts([first, a, b, c])
    assert screen.working == 1
    go_on.set()
    screen.settle()
    assert read == ["a", "c", "b"]
    assert [inspector.counts_of(phase) for phase in phases] == [NoCounts("a"), NoCounts("b"), NoCounts("c")]


def test_the_runs_are_not_looked_at_again_while_they_are_looked_at(
    screen: ScreenInTest, inspector: PhaseInspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    monkeypatch.setattr(module, "find_previews", lambda *_: go_on.wait() and {})
    monkeypatch.setattr(module, "find_best", lambda *_: None)
    for _ in range(3):
        inspector.find_runs(set())
    assert len(screen.threads) == 1
    go_on.set()
    screen.settle()
    assert inspector.runs_known
    inspector.find_runs(set())
    assert len(screen.threads) == 2
    screen.settle()


def test_a_measurement_that_gives_way_to_another_says_nothing_and_none_runs_beside_it(
    screen: ScreenInTest, inspector: PhaseInspector, phases: list[Phase], monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[str] = []

    def endless(phase: Phase, stop: Stop, _: Path) -> tuple[NoCounts, Speed | str]:
        name = phase.data.source[0]
        measured.append(name)
        if name == "b":
            return NoCounts(name), Speed(0.5, 1.0, "measured now")
        wait_for(stop)
        return NoCounts(name), "not measured: a training was running"

    monkeypatch.setattr(module, "measure", endless)
    a, b, _ = phases
    inspector.measure(a)
    wait_for(lambda: measured)
    inspector.measure(a)  # the key, pressed once more
    assert (len(screen.threads), inspector.speed_of(a)) == (1, "measuring …")
    inspector.measure(b)
    assert (len(screen.threads), inspector.speed_of(a), inspector.speed_of(b)) == (1, "", "measuring …")
    screen.settle()
    assert measured == ["a", "b"]
    assert inspector.speed_of(a) == ""
    assert isinstance(inspector.speed_of(b), Speed)
    inspector.measure(a)
    screen.trainer.busy = True
    screen.settle()
    assert inspector.speed_of(a) == "not measured: a training was running"
