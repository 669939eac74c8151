"""The Studies screen: what it shows of studies, and how its views are gone through."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from rich.color import ColorSystem
from textual.app import App, ComposeResult

from slmtui.console.charts.widget import Chart
from slmtui.console.charts.zoom import Zoom
from slmtui.console.rows import Rows
from slmtui.console.screens.studies.grid import LEVELS, SHADES, level
from slmtui.console.screens.studies.heat_map import HeatMap
from slmtui.console.screens.studies.lists import TrialList
from slmtui.console.screens.studies.screen import VIEWS
from slmtui.studies.reading import read_results
from tests.console.screen_text import rows_of
from tests.console.screens.studies.opened import NARROW, RUNS, TINY, WIDE, open_studies
from tests.console.screens.studies.written_studies import write_study, write_trial, write_trials


async def test_without_a_folder_it_says_how_to_make_a_study(folder: Path) -> None:
    async with open_studies() as opened:
        await opened.until(lambda: "There is no studies/" in opened.text("#empty"))
        (folder / "studies").mkdir()
        await opened.until(lambda: "There is no study in studies/ yet" in opened.text("#empty"))
        write_study(folder)
        await opened.until(lambda: "width" in opened.all_text and "0 of 27" in opened.all_text)


async def test_the_grid_has_the_means_and_the_line_below_what_is_known_of_a_cell(folder: Path) -> None:
    study = write_study(folder)
    write_trials(RUNS, study, lambda trial: trial.cell.number < 9)
    write_trial(RUNS, study.trials[8], done=False)
    async with open_studies(glyphs="ascii") as opened:
        await opened.until(lambda: "24 of 27" in opened.all_text and "spread" in opened.text("#cell"))
        results = read_results(study, RUNS)
        means = [cell.estimate.mean for cell in results.cells if cell.estimate is not None]
        assert len(means) == 8
        assert all(f"{mean:.3f}" in opened.all_text for mean in means)
        best = results.best
        assert best is not None
        assert opened.text("#cell").startswith(f"{best.cell.label}: {min(means):.3f} bits per byte")
        assert f"[# {min(means):.3f}" in opened.all_text  # a shade, and a frame, without colour or other letters
        await opened.press("enter", "down", "right")
        assert opened.screen.cell is not None
        assert opened.screen.cell.cell.number == 9
        assert "seed 1 stopped 200 of 600, seed 2 not begun" in opened.text("#cell")


class ListAlone(App[None]):
    def compose(self) -> ComposeResult:
        yield Rows("study", "done", "state", id="rows")


async def test_a_list_that_is_drawn_at_once_is_not_cut_off() -> None:
    """Textual measures columns after it has drawn them, and keeps what it has drawn."""
    app = ListAlone()

    def second() -> str:
        return "".join(segment.text for segment in rows_of(app)[1]).rstrip()

    async with app.run_test(size=(80, 10)) as pilot:
        for words in ("not begun", "2 running, about 14 min to go", "done"):
            app.query_one(Rows).show_rows({"width": ("width", "0 of 27", words)})
            for _ in range(2):
                assert second() == f" width  0 of 27  {words}"
                await pilot.pause()


@pytest.mark.parametrize("size", [TINY, NARROW, WIDE], ids=str)
async def test_every_view_can_be_gone_through_at_every_size(folder: Path, size: tuple[int, int]) -> None:
    study = write_study(folder)
    write_trials(RUNS, study)
    async with open_studies(size) as opened:
        await opened.until(lambda: opened.screen.finding is not None and "1.9" in opened.all_text)
        if size == WIDE:
            await opened.until(lambda: opened.screen.query(Chart))
        else:
            await opened.press("right_square_bracket")
            await opened.until(lambda: opened.screen.query(Chart) and opened.screen.query_one(Chart).spec)
        chart = opened.screen.query_one(Chart)
        assert chart.spec is not None
        assert any(series.name.endswith("(best)") for series in chart.spec.series)
        await opened.press("right_square_bracket")
        await opened.until(lambda: chart.spec is not None and chart.spec.log_x)
        assert len(chart.spec.marks) == 9
        lower, upper, line = chart.spec.series[-4:-1]  # of the widest network, which the cursor's cell has
        assert (lower.name, upper.name, line.name) == ("", "", "28,800 parameters")
        assert (lower.ys[: len(line.ys)] < line.ys).all()
        assert (upper.ys[: len(line.ys)] > line.ys).all()
        assert "L = 1." in opened.text("#law-words")
        await opened.press("right_square_bracket")
        await opened.until(lambda: "worse by" in opened.text("#table-text"))
        await opened.press("right_square_bracket")
        await opened.until(lambda: "supported: More data" in opened.text("#claims-text"))
        await opened.press("right_square_bracket")
        await opened.until(lambda: opened.screen.query_one(TrialList).row_count == 3)


async def test_a_part_of_a_chart_is_left_with_its_x_and_with_its_study(folder: Path) -> None:
    for name in ("one", "other"):
        write_trials(RUNS, write_study(folder, name))
    async with open_studies(WIDE) as opened:
        await opened.until(lambda: opened.screen.finding is not None and opened.screen.query(Chart))
        chart = opened.screen.query_one(Chart)
        await opened.until(lambda: chart.spec is not None)
        chart.focus()
        await opened.press("up", "shift+up")
        assert chart.zoom.x is not None
        assert chart.zoom.y is not None
        await opened.press("right_square_bracket")
        await opened.until(lambda: chart.spec is not None and chart.spec.log_x)
        assert chart.zoom == Zoom()
        await opened.press("left", "up", "left")  # on logarithmic axes, too
        assert chart.zoom.x is not None
        assert chart.cursor is not None
        assert chart.zoom.x[0] <= chart.cursor <= chart.zoom.x[1]
        await opened.press("escape")
        assert chart.cursor is None
        await opened.press("escape", "j")
        await opened.until(lambda: chart.zoom == Zoom())


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=str)
async def test_sixteen_colours_are_enough(folder: Path, size: tuple[int, int]) -> None:
    """No letter vanishes into its ground, and what a colour says of a cell its shade says, too."""
    study = write_study(folder)
    write_trials(RUNS, study)
    async with open_studies(size) as opened:
        await opened.until(lambda: opened.screen.finding is not None and "1.9" in opened.all_text)
        means = [cell.estimate.mean for cell in read_results(study, RUNS).cells if cell.estimate is not None]
        shades = [shade for shade in opened.screen.query_one(HeatMap).render().plain if shade in SHADES[:-1]]
        assert sorted(shades) == sorted(SHADES[level(mean, means)] for mean in means if level(mean, means) < LEVELS - 1)
        for _ in VIEWS:
            await opened.press("right_square_bracket")
            for row in rows_of(opened.app):
                for segment in row:
                    style = segment.style
                    if style is None or style.color is None or style.bgcolor is None or not segment.text.strip():
                        continue
                    ink, ground = (colour.downgrade(ColorSystem.STANDARD) for colour in (style.color, style.bgcolor))
                    assert ink.number != ground.number, segment.text


async def test_where_no_law_can_be_fitted_it_says_why(folder: Path) -> None:
    study = write_study(folder, grid="[grid]\nmodel.n_embd = [8, 16]\n")
    write_trials(RUNS, study)
    async with open_studies() as opened:
        await opened.until(lambda: opened.screen.finding is not None)
        await opened.press("right_square_bracket", "right_square_bracket")
        await opened.until(lambda: "takes 6 cells or more that are done, not 2" in opened.text("#law-words"))


async def test_a_file_with_a_fault_is_listed_with_it_and_read_again_when_it_is_mended(folder: Path) -> None:
    write_study(folder)
    file = folder / "studies" / "bad.toml"
    good = (folder / "studies" / "width.toml").read_text().replace('"width"', '"other"')
    file.write_text(good.replace("[1, 2, 3]", "[1, 1]"))
    async with open_studies() as opened:
        await opened.until(lambda: "studies/bad.toml:6: study.seeds: not possible" in opened.text("#fault"))
        await opened.until(lambda: "width" in opened.all_text)
        file.write_text(good)
        await opened.until(lambda: "other" in opened.all_text and not opened.screen.has_class("-fault"))


async def test_no_key_waits_long_where_a_hundred_trials_are_shown(folder: Path) -> None:
    widths = ", ".join(f"{8 * n}" for n in range(1, 35))
    study = write_study(folder, grid=f"[grid]\nmodel.n_embd = [{widths}]\n")
    assert len(study.trials) == 102
    write_trials(RUNS, study)
    async with open_studies() as opened:
        await opened.until(lambda: "102 of 102" in opened.all_text and opened.screen.finding is not None)
        await opened.press("enter")
        longest = 0.0

        async def feel() -> None:
            nonlocal longest
            while True:
                began = time.perf_counter()
                await asyncio.sleep(0.005)
                longest = max(longest, time.perf_counter() - began)

        feeling = asyncio.create_task(feel())
        await opened.press("down", "down", *["right_square_bracket"] * 6, "up")
        feeling.cancel()
        assert longest < 2.0  # seconds that the screen stood still; below 0.25 on an idle machine
        assert isinstance(opened.screen.focused, HeatMap)
