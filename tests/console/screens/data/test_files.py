"""Data, file by file: its text, its documents, which side it is on, and what leaves it out."""

from __future__ import annotations

from pathlib import Path

import pytest

from slmtui.config.phase_file import load_phase
from slmtui.console.dialogs.question import Message
from slmtui.console.screens.data.file_table import MOST_ROWS, FilesTable
from tests.console.screen_text import toasts
from tests.console.screens.data.data_console import (
    NOUNS,
    PHASE,
    complete,
    console,
    data,
    seen,
    text_of,
    view,
)
from tests.patience import until

pytestmark = pytest.mark.usefixtures("project")


async def test_the_text_of_the_file_under_the_cursor_is_shown_token_by_token() -> None:
    async with console() as (app, pilot):
        assert "def·load_order(path" in seen(app)
        await pilot.press("j")
        assert "def·load_ticket(path" in seen(app)
        await pilot.press("enter")
        assert view(app).has_focus
        await pilot.press("l", "l")
        assert view(app).cursor == 2
        file = view(app).file
        assert file is not None
        token = file.ids(2, 3)[0]
        assert f"id {token} · {file.dataset.tokenizer.token_bytes(token).hex(' ')}" in text_of(app, "#token")
        assert " · train " in text_of(app, "#token")
        await pilot.press("j", "j")
        assert "line 2" in str(data(app).query_one("#reader").border_subtitle)
        await pilot.press("k", "k", "h")
        assert view(app).cursor <= 2
        await pilot.press("G")
        assert view(app).cursor == len(file) - 1
        await pilot.press("g")
        assert view(app).cursor == 0
        await pilot.press("b")
        assert "def│·load│" in seen(app)
        await pilot.press("b")
        assert "def·load" in seen(app)


async def test_the_line_between_training_and_validation_is_marked_in_the_text() -> None:
    async with console() as (app, pilot):
        table = data(app).query_one(FilesTable)
        table.move_cursor(row=[row.side for row in table.rows_shown].index("both"))
        await pilot.pause()
        await pilot.press("2", "m")
        file = view(app).file
        assert file is not None
        assert view(app).cursor == file.border == len(file.file.train)
        assert "training ends · validation begins" in seen(app)
        assert "validation" in str(data(app).query_one("#reader").border_subtitle)


async def test_a_file_of_the_test_side_is_called_so_and_can_be_read(project: Path) -> None:
    phase = (project / "phases/quick.toml").read_text().replace('join = "published"', 'test = ["1_*"]')
    (project / "phases/quick.toml").write_text(phase)
    async with console() as (app, pilot):
        assert [row.side for row in data(app).query_one(FilesTable).rows_shown][:3] == ["train", "test", "train"]
        await pilot.press("j")
        assert "def·load_ticket(path" in seen(app)
        await pilot.press("enter", "l", "G")
        file = view(app).file
        assert file is not None
        assert view(app).cursor == len(file) - 1 == len(file.file.test) - 1
        assert str(data(app).query_one("#reader").border_subtitle).endswith("test")


async def test_a_file_beyond_the_dataset_says_so() -> None:
    async with console() as (app, pilot):
        await pilot.press("G")
        await pilot.pause()
        assert "not in the dataset" in seen(app)
        assert "700 GPT-2 tokens" in seen(app)


async def test_a_file_that_is_not_in_the_dataset_says_why(project: Path) -> None:
    (project / "corpus/1_copy.jsonl").write_text(line := '{"text": "a record that is there twice"}\n')
    (project / "corpus/0_one.jsonl").write_text(line + "".join(f'{{"text": "the {noun} is new"}}\n' for noun in NOUNS))
    (project / "corpus/2_no_record.jsonl").write_text("")
    (project / "corpus/3_last.jsonl").write_text("".join(f'{{"text": "no {noun}"}}\n' for noun in NOUNS))
    (project / "corpus/4_beyond.jsonl").write_text('{"text": "never reached"}\n')
    phase = PHASE.replace('join = "published"', 'field = "text"\ndedupe = true').replace("size = 700", "size = 65")
    (project / "phases/quick.toml").write_text(phase)
    async with console() as (app, pilot):
        rows = [row for row in data(app).query_one(FilesTable).rows_shown if row.left_out is None]
        assert [row.absent for row in rows] == ["", "copy", "empty", "", "beyond"]
        for row, why in zip(rows, ("", "repeats earlier", "no text in it", "", "ends before it"), strict=True):
            assert why in view(app).message, row.name
            assert (view(app).file is None) == bool(why)
            await pilot.press("2", "enter")
            await until(pilot, lambda: isinstance(app.screen, Message) == (not why))  # noqa: B023
            await pilot.press(*(["escape"] * (not why)), "1", "j")
            await pilot.pause()


async def test_enter_jumps_to_both_places_of_the_longest_repeat() -> None:
    async with console() as (app, pilot):
        found = data(app).found
        assert found is not None
        leakage = found.leakage
        assert leakage is not None
        assert leakage.longest > 5
        await pilot.press("4", "enter")
        await pilot.pause()
        places = []
        for name in (leakage.longest_val, leakage.longest_train):
            file = view(app).file
            assert file is not None
            assert file.file.name == name.rpartition(":")[0]
            assert view(app).repeat
            assert view(app).cursor == view(app).repeat.start
            places.append(file.ids(view(app).repeat.start, view(app).repeat.stop))
            await pilot.press("e")
            await pilot.pause()
        assert places[0] == places[1], "the same tokens in both places"
        row = data(app).query_one(FilesTable).row_at_cursor()
        assert row is not None
        assert row.name == leakage.longest_val.rpartition(":")[0], "the third time it is validation again"


