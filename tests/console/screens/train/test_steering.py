"""Train: what a run does when a person presses a key, and what is said until it is done."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from textual.widgets import DataTable

from slmtui.console.asking import LastAsked
from slmtui.console.dialogs.question import Message, Question
from slmtui.console.screens.train.screen import TrainScreen
from slmtui.runs.control import ControlFile, Now
from slmtui.runs.run import Run, all_runs
from slmtui.training import events
from slmtui.training.control import Command
from slmtui.training.events import Event, to_json
from tests import written_runs
from tests.conftest import MakePhase
from tests.console.conftest import NARROW, WIDE, MakeConsole, Until
from tests.console.screen_text import toasts
from tests.console.screens.train.seen import LONG, log_of, said, text_of, train_screen

pytestmark = pytest.mark.usefixtures("keys_do_not_wait_for_the_training")


async def test_keys_steer_the_training(make_console: MakeConsole, make_phase: MakePhase, until: Until) -> None:
    app = make_console(phases=[make_phase(*LONG)])
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: app.trainer.run_now is not None and train_screen(app).history is not None)
        run = app.trainer.run_now
        assert run is not None
        await until(pilot, lambda: "running" in text_of(app, "#phase-title"))
        await pilot.press("space")
        await until(pilot, lambda: said(run, events.Paused))
        await until(pilot, lambda: "paused" in text_of(app, "#phase-title"))
        await pilot.press("e")
        await until(pilot, lambda: [e for e in said(run, events.Evaluation) if e.requested])
        await pilot.press("g")
        await until(pilot, lambda: said(run, events.Sample))
        saved = len(said(run, events.Checkpoint))
        await pilot.press("k")
        await until(pilot, lambda: len(said(run, events.Checkpoint)) > saved)
        await pilot.press("plus")
        await until(pilot, lambda: len(said(run, events.Changed)) == 1)
        await pilot.press("minus")
        await until(pilot, lambda: len(said(run, events.Changed)) == 2)
        up, down = said(run, events.Changed)
        assert up.value == pytest.approx(up.was * 1.25)
        assert down.value == pytest.approx(up.was)
        await pilot.press("space")
        await until(pilot, lambda: said(run, events.Resumed))
        await pilot.press("s")
        await pilot.press("escape")  # not yet
        await pilot.press("s", "s")
        await until(pilot, lambda: said(run, events.RunFinished))
        finished = said(run, events.RunFinished)[0]
        assert finished.reason == "stopped"
        await until(pilot, lambda: "stopped" in text_of(app, "#phase-title"))


class Trainer:
    """The other end of a run that nobody trains: it takes a command when the test says so."""

    def __init__(self, run: Run) -> None:
        self.lock, self.control = run.lock(), ControlFile(run.control_file)

    def log(self, run: Run, event: Event) -> None:
        with run.log_file.open("a") as log:
            log.write(to_json(event) + "\n")


@pytest.mark.parametrize("size", [(60, 15), NARROW, WIDE])
async def test_what_is_asked_for_is_said_until_it_is_done_and_can_be_taken_back(
    make_console: MakeConsole, project: Path, until: Until, size: tuple[int, int]
) -> None:
    happened = [written_runs.started(phase := written_runs.make_phase()), *written_runs.evaluations([(6.0, 6.1)])]
    run = written_runs.write_run(project / "checkpoints", "tiny-001", phase, happened)
    trainer = Trainer(run)
    trainer.control.tell("evaluating", "3 of 12 windows")
    app = make_console("train")
    async with app.run_test(size=size) as pilot:

        def title() -> str:
            return text_of(app, "#phase-title")

        await until(pilot, lambda: "evaluating 3 of 12 windows" in title())
        await pilot.press("space")
        await until(pilot, lambda: "pause asked for, after this evaluation · space undoes it" in title())
        await pilot.press("space")
        await until(pilot, lambda: "asked for" not in title())
        assert trainer.control.poll() == []
        for key, name in (("e", "evaluation"), ("g", "sample"), ("k", "checkpoint")):
            await pilot.press(key)
            await until(pilot, lambda name=name: f"{name} asked for, after this evaluation" in title())  # type: ignore[misc]
            await pilot.press(key)
            await until(pilot, lambda: "asked for" not in title())
        assert trainer.control.poll() == []
        await pilot.press("s", "s")
        await until(pilot, lambda: "stop asked for" in title())
        await pilot.press("s")
        await until(pilot, lambda: "asked for" not in title())
        assert trainer.control.poll() == []
        await pilot.press("space")
        await until(pilot, lambda: "asked for" in title())
        trainer.control.tell("")
        assert trainer.control.poll() == [Command("pause")]
        trainer.log(run, events.Paused(step=1))
        assert trainer.control.wait() == []
        await until(pilot, lambda: "paused" in title() and "asked for" not in title())
        await pilot.press("space")
        await until(pilot, lambda: "going on asked for" in title())
        assert trainer.control.wait() == [Command("resume")]
        await pilot.press("k")
        await until(pilot, lambda: "checkpoint asked for" in title())
        assert trainer.control.poll() == [Command("checkpoint")]
        await until(pilot, lambda: "checkpoint saved" in title())
    trainer.lock.release()


async def test_what_was_taken_back_or_asked_of_another_run_is_not_said_to_be_done(
    make_console: MakeConsole, project: Path, until: Until
) -> None:
    happened = [written_runs.started(phase := written_runs.make_phase()), *written_runs.evaluations([(6.0, 6.1)])]
    run = written_runs.write_run(project / "checkpoints", "tiny-001", phase, happened)
    trainer = Trainer(run)
    trainer.control.tell("")
    app = make_console("train")
    async with app.run_test(size=WIDE) as pilot:

        def title() -> str:
            return text_of(app, "#phase-title")

        await until(pilot, lambda: "tiny-001 · " in title())
        for key, name in (("k", "checkpoint"), ("e", "evaluation"), ("g", "sample")):
            await pilot.press(key)
            await until(pilot, lambda name=name: f"{name} asked for" in title())  # type: ignore[misc]
            await pilot.press(key)
            await until(pilot, lambda: "asked for" not in title())
            assert not re.search("saved|evaluated|drawn", title())
    trainer.lock.release()

    asked, free = LastAsked(), Now(read=0)
    asked.note(run, "evaluate")
    assert asked.words(Run(project / "checkpoints" / "tiny-002"), free, {}) == ""
    assert asked.words(run, free, {}) == "evaluated"


async def test_a_stop_is_about_the_run_that_was_shown_when_it_was_asked(
    make_console: MakeConsole, project: Path, until: Until
) -> None:
    happened = [written_runs.started(phase := written_runs.make_phase()), *written_runs.evaluations([(6.0, 6.1)])]
    first, second = (
        written_runs.write_run(project / "checkpoints", name, phase, happened) for name in ("tiny-001", "tiny-002")
    )
    trainers = [Trainer(run) for run in (first, second)]
    app = make_console("train")
    app.watched = first
    async with app.run_test(size=WIDE) as pilot:
        train = train_screen(app)

        async def ask_and_turn_to_the_second() -> None:
            app.watched = first
            await until(pilot, lambda: "tiny-001 · " in text_of(app, "#phase-title"))
            await pilot.press("s")
            await until(pilot, lambda: isinstance(app.screen, Question))
            app.watched = second
            await until(pilot, lambda: train.history is not None and train.history.run == second)

        await ask_and_turn_to_the_second()
        await pilot.press("s")
        await until(pilot, lambda: trainers[0].control.poll() == [Command("stop")])
        await ask_and_turn_to_the_second()
        trainers[0].lock.release()
        await pilot.press("s")
        await until(pilot, lambda: "tiny-001 has ended by itself" in toasts(app))
        assert trainers[1].control.poll() == []
    trainers[1].lock.release()


async def test_a_stop_goes_on_with_the_queue(make_console: MakeConsole, make_phase: MakePhase, until: Until) -> None:
    phases = [make_phase(*LONG), make_phase("phase.name=second")]
    app = make_console(phases=phases)
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: "running" in text_of(app, "#phase-title"))
        assert app.trainer.waiting() == ["second"]
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, Question))
        assert isinstance(app.screen, Question)
        assert "second is next in the queue." in app.screen.question
        await pilot.press("s")
        await until(pilot, lambda: "second-001 · done" in text_of(app, "#phase-title"))
        assert [run.name for run in all_runs(app.checkpoints)] == ["second-001", "tiny-001"]


async def test_what_cannot_be_trained_is_said_in_a_dialog(
    make_console: MakeConsole, make_phase: MakePhase, until: Until
) -> None:
    app = make_console(phases=[make_phase("data.source=nowhere")])
    async with app.run_test(size=NARROW) as pilot:
        await until(pilot, lambda: type(app.screen).__name__ == "Message")
        assert isinstance(app.screen, Message)
        assert "nowhere" in app.screen.text
        assert not all_runs(app.checkpoints)
        await pilot.press("escape")


async def test_steering_without_a_training_says_so(make_console: MakeConsole, finished_run: Run, until: Until) -> None:
    app = make_console("train")
    async with app.run_test(size=NARROW) as pilot:
        await until(pilot, lambda: app.screen.query_one(DataTable).row_count == 4)
        before = finished_run.control_file.read_text()
        for key in ("space", "s", "k", "e", "g", "plus"):
            await pilot.press(key)
        assert finished_run.control_file.read_text() == before


async def test_quitting_with_a_training_alive_asks(
    make_console: MakeConsole, make_phase: MakePhase, until: Until
) -> None:
    app = make_console(phases=[make_phase(*LONG)])
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: "running" in text_of(app, "#phase-title"))
        await pilot.press("q")
        await until(pilot, lambda: type(app.screen).__name__ == "Question")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, TrainScreen))
        await pilot.press("q", "s")
        await until(pilot, lambda: app.return_value == "stop")
    app.trainer.leave()
    app.trainer.join(20)
    (run,) = all_runs(app.checkpoints)
    assert isinstance(log_of(run)[-1], events.RunFinished)
