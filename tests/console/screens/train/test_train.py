"""Train: what a person sees of a run, and how they change the view."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import DataTable

from slmtui.console.charts.widget import Chart
from slmtui.console.dialogs.question import Message
from slmtui.console.screens.train.screen import TrainScreen
from slmtui.console.text.seen import text_seen
from slmtui.runs.run import Run, all_runs
from slmtui.training import events
from slmtui.training.events import Reason, to_json
from tests import written_runs
from tests.console.conftest import NARROW, WIDE, MakeConsole, Until
from tests.console.screen_text import toasts
from tests.console.screens.train.seen import said, text_of

pytestmark = pytest.mark.usefixtures("keys_do_not_wait_for_the_training")


async def test_an_empty_project_says_what_to_do_and_enter_trains(make_console: MakeConsole, until: Until) -> None:
    app = make_console("train")
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: app.screen.has_class("-empty"))
        assert "train phases/tiny.toml" in text_of(app, "#empty")
        app.unsaved = ("phases/tiny.toml",)
        await pilot.press("enter")
        assert toasts(app)[-1] == "phases/tiny.toml has unsaved changes: s on Phases (p) asks what to do with them"
        assert not app.trainer.busy
        app.unsaved = ()
        await pilot.press("enter")
        await until(pilot, lambda: [r for r in all_runs(app.checkpoints) if said(r, events.RunFinished)])
        await until(pilot, lambda: "tiny-001" in text_of(app, "#phase-title"))
        await until(pilot, lambda: "done" in text_of(app, "#phase-title"))
        assert not app.screen.has_class("-empty")


async def test_a_log_that_cannot_be_read_is_told_once_and_no_dialog_opens(
    make_console: MakeConsole, finished_run: Run, until: Until
) -> None:
    app = make_console("train")
    whole = finished_run.log_file.read_text()
    finished_run.log_file.write_text(f"{whole}no event\n")
    line = whole.count("\n") + 1
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: f"events.jsonl:{line}: not an event" in text_of(app, "#empty"))
        app.screen.pulse()  # type: ignore[attr-defined]
        await pilot.pause()
        assert isinstance(app.screen, TrainScreen)
        assert "watch an earlier run" in text_of(app, "#empty")
        finished_run.log_file.write_text(whole)
        train = app.screen
        app.switch_mode("data")
        await until(pilot, lambda: app.current_mode == "data" and app.screen.is_mounted)
        app.switch_mode("train")
        await until(pilot, lambda: app.screen is train and "done" in text_of(app, "#phase-title"))
        assert not train.has_class("-empty")


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_a_finished_run_is_shown_whole(
    make_console: MakeConsole, finished_run: Run, until: Until, size: tuple[int, int]
) -> None:
    app = make_console("train")
    async with app.run_test(size=size) as pilot:
        table = app.screen.query_one(DataTable)
        await until(pilot, lambda: table.row_count == 4)
        evaluations = said(finished_run, events.Evaluation)
        rows = [[str(cell).strip() for cell in table.get_row_at(i)] for i in range(4)]
        for row, evaluation in zip(rows, evaluations, strict=True):
            best = evaluation.step == 12
            assert row == [
                ("◆ " if best else "") + str(evaluation.step), f"{evaluation.train_loss:.3f}",
                f"{evaluation.val_loss:.3f}", f"{evaluation.gap:+.2f}".replace("-", "−"), evaluation.verdict or "–",
                f"{evaluation.bits_per_byte:.2f}",
            ]  # fmt: skip
        assert "12/12" in text_of(app, "#progress")
        assert "100 %" in text_of(app, "#progress")
        assert f"val {evaluations[-1].val_loss:.3f}" in text_of(app, "#numbers")
        assert text_of(app, "#sample-text").startswith("def ")
        spec = app.screen.query_one("#loss", Chart).spec
        assert spec is not None
        assert [series.name for series in spec.series] == ["train", "val"]
        assert list(spec.series[1].ys) == [e.val_loss for e in evaluations]
        assert [level.name for level in spec.levels] == [f"3-gram {spec.levels[0].value:.2f}"]


async def test_keys_change_the_view(make_console: MakeConsole, finished_run: Run, until: Until) -> None:
    app = make_console("train")
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: app.screen.query_one(DataTable).row_count == 4)
        chart = app.screen.query_one("#loss", Chart)

        assert chart.spec is not None
        assert chart.spec.x_limits == (0.0, 12.0)
        await pilot.press("a")
        assert chart.spec.x_label == "tokens"
        assert chart.spec.x_limits == (0.0, 12.0 * 4 * 8)
        await pilot.press("a")
        assert chart.spec.clock
        await pilot.press("a", "y")
        assert chart.spec.log_y
        assert not chart.spec.clock
        await pilot.press("m")
        assert [series.role for series in chart.spec.series] == ["train-raw", "train", "val"]
        await pilot.press("z")
        assert chart.spec.x_limits == pytest.approx((10.8, 12.0))
        await pilot.press("z", "m")
        for title in (
            "gradient norm, before",
            "learning rate",
            "speed (tokens/s)",
            "memory of the training process (MB)",
        ):
            await pilot.press("f")
            assert str(chart.border_title).startswith(title)
            assert [series.name for series in chart.spec.series] == [app.screen.charts.view.metric]
        memory = chart.spec.series[0]
        assert memory.xs.tolist() == [e.step for e in said(finished_run, events.Evaluation)]
        assert 50 < memory.ys.min() < 20_000
        await pilot.press("f")
        assert str(chart.border_title) == "loss (nats per token)"
        await pilot.press("t")
        assert app.screen.has_class("-table")
        samples = said(finished_run, events.Sample)
        await pilot.press("comma")
        await until(pilot, lambda: "step 8" in str(app.screen.query_one("#sample").border_title))
        assert len(samples) == 4
        await pilot.press("o")
        await until(pilot, lambda: type(app.screen).__name__ == "Message")


async def test_a_table_that_is_there_already_and_cannot_grow_says_so(
    make_console: MakeConsole, finished_run: Run, until: Until
) -> None:
    app = make_console("train")
    async with app.run_test(size=(120, 24)) as pilot:
        await until(pilot, lambda: finished_run.name in text_of(app, "#phase-title"))
        assert app.screen.query_one("#evaluations").display
        await pilot.press("t")
        assert "beside the chart already" in toasts(app)[-1]
        assert not app.screen.has_class("-table")
        await pilot.resize_terminal(*WIDE)
        await pilot.press("t")
        await until(pilot, lambda: app.screen.has_class("-table") and not app.screen.query_one("#lower").display)


async def test_a_zoomed_chart_stays_while_the_run_goes_on_and_both_show_the_same_steps(
    make_console: MakeConsole, project: Path, until: Until
) -> None:
    run = written_runs.done_run(project / "checkpoints", "tiny-001", reason=None)
    written_runs.done_run(project / "checkpoints", "tiny-000")
    app = make_console("train")
    async with app.run_test(size=WIDE) as pilot:
        app.watched = run
        upper, gap = (app.screen.query_one(name, Chart) for name in ("#loss", "#gap"))
        await until(pilot, lambda: run.name in text_of(app, "#phase-title") and gap.spec is not None)
        upper.focus()
        await pilot.press("up", "left")
        part = upper.zoom.x
        assert part is not None
        assert gap.zoom.x == part
        assert gap.cursor == upper.cursor == 200.0
        more = written_runs.evaluations([(1.0, 5.0)] * 10, at=written_runs.BEGAN + 9)[-6:]
        with run.log_file.open("a") as log:
            log.writelines(to_json(event) + "\n" for event in more)
        await until(pilot, lambda: gap.spec is not None and len(gap.spec.series[0].xs) > 3)
        assert upper.zoom.x == gap.zoom.x == part
        await pilot.press("f")  # the next metric, of the same steps
        assert upper.zoom.x == part
        await pilot.press("z")  # the last tenth
        assert upper.zoom.x is None
        await pilot.press("z", "up")
        app.watched = Run(project / "checkpoints" / "tiny-000")
        await until(pilot, lambda: upper.zoom.x is None)
        assert gap.zoom.x is None


async def test_a_training_of_another_process_is_announced_on_every_screen(
    make_console: MakeConsole, project: Path, until: Until
) -> None:
    happened = [written_runs.started(phase := written_runs.make_phase()), *written_runs.evaluations([(6.0, 6.1)])]
    run = written_runs.write_run(project / "checkpoints", "tiny-001", phase, happened)
    written_runs.done_run(project / "checkpoints", "tiny-002")
    lock = run.lock()
    app = make_console("data")
    app.backend.ready = True
    app.backend.start = lambda: None  # type: ignore[method-assign]
    async with app.run_test(size=NARROW) as pilot:
        await until(pilot, lambda: app.screen.is_mounted and app.screen.query("#going-on"))
        for key, mode in (("p", "phases"), ("c", "complete"), ("r", "runs"), ("t", "train")):
            await pilot.press(key)
            await until(pilot, lambda mode=mode: app.current_mode == mode and app.screen.query("#going-on"))  # type: ignore[misc]
            await until(pilot, lambda: "tiny-001 trained elsewhere" in str(app.screen.query_one("#going-on").render()))
            if key == "c":
                await pilot.press("escape")
        await until(pilot, lambda: "tiny-001" in text_of(app, "#phase-title"))  # and not the newest one, which is over
    lock.release()


async def test_the_time_to_go_counts_evaluations_and_the_memory_is_that_of_the_process(
    make_console: MakeConsole, until: Until
) -> None:
    """A step a second, and an evaluation with its sample takes half a minute every ten steps."""
    phase, began = written_runs.make_phase(training={"max_iters": 40}, evaluation={"interval": 10}), written_runs.BEGAN
    happened: list[events.Event] = [written_runs.started(phase)]
    happened += [
        events.Step(step=n, time=began + n, loss=3.0, learning_rate=1e-3, grad_norm=1.0, tokens=64 * n)
        for n in range(1, 11)
    ]
    (first, *_) = written_runs.evaluations([(3.0, 3.1)])
    happened += [replace(first, step=10, time=began + 20), events.Sample(step=10, time=began + 40, prompt="", text="b")]
    happened += [replace(happened[-3], step=11, time=began + 41)]
    app = make_console("train")
    run = written_runs.write_run(app.checkpoints, "tiny-001", phase, happened)
    lock = run.lock()
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: "11/40" in text_of(app, "#progress"))
        # 29 steps, and three evaluations, the last of them at the end
        await until(pilot, lambda: "1 min 59 s to go" in text_of(app, "#progress"))
        assert " MB" not in text_of(app, "#progress"), "the memory of another process is not known"
        app.trainer.run_now = run
        await until(pilot, lambda: re.search(r"process [\d,]+ MB", text_of(app, "#progress")))
        app.trainer.run_now = None
    lock.release()


@pytest.mark.parametrize("size", [(60, 15), NARROW], ids=str)
async def test_what_is_prepared_is_said_to_the_end_of_its_sentence(
    make_console: MakeConsole, finished_run: Run, until: Until, size: tuple[int, int]
) -> None:
    app = make_console("train")
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: finished_run.name in text_of(app, "#phase-title"))
        await until(pilot, lambda: "12/12" in text_seen(app.screen, app.screen.region))
        app.trainer.run_now = finished_run
        words = "counting contexts in the training text: seconds, or a minute for megabytes, the first time"
        app.trainer.doing = words
        place = app.screen.query_one("#progress")
        await until(pilot, lambda: " ".join(text_seen(app.screen, place.region).split()).endswith("the first time …"))
        assert words in " ".join(text_seen(app.screen, place.region).split())
        app.trainer.run_now, app.trainer.doing = None, ""
        await until(pilot, lambda: place.size.height == 1 and "12/12" in text_seen(app.screen, app.screen.region))


async def test_what_is_prepared_takes_the_place_of_the_run_that_was_there_before(
    make_console: MakeConsole, finished_run: Run, until: Until
) -> None:
    app = make_console("train")
    async with app.run_test(size=NARROW) as pilot:
        await until(pilot, lambda: finished_run.name in text_of(app, "#phase-title"))
        app.trainer.preparing = "another"
        await until(pilot, lambda: app.screen.has_class("-empty"))
        await until(pilot, lambda: text_of(app, "#empty").startswith("preparing another"))
        app.trainer.preparing = None
        await until(pilot, lambda: not app.screen.has_class("-empty"))
        app.watch_run(finished_run)  # a person wants to see it
        app.trainer.preparing = "another"
        await pilot.pause(1.0)
        assert not app.screen.has_class("-empty")


async def test_a_run_goes_on_behind_a_dialog(make_console: MakeConsole, project: Path, until: Until) -> None:
    happened = [written_runs.started(phase := written_runs.make_phase()), *written_runs.evaluations([(6.0, 6.1)])]
    run = written_runs.write_run(project / "checkpoints", "tiny-001", phase, happened)
    app = make_console("train")
    async with app.run_test(size=WIDE) as pilot:
        table = app.screen.query_one(DataTable)
        await until(pilot, lambda: table.row_count == 1)
        await pilot.press("w")
        await until(pilot, lambda: isinstance(app.screen, Message))
        with run.log_file.open("a") as log:
            for event in written_runs.evaluations([(6.0, 6.1), (5.0, 5.5)])[-3:]:
                log.write(to_json(event) + "\n")
        await until(pilot, lambda: table.row_count == 2)
        assert isinstance(app.screen, Message)


@pytest.mark.parametrize(("reason", "words"), [("completed", "tiny-001 is done"), ("stopped", "tiny-001 was stopped")])
async def test_the_notice_at_the_end_says_how_it_ended(
    make_console: MakeConsole, project: Path, until: Until, reason: Reason, words: str
) -> None:
    run = written_runs.done_run(project / "checkpoints", "tiny-001", reason=reason)
    app = make_console("train")
    async with app.run_test(size=WIDE) as pilot:
        app.trainer.finished.append(run)
        await until(pilot, lambda: words in toasts(app))
