"""A terminal without braille, or without any letters but ASCII's, gets a screen that it can show."""

from __future__ import annotations

import string

import pytest
from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color

from slmtui.console.charts.widget import Chart
from slmtui.console.screens.train.screen import TrainScreen
from slmtui.console.text.glyphs import Glyphs, Letters, usual_glyphs
from slmtui.runs.run import Run
from tests.console.conftest import WIDE, MakeConsole, Until
from tests.console.screen_text import rows_of

CP437 = {*bytes(range(0x80, 0x100)).decode("cp437"), *string.printable, *"♦•►◄¶↑↓→←"}


@pytest.mark.parametrize(
    ("environment", "glyphs"),
    [
        ({"TERM": "linux", "LANG": "en_GB.UTF-8"}, "block"),
        ({"TERM": "xterm-256color", "LANG": "en_GB.UTF-8"}, "braille"),
        ({"TERM": "xterm", "LANG": "de_DE.ISO-8859-1@euro"}, "ascii"),
        ({"TERM": "xterm", "LANG": "de_DE.ISO-8859-1", "LC_ALL": "C.utf8"}, "braille"),
        ({"TERM": "screen", "LANG": "C"}, "braille"),  # says nothing of the terminal
        ({}, "braille"),
    ],
)
def test_what_a_terminal_can_show(environment: dict[str, str], glyphs: Glyphs) -> None:
    assert usual_glyphs(environment) == glyphs


def test_letters_are_replaced_by_others_of_the_same_width() -> None:
    line = [Segment("╭─ a ━◆ 三 é ⏎…"), Segment("plain")]
    ascii_line = Letters("ascii").apply(line, Color(0, 0, 0))
    assert [segment.text for segment in ascii_line] == ["+- a =@ ?? ? $.", "plain"]
    assert cell_len(ascii_line[0].text) == cell_len(line[0].text)
    assert Letters("block").apply(line, Color(0, 0, 0))[0].text == "┌─ a ─♦ 三 é ¶."


@pytest.mark.parametrize("glyphs", ["ascii", "block"])
async def test_a_whole_screen_is_shown_in_them(
    make_console: MakeConsole, finished_run: Run, until: Until, glyphs: Glyphs
) -> None:
    app = make_console("train", glyphs=glyphs)
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: isinstance(app.screen, TrainScreen) and app.screen.query_one("#loss", Chart).spec)
        await pilot.pause()
        rows = [row.text for row in rows_of(app)]
        shown = "".join(rows)
        allowed = set(string.printable) if glyphs == "ascii" else CP437
        assert set(shown) - allowed == set()
        assert {len(row) for row in rows} == {WIDE[0]}
        assert finished_run.name in shown


async def test_no_color_leaves_no_colour(
    make_console: MakeConsole, finished_run: Run, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = make_console("train")
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: isinstance(app.screen, TrainScreen) and app.screen.query_one("#loss", Chart).spec)
        await pilot.pause()
        styles = [segment.style for row in rows_of(app) for segment in row if segment.style]
        colours = {colour.get_truecolor() for style in styles for colour in (style.color, style.bgcolor) if colour}
        assert len(colours) > 2
        assert not [colour for colour in colours if len(set(colour)) > 1]
        assert finished_run.name in str(app.screen.query_one("#phase-title").render())
