"""Phases: a phase in the form and as a file, key by key."""

from __future__ import annotations

import asyncio
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Input, Static, TextArea

from slmtui.console.app import Console
from slmtui.console.screens.phases.field import Choices
from tests.console.screens.phases.driver import (
    ALPHA,
    console,
    field,
    screen,
    text_of,
    to_section,
    type_in,
)
from tests.patience import until

# The form


async def test_a_field_changes_its_line_of_the_file_and_nothing_else(project: Path) -> None:
    async with console() as (app, pilot):
        await to_section(app, pilot, "model")
        await type_in(app, pilot, "n_layer", "3")
        assert (project / "phases/alpha.toml").read_text() == ALPHA
        assert app.unsaved == ("phases/alpha.toml",)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: not app.unsaved)
        assert (project / "phases/alpha.toml").read_text() == ALPHA.replace("n_layer = 1 ", "n_layer = 3 ")


async def test_a_section_that_is_being_built_is_told_its_mistakes_and_values() -> None:
    async with console() as (app, pilot):
        await to_section(app, pilot, "model")
        form, draft = screen(app).editor.form, screen(app).draft
        assert draft is not None
        draft.text = ALPHA.replace("batch_size = 2", 'batch_size = "2x"').replace("max_iters = 20", "max_iters = 30")
        turning = asyncio.ensure_future(form.show_section("training"))
        await asyncio.sleep(0)  # its fields are there by now, and have no widgets in them yet
        form.load(draft.text, draft.problems)
        await turning
        wrong = field(app, "batch_size")
        assert "2x" in text_of(wrong.query_one(".note", Static))
        steps = field(app, "max_iters").editor
        assert isinstance(steps, Input)
        assert steps.value == "30"
        await form.show_section("model")
        wrong.complain("")  # one that has gone, too
        wrong.load("3")


async def test_emptying_a_field_and_filling_it_again_keeps_its_comment() -> None:
    async with console() as (app, pilot):
        await to_section(app, pilot, "training")
        await type_in(app, pilot, "learning_rate", "")
        draft = screen(app).draft
        assert draft is not None
        assert "learning_rate" not in draft.text
        await type_in(app, pilot, "learning_rate", "5e-4")
        assert draft.text == ALPHA.replace("1e-3 ", "5e-4 ")


async def test_mistakes_are_said_under_the_field_as_on_the_command_line() -> None:
    async with console() as (app, pilot):
        await to_section(app, pilot, "model")
        await type_in(app, pilot, "n_embd", "9")
        wrong = field(app, "n_embd").wrong
        assert (
            wrong
            == "not divisible by n_head (got 9 with n_head = 2), allowed: multiples of 2, the nearest being 8 and 10"
        )
        await type_in(app, pilot, "n_embd", "1x")
        wrong = field(app, "n_embd").wrong
        assert wrong.startswith('not a whole number (got "1x")')
        await type_in(app, pilot, "n_embd", "10")
        assert not field(app, "n_embd").has_class("-wrong")


async def test_a_field_keeps_what_was_typed_while_other_sections_are_seen() -> None:
    async with console() as (app, pilot):
        for typed in ("150x", "150", "0150", "1_5", "150"):
            await to_section(app, pilot, "training")
            await type_in(app, pilot, "max_iters", typed)
            await to_section(app, pilot, "model")
            await to_section(app, pilot, "training")
            shown = field(app, "max_iters").editor
            assert isinstance(shown, Input)
            assert shown.value == typed
        draft = screen(app).draft
        assert draft is not None
        assert "max_iters = 150\n" in draft.text
        await type_in(app, pilot, "max_iters", "2x")
        await pilot.press("escape", "u", "u")  # undone: as the file has it
        await until(pilot, lambda: field(app, "max_iters").value == "20")


async def test_what_the_file_cannot_take_stays_in_its_field_with_the_reason(project: Path) -> None:
    (project / "phases/alpha.toml").write_text(ALPHA.replace("[model]\n", "[[model]]\n"))
    async with console() as (app, pilot):
        await to_section(app, pilot, "model")
        await type_in(app, pilot, "n_head", "3")
        await to_section(app, pilot, "training")
        await to_section(app, pilot, "model")
        shown = field(app, "n_head")
        assert shown.value == "3"
        assert shown.wrong == "model is not a section here; fix it in the file itself"


async def insert(app: Console, pilot: Pilot[str], section: str, name: str, lines: str) -> None:
    """Into a field of several lines, as if pasted."""
    await to_section(app, pilot, section)
    editor = field(app, name).editor
    assert isinstance(editor, TextArea)
    editor.focus()
    editor.insert(lines)
    await pilot.pause()


