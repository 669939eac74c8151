"""Runs: means of phases and studies, chosen columns, archived runs."""

from __future__ import annotations

import re
from pathlib import Path

from textual.widgets import OptionList

from slmtui.console.charts.widget import Chart
from slmtui.console.dialogs.checklist import Checklist
from slmtui.console.screens.runs.group_list import GroupList
from slmtui.runs.tags import read_tags
from tests.console.screen_text import seen
from tests.console.screens.runs.driver import NARROW, WIDE, Opened, open_runs
from tests.written_runs import BITS, done_run, evaluations, finished, make_phase, started, write_run


def with_seed(checkpoints: Path, name: str, loss: float, seed: int, *, study: str = "", **sections: object) -> None:
    phase = make_phase(name.rsplit("-", 1)[0], training={"seed": seed} | dict(sections))
    phase = phase.model_copy(update={"phase": phase.phase.model_copy(update={"study": study})})
    happened = [started(phase), *evaluations([(loss, loss)])]
    write_run(checkpoints, name, phase, [*happened, finished(happened)])


def group_rows(opened: Opened) -> dict[str, list[str]]:
    table = opened.screen.query_one(GroupList)
    return {str(row.key.value): [str(cell) for cell in table.get_row(row.key)] for row in table.ordered_rows}


async def test_runs_are_grouped_by_phase_with_mean_and_spread(checkpoints: Path) -> None:
    for seed, loss in enumerate((2.0, 2.1, 2.2), 1):
        with_seed(checkpoints, f"quick-00{seed}", loss, seed)
    done_run(checkpoints, "quick-004", losses=[(1.0, 1.0)], reason="stopped")
    done_run(checkpoints, "quick-005", losses=[(9.0, 9.0)], val_text="c" * 64, at=1.0)
    with_seed(checkpoints, "slow-001", 1.5, 7)
    with_seed(checkpoints, "slow-002", 1.5, 7, learning_rate=1e-4)
    async with open_runs(checkpoints) as opened:
        await opened.press("m")
        await opened.until(lambda: opened.app.focused is opened.screen.query_one(GroupList))
        rows = group_rows(opened)
        mean, spread = f"{2.1 * BITS:.3f}", f"{0.1 * BITS:.3f}"
        assert list(rows) == ["slow", "quick"]  # the best mean first
        assert rows["quick"] == ["quick", "3 of 5", mean, spread, f"{2.0 * BITS:.3f}", "quick-001", "seeds 1, 2 and 3"]
        assert rows["slow"][1:4] == ["2 of 2", f"{1.5 * BITS:.3f}", "0.000"]
        assert rows["slow"][-1] == "other settings, too"
        await opened.press("down")
        await opened.until(lambda: "quick: " in opened.text("#about"))
        words = opened.text("#about")
        assert f"{mean} ± {spread} bits per byte over 3 runs (seeds 1, 2 and 3)" in words
        assert "Not counted: 2 runs without an end, or on other validation text." in words
        assert len(opened.curves) == 3
        await opened.press("x", "space", "o", "z")  # keys of a run have nothing to do here
        assert not opened.app.screen.is_modal
        await opened.press("enter")
        await opened.until(lambda: opened.app.focused is opened.table)
        assert opened.names == [f"quick-00{n}" for n in range(1, 6)]
        assert 'phase="quick"' in seen(opened.app)
        await opened.press("escape")
        await opened.until(lambda: len(opened.names) == 7)


async def test_studies_are_told_by_their_best_cell_and_the_key_comes_round(checkpoints: Path) -> None:
    for cell, loss in (("01", 3.0), ("02", 2.0)):
        for seed in (1, 2):
            with_seed(checkpoints, f"width.{cell}-00{seed}", loss + seed / 10, seed, study="width")
    with_seed(checkpoints, "alone-001", 1.0, 1)
    async with open_runs(checkpoints, NARROW) as opened:
        await opened.press("m", "m")
        await opened.until(lambda: "means of runs, by study" in seen(opened.app))
        rows = group_rows(opened)
        assert list(rows) == ["width"]
        assert rows["width"][1:3] == ["2 of 4", f"{2.15 * BITS:.3f}"]
        assert "over 2 runs (seeds 1 and 2) of width.02, the best of 2 cells" in opened.text("#about")
        await opened.press("slash", *"alone", "enter")
        await opened.until(lambda: "None of these runs belongs to a study" in opened.text("#about"))
        assert not any(chart.display for chart in opened.screen.query(Chart))
        await opened.press("escape", "m")
        await opened.until(lambda: opened.app.focused is opened.table and len(opened.names) == 5)


async def test_columns_are_chosen_and_remembered(checkpoints: Path) -> None:
    with_seed(checkpoints, "quick-001", 2.0, 1)
    async with open_runs(checkpoints, NARROW) as opened:
        before = opened.table.columns_shown
        assert "gap" in before
        assert "samples" not in before  # there is no room for it
        await opened.press("h")
        await opened.until(lambda: isinstance(opened.app.screen, Checklist))
        lines = [str(option.prompt) for option in opened.app.screen.query_one(OptionList).options]
        for label in ("phase", "state", "best val", "at step", "gap", "verdict", "vs counts", "time"):
            opened.app.screen.query_one(OptionList).highlighted = lines.index(f"[x] {label}")
            await opened.press("space")
        await opened.press("escape")
        await opened.until(lambda: "samples" in opened.table.columns_shown)
        assert opened.table.columns_shown == ["run", "parameters", "tokens", "bpb", "samples"]
    async with open_runs(checkpoints, WIDE) as again:
        assert again.table.columns_shown == ["run", "parameters", "tokens", "bpb", "samples"]


async def test_archived_runs_are_out_of_the_list_until_the_filter_asks_for_them(checkpoints: Path) -> None:
    for number in (1, 2, 3):
        with_seed(checkpoints, f"quick-00{number}", 2.0, number)
    async with open_runs(checkpoints) as opened:
        await opened.press("space", "j", "space", "A")
        await opened.until(lambda: opened.names == ["quick-003"])
        assert read_tags(checkpoints).archived == {"quick-001", "quick-002"}
        assert not opened.screen.marked
        assert "1 · 2 archived" in seen(opened.app)
        assert re.search("quick-001, quick-002 are archived", opened.said)
        await opened.press("slash", *"archived", "enter")
        await opened.until(lambda: opened.names == ["quick-001", "quick-002"])
        assert opened.row("quick-001")["tag"] == "archived"
        await opened.press("A")
        await opened.until(lambda: opened.names == ["quick-002"])
        await opened.press("escape")
        await opened.until(lambda: opened.names == ["quick-001", "quick-003"])
        await opened.press("space", "j", "space", "A")
        await opened.until(lambda: "All 3 runs are archived; / archived lists them." in opened.text("#about"))
        await opened.press("m")
        await opened.until(lambda: "All 3 runs are archived" in opened.text("#about"))