async def test_hostile_names_and_texts_are_shown_and_not_obeyed(project: Path) -> None:
    (project / "corpus/0[red].py").write_text("x = '\x1b[31m[bold]' \u202e # [/red]\n" * 30)
    async with console() as (app, pilot):
        table = data(app).query_one(FilesTable)
        names = [row.name for row in table.rows_shown]
        table.move_cursor(row=names.index("0[red].py"))
        await pilot.pause()
        shown = seen(app)
        assert view(app).file is not None
        assert "0[red].py" in shown
        assert "␛[31m[bold]" in shown
        assert "[/red]" in shown
        assert "\x1b" not in shown
        assert "\u202e" not in shown


async def test_many_files_are_summed_up(project: Path) -> None:
    for i in range(MOST_ROWS + 50):
        (project / f"corpus/z{i:04}.py").write_text(f"x{i} = {i}\n")
    async with console() as (app, pilot):
        table = data(app).query_one(FilesTable)
        assert table.row_count == MOST_ROWS + 1
        await pilot.press("G")
        await pilot.pause()
        assert "… and 60 more files" in seen(app)
        assert "This row stands for several files" in view(app).message
        await pilot.press("slash", *"nonesuch", "enter")
        await until(pilot, lambda: "No file is like that; esc clears the filter." in view(app).message)
        await pilot.press("space")
        await until(pilot, lambda: "no file is like that; esc clears the filter" in toasts(app))
        await pilot.press("escape")
        await until(pilot, lambda: "is like that" not in view(app).message)


async def test_space_leaves_a_file_out_and_takes_it_in_again(project: Path) -> None:
    (project / "corpus/.secret").write_text("hidden\n")
    (project / "corpus/photo.jpg").write_bytes(b"\xff\xd8\0\0")
    phase = Path("phases/quick.toml")
    before = phase.read_text()
    async with console() as (app, pilot):
        assert "10 files · 2 left out" in seen(app)
        table = data(app).query_one(FilesTable)
        await pilot.press("j", "space")
        await until(pilot, lambda: complete(app) and "9 files · 3 left out" in seen(app))
        assert load_phase(phase).data.exclude == ("/1_ticket.py",)
        assert "1_ticket.py\nis left out: data.exclude names it" in view(app).message, "the cursor is on it as before"
        await pilot.press("space")
        await until(pilot, lambda: complete(app) and "10 files · 2 left out" in seen(app))
        assert phase.read_text() == before
        await pilot.press("G", "k")
        row = table.row_at_cursor()
        assert row is not None
        assert row.name == ".secret"
        assert "hidden" in view(app).message
        await pilot.press("space")
        await until(pilot, lambda: complete(app) and "11 files · 1 left out" in seen(app))
        await pilot.press("G", "space")
        await until(pilot, lambda: "no pattern takes it in" in "\n".join(toasts(app)))
        assert load_phase(phase).data.exclude == ("!/.secret",)


async def test_without_a_phase_space_says_what_to_do() -> None:
    async with console() as (app, pilot):
        data(app).reader.open(Path("corpus"))
        await until(pilot, lambda: (found := data(app).found) and found.origin == Path("corpus") and found.complete)
        await pilot.press("1")
        await until(pilot, lambda: app.focused is data(app).query_one(FilesTable))
        await pilot.press("space")
        await until(pilot, lambda: "n saves the suggestion" in "\n".join(toasts(app)))


async def test_documents_are_gone_through_and_read_as_plain_text(project: Path) -> None:
    lines = [f"This is the {i}th line of all, said {noun}." for i, noun in enumerate(NOUNS)]
    (project / "lines.txt").write_text("\n".join([*lines, lines[3]]))
    phase = PHASE.replace('"corpus"', '"lines.txt"').replace('join = "published"', 'documents = "lines"')
    (project / "phases/quick.toml").write_text(phase)
    async with console() as (app, pilot):
        row = data(app).query_one(FilesTable).row_at_cursor()
        assert row is not None
        assert row.documents == 11
        assert "docs" in seen(app)
        await pilot.press("2", "]", "]")
        await pilot.pause()
        subtitle = str(data(app).query_one("#reader").border_subtitle)
        assert "[ 3 of 11 ] · line 3" in subtitle
        await pilot.press("[", "enter")
        await until(pilot, lambda: isinstance(app.screen, Message))
        assert lines[1] in seen(app)
        assert lines[2] not in seen(app)
        await pilot.press("escape")
        assert "lines.txt:4" in text_of(app, "#validation")
        assert "lines.txt:11" in text_of(app, "#validation")


async def test_a_near_copy_says_what_it_is_like(project: Path) -> None:
    (project / "phases/quick.toml").write_text(
        PHASE.replace('join = "published"', "").replace("dataset_size = 700", "")
    )
    (project / "corpus/zz.py").write_text((project / "corpus/3_invoice.py").read_text() + "x = 1\n")
    async with console() as (app, pilot):
        assert "near-copies" in text_of(app, "#validation")
        await pilot.press("G")
        await until(pilot, lambda: "like 3_invoice.py (train)" in str(data(app).query_one("#reader").border_title))