async def test_choices_lists_and_tables() -> None:
    async with console() as (app, pilot):
        await to_section(app, pilot, "tokenizer")
        choices = field(app, "kind").editor
        assert isinstance(choices, Choices)
        choices.focus()
        await pilot.press("l")
        draft = screen(app).draft
        assert draft is not None
        assert 'kind = "bpe"' in draft.text
        await pilot.press("h", "left")
        assert 'kind = "gpt2"\n' in draft.text
        await pilot.press("backspace")
        assert "kind" not in draft.text
        await insert(app, pilot, "sampling", "prompts", "def a\nimport \\n")
        assert draft.phase is not None
        assert draft.phase.sampling.prompts == ("def a", "import \n", "\n")[:2]
        await insert(app, pilot, "data", "patterns", "calls = '\\w+\\('")
        assert draft.phase is not None
        assert draft.phase.data.patterns == {"calls": r"\w+\("}


async def test_sections_go_round_and_a_click_chooses_one() -> None:
    async with console() as (app, pilot):
        await pilot.press("e")
        await pilot.pause()
        form = screen(app).editor.form
        await pilot.press("pageup")
        assert form.section == "gate"
        await pilot.press("pagedown", "pagedown")
        assert form.section == "data"  # its first field is of several lines
        await pilot.press("pagedown")
        assert form.section == "tokenizer"
        await pilot.click("#sections", offset=(3, 0))
        await until(pilot, lambda: form.section == "phase")
        await pilot.press("tab")
        focused = app.focused
        assert focused is field(app, "title").editor
        await pilot.press("down")
        assert app.focused is field(app, "description").editor


# The file


async def test_form_and_file_are_two_views_of_one_text() -> None:
    async with console() as (app, pilot):
        await to_section(app, pilot, "model")
        await type_in(app, pilot, "n_layer", "7")
        await pilot.press("ctrl+t")
        await until(pilot, lambda: app.focused is screen(app).editor.file)
        file = screen(app).editor.file
        assert "n_layer = 7  # as small as can be" in file.text
        file.replace("n_embd = 16\nn_layer = x", *_place_of(file.text, "n_embd = 8"))
        await pilot.pause()
        shown = text_of(screen(app).editor.query_one("#problems", Static))
        assert "15: not valid TOML" in shown or "16: not valid TOML" in shown
        await pilot.press("ctrl+home", "ctrl+g")
        assert file.cursor_location[0] in (14, 15)
        await pilot.press("ctrl+t")
        await pilot.pause()
        assert "not valid TOML" in text_of(screen(app).editor.form.query_one("#other-problems", Static))
        await pilot.press("ctrl+t")
        await until(pilot, lambda: app.focused is file)
        file.replace("n_embd = 16", *_place_of(file.text, "n_embd = 16\nn_layer = x"))
        await pilot.press("ctrl+t")
        await until(pilot, lambda: field(app, "n_embd").value == "16")


def _place_of(text: str, part: str) -> tuple[tuple[int, int], tuple[int, int]]:
    def spot(at: int) -> tuple[int, int]:
        return text.count("\n", 0, at), at - text.rfind("\n", 0, at) - 1

    at = text.index(part)
    return spot(at), spot(at + len(part))


async def test_the_line_that_is_typed_stays_in_view_when_a_mistake_takes_rows() -> None:
    async with console(size=(80, 24)) as (app, pilot):
        await pilot.press("f")
        file = screen(app).editor.file
        await until(pilot, lambda: app.focused is file)
        file.load_text(file.text + "# a line\n" * 30)
        file.move_cursor(file.document.end)
        await pilot.press("enter", "n")  # a mistake with the last key, or the next one would bring it into view
        problems = screen(app).editor.query_one("#problems", Static)
        await until(pilot, lambda: problems.display and problems.size.height)
        row = file.cursor_location[0]
        await until(pilot, lambda: file.scroll_offset.y <= row < file.scroll_offset.y + file.size.height)


async def test_windows_line_ends_stay(project: Path) -> None:
    (project / "phases/alpha.toml").write_bytes(ALPHA.replace("\n", "\r\n").encode())
    async with console() as (app, pilot):
        assert not app.unsaved
        await pilot.press("f")
        await until(pilot, lambda: app.focused is screen(app).editor.file)
        await pilot.press("number_sign")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: (project / "phases/alpha.toml").read_bytes().startswith(b"##"))
        assert (project / "phases/alpha.toml").read_bytes() == b"#" + ALPHA.replace("\n", "\r\n").encode()
