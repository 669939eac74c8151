"""The list of runs, filtered and sorted."""

from __future__ import annotations

from pathlib import Path

from textual.widgets import Input

from slmtui.console.charts.widget import Chart
from slmtui.console.filtering.line import FilterInput, FilterLine
from slmtui.runs.tags import set_tags
from tests.console.screen_text import rows_of, toasts
from tests.console.screens.runs.driver import NARROW, Opened, open_runs
from tests.written_runs import BEGAN, done_run, make_phase, started, write_run


def four_runs(checkpoints: Path) -> None:
    done_run(checkpoints, "a-001", losses=[(3.0, 3.0)], at=BEGAN)
    done_run(checkpoints, "b-001", losses=[(2.5, 2.0)], at=BEGAN + 5)
    done_run(checkpoints, "c-001", losses=[(2.0, 4.0)], at=BEGAN + 9, reason="stopped")
    write_run(checkpoints, "d-001", make_phase("d"), [started(make_phase("d"), at=BEGAN - 5)])


def seen(opened: Opened) -> str:
    return "\n".join("".join(segment.text for segment in row) for row in rows_of(opened.app))


async def test_the_list_is_filtered_as_it_is_typed_until_escape(checkpoints: Path) -> None:
    four_runs(checkpoints)
    async with open_runs(checkpoints, NARROW) as opened:
        await opened.press("slash", *"val<3.5")
        await opened.until(lambda: opened.names == ["a-001", "b-001"])
        assert "2 of 4" in seen(opened)
        await opened.press(*" b-0")
        await opened.until(lambda: opened.names == ["b-001"])
        await opened.press("enter")
        assert opened.app.focused is opened.table
        assert opened.table.current == "b-001"
        assert "val<3.5 b-0" in seen(opened)  # it is seen for as long as it is in force
        assert "1 of 4" in seen(opened)
        assert "b-001 · " in opened.text("#about")
        await opened.press("t", "r")
        assert opened.names == ["b-001"]
        await opened.press("escape")
        await opened.until(lambda: len(opened.names) == 4)
        assert "val<3.5" not in seen(opened)
        assert opened.table.current == "b-001"
        await opened.press("escape")  # nothing to clear: it does nothing
        assert len(opened.names) == 4


async def test_words_states_and_tags(checkpoints: Path) -> None:
    four_runs(checkpoints)
    set_tags(checkpoints, {"good": "a-001"})
    async with open_runs(checkpoints) as opened:
        for typed, names in (("tag:good", ["a-001"]), ("state:stop", ["c-001"]), ("bpb<2", ["a-001", "b-001"]),
                             ("phase=d", ["d-001"]), ("time>5 state=done", ["a-001", "b-001"])):  # fmt: skip
            await opened.press("slash")
            opened.screen.query_one(FilterInput).value = typed
            await opened.until(lambda names=names: opened.names == names)  # type: ignore[misc]
            await opened.press("escape")
            await opened.until(lambda: len(opened.names) == 4)


async def test_what_is_wrong_is_said_and_changes_nothing(checkpoints: Path) -> None:
    four_runs(checkpoints)
    async with open_runs(checkpoints, NARROW) as opened:
        await opened.press("slash")
        await opened.until(lambda: "words, and run: phase: tag: state: parameters<" in seen(opened))
        await opened.press(*"b-0")
        opened.screen.query_one(FilterInput).value = "b-0 vall<2"
        await opened.until(lambda: "vall: not known of these; did you mean val?" in seen(opened))
        assert opened.names == ["b-001"]  # by what was right
        await opened.press("enter")
        assert isinstance(opened.app.focused, Input)  # it is not taken
        await opened.press("tab")
        await opened.until(lambda: opened.screen.query_one(FilterInput).value == "b-0")
        await opened.until(lambda: "not known" not in seen(opened))
        assert not toasts(opened.app)


async def test_a_filter_that_takes_none_leaves_nothing_to_be_done(checkpoints: Path) -> None:
    four_runs(checkpoints)
    async with open_runs(checkpoints) as opened:
        await opened.press("slash", *"nonesuch", "enter")
        await opened.until(lambda: opened.names == [])
        assert "0 of 4" in seen(opened)
        assert "esc clears the filter" in opened.text("#about")
        assert not any(chart.display for chart in opened.screen.query(Chart))
        await opened.press("x", "s", "space", "enter", "z", "a", "C", "e")
        assert opened.app.current_mode == "runs"
        assert not opened.app.screen.is_modal
        await opened.press("escape")
        await opened.until(lambda: len(opened.names) == 4)
        assert all(chart.display for chart in opened.screen.query(Chart))


async def test_a_run_that_comes_to_be_like_that_appears(checkpoints: Path) -> None:
    four_runs(checkpoints)
    async with open_runs(checkpoints) as opened:
        await opened.press("slash", *"val<2.5", "enter")
        await opened.until(lambda: opened.names == ["b-001"])
        done_run(checkpoints, "e-001", losses=[(2.0, 2.0)])
        done_run(checkpoints, "f-001", losses=[(3.0, 3.0)])
        await opened.until(lambda: opened.names == ["b-001", "e-001"])
        await opened.until(lambda: "2 of 6" in seen(opened))
        opened.app.watched = opened.screen.runs["f-001"].run  # which the filter hides
        await opened.press("t", "r")
        assert opened.table.current == "b-001"
        assert opened.screen.query_one(FilterLine).in_force


async def test_sorting_by_any_column_both_ways(checkpoints: Path) -> None:
    four_runs(checkpoints)
    async with open_runs(checkpoints) as opened:

        async def sorted_by(label: str) -> None:
            for _ in opened.table.columns_shown:
                if any(str(column.label) == label for column in opened.table.ordered_columns):
                    return
                await opened.press("z")

        await sorted_by("best val ↑")
        assert opened.names == ["b-001", "a-001", "c-001", "d-001"]  # what has none comes last
        await opened.press("Z")
        assert opened.names == ["c-001", "a-001", "b-001", "d-001"]
        assert "best val ↓" in seen(opened)
        assert opened.table.current == "a-001"
        await sorted_by("gap ↑")
        assert opened.names == ["b-001", "a-001", "c-001", "d-001"]
    async with open_runs(checkpoints, NARROW) as again:
        assert again.names == ["b-001", "a-001", "c-001", "d-001"]  # remembered
        await again.until(lambda: "gap ↑" in seen(again))
        while "newest first" not in seen(again):  # after the last column
            await again.press("z")
        assert again.names == ["c-001", "b-001", "a-001", "d-001"]
        await again.press("Z")
        assert again.names == ["d-001", "a-001", "b-001", "c-001"]
        assert "oldest first" in seen(again)
        await again.press("z")
        assert again.names == ["a-001", "b-001", "c-001", "d-001"]
