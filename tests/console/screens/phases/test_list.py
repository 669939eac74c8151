"""The two lines that the list of phases has for each: what is said, in how much room."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.cells import cell_len
from textual.content import Content

from slmtui.console.phase_drafts import Drafts
from slmtui.console.screens.phases.phase_list import LEAST_WIDTH, MOST_WIDTH, PhaseList, PhaseRow
from tests.console.screens.phases.driver import ALPHA, console, screen
from tests.patience import until
from tests.written_runs import done_run


def row(file: str = "alpha.toml", **changes: str | bool) -> PhaseRow:
    values = {"name": "alpha", "title": "The first", "parameters": "1.6M", "verdict": "excellent", "wrong": ""}
    return PhaseRow(Path("phases") / file, **(values | {"changed": False} | changes))  # type: ignore[arg-type]


def lines(row: PhaseRow, width: int) -> list[str]:
    return row.content(width).plain.splitlines()


def style_of(content: Content, words: str) -> str:
    start = content.plain.index(words)
    return next(str(span.style) for span in content.spans if (span.start, span.end) == (start, start + len(words)))


@pytest.mark.parametrize("width", [LEAST_WIDTH, 40, MOST_WIDTH])
@pytest.mark.parametrize("file", ["alpha.toml", "another.toml"])
@pytest.mark.parametrize("name", ["alpha", "a-phase-with-a-long-name", "a-name-as-long-as-names-of-phases-may-ever-be"])
@pytest.mark.parametrize("title", ["The first", "A title that goes on " * 4, "第一个阶段：小模型" * 4])
def test_both_lines_fill_the_width(file: str, name: str, title: str, width: int) -> None:
    assert [cell_len(line) for line in lines(row(file, name=name, title=title), width)] == [width, width]


def test_the_file_is_named_where_its_name_is_not_the_phases() -> None:
    assert lines(row(), 40)[0].split() == ["alpha", "1.6M"]
    assert lines(row("next.toml"), 40)[0].split() == ["alpha", "·", "next", "1.6M"]
    assert lines(row("next.toml", name="n" * 40), LEAST_WIDTH)[0].split() == ["n" * 10 + "…", "·", "next", "1.6M"]


async def test_the_best_phase_is_under_the_cursor_and_says_so(project: Path) -> None:
    phases, checkpoints = project / "phases", project / "checkpoints"
    for name in ("gamma", "quick"):
        (phases / f"{name}.toml").write_text(ALPHA.replace('"alpha"', f'"{name}"'))
    async with console() as (app, pilot):
        await until(pilot, lambda: app.phase_file == Path("phases/quick.toml"))
        await until(pilot, lambda: [one.advice for one in screen(app).query_one(PhaseList).rows][-1] == "begin here")
        done_run(checkpoints, "gamma-001", ((6.6, 6.6), (3.0, 3.1)))
        done_run(checkpoints, "beta-001", ((6.6, 6.6), (3.0, 3.5)))
        screen(app)._find_runs()
        await until(pilot, lambda: app.phase_file == Path("phases/gamma.toml"))
        rows = {one.name: one for one in screen(app).query_one(PhaseList).rows}
        assert [name for name, one in rows.items() if one.advice] == ["gamma"]
        assert "best" in lines(rows["gamma"], 40)[1]
        await pilot.press("k")  # whoever has chosen one stays there
        await until(pilot, lambda: app.phase_file == Path("phases/beta.toml"))
        screen(app)._find_runs()
        await pilot.pause(0.2)
        assert app.phase_file == Path("phases/beta.toml")


def test_phases_are_in_the_order_of_their_numbers_whatever_else_is_in_their_names(tmp_path: Path) -> None:
    for name in ("phase10", "phase2", "1²3", "1²20"):
        (tmp_path / f"{name}.toml").touch()
    drafts = Drafts(tmp_path)
    assert drafts.look()
    assert [path.stem for path in drafts.paths()] == ["1²3", "1²20", "phase2", "phase10"]


def test_a_gap_is_praised_only_where_counting_is_beaten() -> None:
    assert style_of(row().content(40), "excellent") == "$excellent"
    assert style_of(row(above_baseline=True).content(40), "excellent") == "$quiet"
