"""The Data screen: what it says of a corpus, and where its keys lead."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from textual.widgets import Static

from slmtui.console.dialogs.help import help_for
from slmtui.console.screens.data.file_table import FilesTable
from slmtui.console.screens.data.numbers_panel import NumbersPanel
from tests.console.screens.data.data_console import (
    PHASE,
    console,
    data,
    seen,
    text_of,
)
from tests.patience import painted, until

pytestmark = pytest.mark.usefixtures("project")


async def test_it_shows_what_the_default_phase_is_about() -> None:
    async with console() as (app, _):
        found = data(app).found
        assert found is not None
        assert app.phase_file == Path("phases/quick.toml")
        holds = text_of(app, "#holds")
        for words in ("characters", "functions", "opens", "50,257"):
            assert words in holds
        validation = text_of(app, "#validation")
        assert "70 tokens, 1" in validation
        assert "the end of the text" in validation
        assert found.baseline is not None
        assert len(found.baseline.bars) == 2
        for bar in found.baseline.bars:
            assert re.search(rf"{re.escape(bar.title)} +{bar.loss:.3f} +{bar.bits_per_byte:.3f}", validation)
        assert found.suggestion is not None
        assert found.suggestion.summary.split(",")[0] in text_of(app, "#suggestion")
        assert "model.copy_head true" in text_of(app, "#suggestion"), "as it would stand in a phase"
        most = found.counted.inspection.frequent_tokens[0]
        assert str(most.count) in text_of(app, "#frequent").split("\n")[0]
        sides = [row.side for row in data(app).query_one(FilesTable).rows_shown]
        assert sides == sorted(sides, key=["train", "both", "val", ""].index)
        assert {"train", "both", ""} == set(sides), "the border is in a file, and some are beyond dataset_size"
        assert "corpus · 10 files" in seen(app)


async def test_the_focus_that_a_hidden_panel_lost_comes_back() -> None:
    async with console() as (app, pilot):
        await until(pilot, lambda: isinstance(app.focused, FilesTable))
        await pilot.press("2")
        screen = data(app)
        for words in ("nothing to see", ""):  # hidden, and seen again before the panel with the focus knows
            screen._show_trouble(words)
            screen._refresh_layout()
        await painted(pilot)
        await until(pilot, lambda: screen.focused is screen.query_one("#text"))
        await pilot.press("1")
        await until(pilot, lambda: isinstance(app.focused, FilesTable))
        await pilot.press("j")
        assert data(app).query_one(FilesTable).cursor_row == 1


@pytest.mark.parametrize(
    ("key", "focus"),
    [("1", "file-table"), ("2", "text"), ("3", "holds"), ("4", "validation"), ("5", "suggestion")],
)
async def test_each_panel_has_a_key_and_a_page_on_a_narrow_terminal(key: str, focus: str) -> None:
    async with console((80, 24)) as (app, pilot):
        await pilot.press("2" if key == "1" else "1", key)
        await pilot.pause()
        assert app.focused is not None
        assert app.focused.id == focus
        assert app.focused.region.width > 20
        assert app.focused.region.bottom <= 24


async def test_tab_goes_through_all_panels_and_back() -> None:
    async with console((80, 24)) as (app, pilot):
        visited = []
        for _ in range(6):
            visited.append(app.focused.id if app.focused else None)
            await pilot.press("tab")
        assert visited == ["file-table", "text", "holds", "frequent", "validation", "suggestion"]
        assert app.focused is not None
        assert app.focused.id == "file-table"
        await pilot.press("shift+tab")
        assert app.focused.id == "suggestion"


@pytest.mark.parametrize(
    ("error", "words"),
    [(OSError(5, "Input/output error"), "cannot be read"), (ZeroDivisionError("by zero"), "bug in slmtui")],
)
async def test_whatever_goes_wrong_is_said(error: Exception, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("slmtui.console.screens.data.reader.find_out", fail)
    async with console(wait=False) as (app, pilot):
        await until(pilot, lambda: words in text_of(app, "#trouble"))
        assert str(error) in text_of(app, "#trouble")


async def test_a_text_too_short_to_split_says_so(project: Path) -> None:
    (project / "short.txt").write_text("x")
    (project / "phases/quick.toml").write_text(PHASE.replace('"corpus"', '"short.txt"'))
    async with console() as (app, _):
        assert "too few to split" in seen(app)
        assert "too short to train on" in text_of(app, "#suggestion")


async def test_every_key_is_in_the_help_and_nothing_is_cut_off() -> None:
    async with console((80, 24)) as (app, pilot):
        help_text = help_for(app.screen).text
        for words in ("which side of the split", "longest repeat", "read the corpus again", "have a phase suggested"):
            assert words in help_text
        for key in "34":
            await pilot.press(key)
            await pilot.pause()
            for panel in data(app).query(NumbersPanel):
                if panel.region.width:
                    lines = str(panel.query_one(Static).content).split("\n")
                    assert max(map(len, lines)) <= panel.region.width - 3
        await pilot.resize_terminal(44, 14)
        await pilot.pause()
        await pilot.resize_terminal(120, 40)
        await pilot.pause()
        assert "what this suggests" in seen(app)


async def test_it_says_how_much_was_looked_at_for_near_copies(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "phases/quick.toml").write_text(
        PHASE.replace('join = "published"', "").replace("dataset_size = 700", "")
    )
    (project / "corpus/0_again.py").write_text((project / "corpus/3_invoice.py").read_text() + "x = 1\n")
    monkeypatch.setattr("slmtui.data.near_copies.COMPARED_TOKENS", 500)
    async with console() as (app, _):
        words = " ".join(text_of(app, "#validation").split())
        assert "0_again.py" in words
        assert "near-copies looked for in the first 500 of " in words
    monkeypatch.setattr("slmtui.data.near_copies.COMPARED_TOKENS", 90)
    async with console() as (app, _):
        words = " ".join(text_of(app, "#validation").split())
        assert "near-copies none near-copies looked for in the first 90 of " in words


async def test_tokens_of_a_file_are_counted_as_in_the_table_without_the_ends_of_documents(project: Path) -> None:
    (project / "corpus/lines.txt").write_text("one line of text\nand another line\nand the last\n")
    (project / "phases/quick.toml").write_text(
        PHASE.replace(
            'source = "corpus"\njoin = "published"', 'source = "corpus/lines.txt"\ndocuments = "lines"'
        ).replace("dataset_size = 700", "")
    )
    async with console((160, 40)) as (app, pilot):
        row = data(app).query_one(FilesTable).row_at_cursor()
        assert row is not None
        assert (row.name, row.tokens) == ("lines.txt", 10)

        def subtitle() -> str:
            return str(data(app).query_one("#reader").border_subtitle)

        await until(pilot, lambda: "token 1 of 10 " in subtitle())
        await pilot.press("2", "right", "right", "right", "right")
        await until(pilot, lambda: "after token 4 of 10 " in subtitle())
        assert "the end of the document" in text_of(app, "#token")
        await pilot.press("right")
        await until(pilot, lambda: "line 2 · token 5 of 10 " in subtitle())
        await pilot.press("G")
        await until(pilot, lambda: "after token 10 of 10 " in subtitle())
