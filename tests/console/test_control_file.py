"""A control file that cannot be written: each screen that asks the trainer says so, and the training goes on."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from slmtui.console.app import Console
from slmtui.runs.run import Run
from tests.conftest import MakePhase
from tests.console.conftest import WIDE, MakeConsole, Until
from tests.console.screen_text import rows_of, toasts

LONG = ("training.max_iters=90000", "evaluation.interval=20000", "sampling.when=end")


pytestmark = pytest.mark.usefixtures("keys_do_not_wait_for_the_training")


async def test_each_screen_says_that_the_run_cannot_be_asked(
    make_console: MakeConsole, make_phase: MakePhase, until: Until
) -> None:
    app = make_console(phases=[make_phase(*LONG)])
    async with app.run_test(size=WIDE) as pilot:
        run = await training(app, pilot, until)
        run.control_file.unlink()
        run.control_file.mkdir()
        for keys in (("space",), ("r", "P"), ("c", "escape", "f")):
            await pilot.press(*keys[:-1])
            await until(pilot, lambda: any(run.name in row.text for row in rows_of(app)))
            await until(pilot, lambda: keys[-1] in app.screen.active_bindings)  # noqa: B023
            await pilot.press(keys[-1])
            refusal = "control.jsonl: cannot be written (Is a directory)"
            await until(pilot, lambda: any(refusal in toast for toast in toasts(app)))  # noqa: B023
            app.clear_notifications()
        assert app.trainer.run_now == run, "it goes on"
        run.control_file.rmdir()
        run.control_file.touch()
        await pilot.press("t", "s", "s")
        await until(pilot, lambda: not app.trainer.busy)


async def training(app: Console, pilot: Pilot[str], until: Until) -> Run:
    await until(pilot, lambda: (run := app.trainer.run_now) is not None and run.best_file.exists())
    await until(pilot, lambda: "running" in str(app.screen.query_one("#phase-title", Static).content))
    assert app.trainer.run_now is not None
    return app.trainer.run_now
