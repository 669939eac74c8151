"""Train: what has room, what is painted, and what the lines at the top and the bottom say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.dom import DOMNode
from textual.widgets import DataTable, Static

from slmtui.console.charts.widget import Chart
from slmtui.console.hints import Hints
from slmtui.console.screens.train import view
from slmtui.console.screens.train.screen import TrainScreen
from slmtui.runs.run import Run
from slmtui.training import events
from tests import written_runs
from tests.conftest import MakePhase
from tests.console.conftest import NARROW, WIDE, MakeConsole, Until
from tests.console.screens.train.seen import text_of

pytestmark = pytest.mark.usefixtures("keys_do_not_wait_for_the_training")


@pytest.mark.parametrize("size", [(60, 15), (39, 8)])
async def test_any_size_is_survived_while_training(
    make_console: MakeConsole, make_phase: MakePhase, until: Until, size: tuple[int, int]
) -> None:
    app = make_console(phases=[make_phase("training.max_iters=200", "evaluation.interval=50", "sampling.when=end")])
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: app.trainer.run_now is not None)
        await pilot.resize_terminal(*size)
        small = app.screen.query_one("#too-small", Static)
        await until(pilot, lambda: app.size == size and bool(small.display) == (size[0] < 40 or size[1] < 12))
        await until(pilot, lambda: not app.trainer.busy)


async def test_the_bottom_line_names_what_is_of_use_and_does_not_move(
    make_console: MakeConsole, finished_run: Run, until: Until
) -> None:
    app = make_console("train")
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: "tiny-001 · done · c talks to it" in text_of(app, "#phase-title"))
        await pilot.pause()
        hints = str(app.screen.query_one(Hints).render())
        assert "table" in hints
        assert "pause" not in hints
        app.screen.query_one("#gap", Chart).focus()
        await pilot.pause()
        assert str(app.screen.query_one(Hints).render()) == hints
        assert "← → read" in str(app.screen.query_one("#gap", Chart).border_subtitle)


def test_a_name_in_the_top_bar_leaves_room_for_what_is_said_of_it(make_console: MakeConsole) -> None:
    app = make_console()
    app.backend.ready = True
    app.living = ("suggested-my-scripts-002", "other-001")
    assert app.going_on() == "suggested-my-scripts-002 and 1 more trained elsewhere"
    assert app.going_on(45) == "suggest…ipts-002 and 1 more trained elsewhere"
    assert app.going_on(0) == "sugge…ipts-002 and 1 more trained elsewhere"


@pytest.mark.parametrize(
    ("name", "reason", "expected"),
    [
        ("tiny-001", "completed", "A title that goes on and o…  ─  tiny-001 · done · c talks to it, r compares it"),
        ("tiny-001", "stopped", "A title that goe…  ─  tiny-001 · stopped · c talks to it, s on Runs resumes it"),
        ("balance-001", None, "balance-001 · crashed · its process is gone; s on Runs resumes it"),
    ],
)
async def test_a_long_title_leaves_room_for_what_to_do_next(
    make_console: MakeConsole, until: Until, name: str, reason: events.Reason | None, expected: str
) -> None:
    phase = written_runs.make_phase(phase={"title": "A title that goes on and on " * 5})
    happened = [written_runs.started(phase), *written_runs.evaluations([(6.6, 6.6), (3.0, 3.5)])]
    happened += [written_runs.finished(happened, reason)] if reason else []
    written_runs.write_run(Path("checkpoints"), name, phase, happened)
    app = make_console("train")
    async with app.run_test(size=NARROW) as pilot:
        await until(pilot, lambda: name in text_of(app, "#phase-title"))
        assert text_of(app, "#phase-title") == expected


async def test_a_beat_without_news_paints_nothing(
    make_console: MakeConsole, finished_run: Run, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_console("train")
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: app.screen.query_one(DataTable).row_count == 4)
        painted: list[object] = []
        monkeypatch.setattr(app, "_display", lambda *update: painted.append(update))
        for _ in range(30):  # what is news still comes, later on a busy machine; then a second without any
            painted.clear()
            await pilot.pause(1.0)
            if not painted:
                break
        assert not painted


async def test_a_screen_that_comes_back_is_not_styled_anew(
    make_console: MakeConsole, finished_run: Run, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_console("train")
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: app.screen.query_one(DataTable).row_count == 4)
        await pilot.press("r")
        await until(pilot, lambda: app.current_mode == "runs")
        await pilot.press("t")
        await pilot.press("r")
        await pilot.pause(0.5)
        styled: list[object] = []
        apply = app.stylesheet.apply

        def counted(node: DOMNode, **how: Any) -> None:
            styled.append(node)
            apply(node, **how)

        monkeypatch.setattr(app.stylesheet, "apply", counted)
        await pilot.press("t")
        await until(pilot, lambda: app.screen.is_active and isinstance(app.screen, TrainScreen))
        await pilot.pause(0.5)
        assert len(styled) < 20  # what gains or loses the focus
        app.theme = "slmtui-light"
        await pilot.press("r")
        background = app.theme_variables["background"].lower()
        await until(
            pilot, lambda: app.current_mode == "runs" and app.screen.styles.background.hex.lower() == background
        )


def test_warnings_hang_below_their_sign() -> None:
    warned = events.Warned(step=7, code="gap", level="note", message="one two three four", advice="do this and that")
    assert view.warning_text([warned], {}, 16).plain.splitlines() == [
        "· step 7  gap", "  one two three", "  four", "  → do this and", "    that",
    ]  # fmt: skip


def test_a_line_makes_room_for_its_key() -> None:
    line = view.line_with_key("a long line that is cut", "w more", 20).plain
    assert line == "a long lin…  w more"
