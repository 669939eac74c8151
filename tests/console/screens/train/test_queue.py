"""The queue on Train: its order, what is taken out, and that nothing is lost while a training goes on."""

from __future__ import annotations

import threading

import pytest
from textual.widgets import OptionList

from slmtui.config.phase import Phase
from slmtui.console.app import Console
from slmtui.console.dialogs.question import Question
from slmtui.console.screens.train.queue_dialog import QueueDialog
from slmtui.runs.run import all_runs
from tests.conftest import MakePhase
from tests.console.conftest import NARROW, MakeConsole, Until
from tests.console.screen_text import seen, toasts


def lines(app: Console) -> list[str]:
    return [str(option.prompt) for option in app.screen.query_one(OptionList).options]


async def test_the_queue_is_put_in_order_thinned_out_and_cleared(
    make_console: MakeConsole, make_phase: MakePhase, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[str] = []
    goes_on = threading.Event()

    def train(self: object, job: Phase) -> None:
        trained.append(job.name)
        assert goes_on.wait(60)

    monkeypatch.setattr("slmtui.console.workers.trainer_thread.TrainerThread._train", train)
    app = make_console(phases=[make_phase(f"phase.name={name}") for name in ("first", "a", "b", "b", "c")])
    async with app.run_test(size=NARROW) as pilot:
        await until(pilot, lambda: trained == ["first"])
        await pilot.press("u")
        await until(pilot, lambda: isinstance(app.screen, QueueDialog))
        assert lines(app) == ["1. a", "2. b", "3. b", "4. c"]
        assert "K earlier · J later · x remove · X clear" in seen(app)
        await pilot.press("end", "K", "minus")
        assert lines(app) == ["1. a", "2. c", "3. b", "4. b"]
        await pilot.press("shift+up", "K")  # it is the first already
        assert lines(app) == ["1. c", "2. a", "3. b", "4. b"]
        await pilot.press("J", "plus", "j", "x")
        assert lines(app) == ["1. a", "2. b", "3. c"]
        assert "b is no longer waiting" in toasts(app)[-1]
        goes_on.set()
        await until(pilot, lambda: trained[-1] == "c" and "Nothing is waiting" in seen(app))
        assert trained == ["first", "a", "b", "c"]
        goes_on.clear()
        for name in ("d", "e", "f"):
            app.trainer.put(make_phase(f"phase.name={name}"))
        await until(pilot, lambda: trained[-1] == "d" and lines(app) == ["1. e", "2. f"])
        await pilot.press("X")
        await until(pilot, lambda: isinstance(app.screen, Question))
        await pilot.press("enter")  # the safe answer has the focus
        await until(pilot, lambda: isinstance(app.screen, QueueDialog))
        assert app.trainer.waiting() == ["e", "f"]
        await pilot.press("X")
        await until(pilot, lambda: isinstance(app.screen, Question))
        await pilot.press("c")
        await until(pilot, lambda: "Nothing is waiting" in seen(app))
        await pilot.press("x", "J", "X", "escape")
        await until(pilot, lambda: not app.screen.is_modal)
        goes_on.set()
    assert trained[-1] == "d"
    assert not all_runs(app.checkpoints)


async def test_what_has_begun_meanwhile_is_not_removed(
    make_console: MakeConsole, make_phase: MakePhase, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slmtui.console.workers.trainer_thread.TrainerThread.start", lambda _: None)
    app = make_console(phases=[make_phase("phase.name=a")])
    async with app.run_test(size=NARROW) as pilot:
        await until(pilot, lambda: app.trainer.waiting() == ["a"])
        await pilot.press("u")
        await until(pilot, lambda: isinstance(app.screen, QueueDialog))
        app.trainer.hand_over()  # as the thread takes it
        await pilot.press("x")
        await until(pilot, lambda: "a has begun" in "".join(toasts(app)) or "Nothing is waiting" in seen(app))
