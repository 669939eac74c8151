"""Complete: how a prompt is typed, kept, and gone back to."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.events import Paste

from slmtui.console.dialogs.question import Message
from slmtui.console.hints import Hints
from slmtui.console.screens.complete.prompt_area import PromptArea
from slmtui.console.screens.complete.sampling_fields import SamplingField
from slmtui.console.screens.complete.screen import CompleteScreen
from tests.console.screen_text import seen, toasts
from tests.console.screens.complete.page import complete_page


async def test_after_enter_the_next_letter_begins_another_prompt_and_an_arrow_keeps_this_one(
    checkpoints: Path, tmp_path: Path
) -> None:
    async with complete_page(checkpoints, tmp_path) as page:
        page.line.focus()
        await page.press(*"alpha", "enter")
        await page.until(page.done)
        assert page.line.selected_text == "alpha"
        await page.press("end", *"bet")
        assert page.line.prompt == "alphabet"
        await page.press("enter", *"beta")
        assert page.line.prompt == "beta"
        await page.press("up")
        assert page.line.prompt == "alphabet"


async def test_an_empty_prompt_is_not_completed(checkpoints: Path, tmp_path: Path) -> None:
    async with complete_page(checkpoints, tmp_path) as page:
        await page.press("enter")
        await page.pilot.pause()
        assert page.panel.request is None
        assert toasts(page.app) == ["a completion needs something to begin with: type a prompt"]


async def test_prompts_are_kept_and_come_back(checkpoints: Path, tmp_path: Path) -> None:
    async with complete_page(checkpoints, tmp_path) as page:
        await page.press(*"alpha", "ctrl+j", *"beta", "enter")
        assert page.panel.request is not None
        assert page.panel.request.prompt == "alpha\nbeta"
        await page.complete("gamma")
        page.line.put("a draft")
        await page.press("up")
        assert page.line.prompt == "gamma"
        await page.press("up", "up")
        assert page.line.prompt == "alpha\nbeta"
        await page.press("down", "down", "down")  # through both lines
        assert page.line.prompt == "a draft"
    async with complete_page(checkpoints, tmp_path) as page:
        await page.press("up")
        assert page.line.prompt == "gamma"


async def test_a_prompt_of_many_lines_is_edited_scrolls_and_leaves_room(checkpoints: Path, tmp_path: Path) -> None:
    lines = [f"line {number}" for number in range(30)]
    async with complete_page(checkpoints, tmp_path, size=(80, 24)) as page:
        assert page.line.size.height == 1
        page.app.post_message(Paste("\n".join(lines)))
        await page.until(lambda: page.line.prompt == "\n".join(lines), "the lines")
        await page.until(lambda: "line 29" in seen(page.app), "the last line")
        assert page.line.size.height == 6
        assert page.panel.size.height >= 3
        await page.press("up", "up", "home", *"X ", "ctrl+home")
        assert page.line.prompt.split("\n")[27] == "X line 27"
        await page.press(*["up"] * 27)
        await page.until(lambda: "line 0" in seen(page.app), "the first line")
        assert page.line.cursor_location[0] == 0
        await page.press("end", "ctrl+j", *"new", "enter")
        await page.until(page.done)
        assert page.panel.request is not None
        assert page.panel.request.prompt.split("\n")[:3] == ["line 0", "new", "line 1"]


async def test_all_lines_of_a_pasted_text_arrive(checkpoints: Path, tmp_path: Path) -> None:
    async with complete_page(checkpoints, tmp_path) as page:
        page.app.post_message(Paste("def f():\r\n\treturn '\\n'"))
        await page.pilot.pause()
        assert page.line.prompt == "def f():\n\treturn '\\n'"


async def test_who_comes_back_can_type_and_who_closes_a_dialog_is_where_they_were(
    checkpoints: Path, tmp_path: Path
) -> None:
    async with complete_page(checkpoints, tmp_path) as page:
        await page.press(*"alpha", "escape")
        await page.press("question_mark")
        await page.until(lambda: isinstance(page.app.screen, Message))
        await page.press("escape")
        await page.until(lambda: isinstance(page.app.screen, CompleteScreen))
        await page.until(lambda: page.focuses(page.panel.text))
        await page.press("r")
        await page.until(lambda: page.app.current_mode == "runs")
        await page.press("c")
        await page.until(lambda: isinstance(page.app.focused, PromptArea))


async def test_escape_leaves_the_prompt_and_slash_goes_back(checkpoints: Path, tmp_path: Path) -> None:
    async with complete_page(checkpoints, tmp_path) as page:
        await page.press("escape")
        assert page.focuses(page.panel.text)
        for key in ("slash",):
            await page.press(key)
            assert page.focuses(page.line)
            assert page.line.prompt == ""
            await page.press("escape")


@pytest.mark.parametrize("size", [(60, 15), (80, 24)], ids=str)
async def test_where_a_prompt_is_typed_help_and_the_way_out_are_named(
    checkpoints: Path, tmp_path: Path, size: tuple[int, int]
) -> None:
    async with complete_page(checkpoints, tmp_path, size) as page:

        def shown() -> str:
            return str(page.screen.query_one(Hints).render())

        await page.until(lambda: "⏎ complete  ^j new line  esc back  " in shown() and "F1 help" in shown())
        await page.press("escape", "a")
        await page.until(lambda: isinstance(page.app.focused, SamplingField))
        await page.until(lambda: "⏎ complete with it  esc back  " in shown() and "F1 help" in shown())
        await page.press("escape")
        await page.until(lambda: "? help" in shown())
