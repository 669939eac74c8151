"""The Complete screen key by key: prompts, settings, tokens, and the same text as `slmtui complete` writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from textual.events import Paste
from textual.widgets import Static

from slmtui.cli import main
from slmtui.console.dialogs.question import Message
from slmtui.console.screens.complete.alternatives import Alternatives
from slmtui.console.screens.complete.prompt_line import PromptLine
from slmtui.console.screens.complete.sampling_fields import SamplingField
from slmtui.console.screens.complete.screen import CompleteScreen
from slmtui.output import visible
from tests.console.screen_text import toasts
from tests.console.screens.complete.talk import talking


def from_the_command_line(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What `slmtui complete --json` writes."""
    capsys.readouterr()
    assert main(["complete", *arguments, "--json"]) == 0
    text = json.loads(capsys.readouterr().out)["text"]
    assert isinstance(text, str)
    return text


async def test_a_completion_is_that_of_the_command_line_and_the_same_twice(
    checkpoints: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with talking(checkpoints, tmp_path) as talk:
        best = checkpoints / "tiny-002" / "best.pt"
        talk.screen.show_checkpoints([best, checkpoints / "tiny-001" / "best.pt"])
        await talk.press(*"alpha", "enter")
        await talk.until(talk.done)
        first, other = (panel.completion for panel in talk.screen.panels)
        assert first != other
        copy = tmp_path / "copy.pt"
        copy.write_bytes(best.read_bytes())
        talk.screen.show_checkpoints([best, copy])  # the copy completes what was completed last
        await talk.until(talk.done)
        assert [panel.completion for panel in talk.screen.panels] == [first, first]
        assert talk.screen.panels[0].count == 60
    assert first == from_the_command_line(capsys, str(best), "alpha")


async def test_the_settings_are_those_of_the_command_line(
    checkpoints: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with talking(checkpoints, tmp_path) as talk:
        for name, value in {"temperature": "1.5", "top_k": "off", "top_p": "0.7", "seed": "7", "tokens": "20"}.items():
            await talk.set(name, value)
        await talk.complete("alpha")
        text = talk.panel.completion
    options = ["--temperature", "1.5", "--top-k", "0", "--top-p", "0.7", "--seed", "7", "--tokens", "20"]
    assert text == from_the_command_line(capsys, str(checkpoints / "tiny-002" / "best.pt"), "alpha", *options)
    async with talking(checkpoints, tmp_path) as talk:  # and they are remembered
        assert [field.value for field in talk.screen.query(SamplingField)] == ["1.5", "off", "0.7", "7", "20"]


async def test_a_wrong_setting_is_said_at_once_and_nothing_is_completed(checkpoints: Path, tmp_path: Path) -> None:
    async with talking(checkpoints, tmp_path) as talk:
        await talk.press("escape", "s", *"warm")
        problem = talk.screen.query_one(".problem", Static)
        assert problem.display
        assert "temperature: warm is not a number from 0 to 100" in str(problem.render())
        talk.line.value = "alpha"
        await talk.press("enter")
        await talk.pilot.pause()
        assert talk.panel.request is None
        assert talk.app.focused.id == "set-temperature"
        await talk.set("temperature", "0.5")
        assert not problem.display
        await talk.press("enter")  # in the field: completes with it
        await talk.until(talk.done)
        assert talk.panel.request is not None
        assert talk.panel.request.settings.temperature == 0.5


async def test_an_empty_prompt_is_not_completed(checkpoints: Path, tmp_path: Path) -> None:
    async with talking(checkpoints, tmp_path) as talk:
        await talk.press("enter")
        await talk.pilot.pause()
        assert talk.panel.request is None
        assert toasts(talk.app) == ["a completion has to begin with something: type a prompt"]


async def test_prompts_are_kept_and_come_back(checkpoints: Path, tmp_path: Path) -> None:
    async with talking(checkpoints, tmp_path) as talk:
        await talk.press(*"alpha", "ctrl+j", *"beta", "enter")
        assert talk.panel.request is not None
        assert talk.panel.request.prompt == "alpha\nbeta"
        await talk.complete("gamma")
        talk.line.value = "a draft"
        await talk.press("up")
        assert talk.line.value == "gamma"
        await talk.press("up", "up")
        assert talk.line.value == "alpha\\nbeta"
        await talk.press("down", "down")
        assert talk.line.value == "a draft"
    async with talking(checkpoints, tmp_path) as talk:
        await talk.press("up")
        assert talk.line.value == "gamma"


async def test_all_lines_of_a_pasted_text_arrive(checkpoints: Path, tmp_path: Path) -> None:
    async with talking(checkpoints, tmp_path) as talk:
        talk.line.post_message(Paste("def f():\r\n\treturn '\\n'"))
        await talk.pilot.pause()
        assert talk.line.prompt == "def f():\n\treturn '\\n'"


async def test_who_comes_back_can_type_and_who_closes_a_dialog_is_where_they_were(
    checkpoints: Path, tmp_path: Path
) -> None:
    async with talking(checkpoints, tmp_path) as talk:
        await talk.press(*"alpha", "escape")
        await talk.press("question_mark")
        await talk.until(lambda: isinstance(talk.app.screen, Message))
        await talk.press("escape")
        await talk.until(lambda: isinstance(talk.app.screen, CompleteScreen))
        await talk.until(lambda: talk.focuses(talk.panel.text))
        await talk.press("r")
        await talk.until(lambda: talk.app.current_mode == "runs")
        await talk.press("c")
        await talk.until(lambda: isinstance(talk.app.focused, PromptLine))


async def test_escape_leaves_the_prompt_and_slash_goes_back(checkpoints: Path, tmp_path: Path) -> None:
    async with talking(checkpoints, tmp_path) as talk:
        await talk.press("escape")
        assert talk.focuses(talk.panel.text)
        for key in ("slash", "i"):
            await talk.press(key)
            assert talk.focuses(talk.line)
            assert talk.line.value == ""
            await talk.press("escape")


@pytest.mark.parametrize("keys", [("n",), ("slash", "ctrl+n")])
async def test_a_new_seed_completes_again(checkpoints: Path, tmp_path: Path, keys: tuple[str, ...]) -> None:
    async with talking(checkpoints, tmp_path) as talk:
        await talk.complete("alpha")
        before = talk.panel.completion
        await talk.press("escape", *keys)
        await talk.until(lambda: talk.done() and talk.panel.completion != before, "another completion")
        assert talk.panel.request is not None
        assert str(talk.panel.request.settings.seed) == talk.screen.query_one("#set-seed", SamplingField).value != "42"


async def test_what_was_completed_before_stays_below(checkpoints: Path, tmp_path: Path) -> None:
    async with talking(checkpoints, tmp_path) as talk:
        await talk.complete("alpha")
        before = talk.panel.completion
        await talk.press("escape", "n")
        await talk.until(lambda: talk.done() and talk.panel.completion != before, "another completion")
        rows = [strip.text.rstrip() for strip in map(talk.panel.text.render_line, range(talk.panel.text.size.height))]
        head = next(place for place, row in enumerate(rows) if "before, at temperature 0.8, seed 42" in row)
        assert head > len(talk.panel.text.lines.lines)
        assert "".join(rows[head + 1 :]).startswith(visible("alpha" + before[:10]))
        await talk.press("home")
        assert talk.panel.text.cursor == 0


async def test_the_cursor_goes_from_token_to_token(checkpoints: Path, tmp_path: Path) -> None:
    async with talking(checkpoints, tmp_path) as talk:
        await talk.complete("alpha")
        await talk.press("escape")
        places = []
        for key in ("right", "l", "l", "left", "h", "G", "right", "g", "left", "end", "home"):
            await talk.press(key)
            places.append(talk.panel.cursor)
        assert places == [1, 2, 3, 2, 1, 59, 59, 0, 0, 59, 0]
        await talk.press("l", "l")
        choice = talk.panel.tokens[2].choice
        title = str(talk.screen.query_one(Alternatives).border_title)
        assert title.startswith("token 3 of 60: “")
        assert f"p = {choice.p:.3f}" in title


async def test_an_alternative_is_taken_and_gone_on_from(checkpoints: Path, tmp_path: Path) -> None:
    async with talking(checkpoints, tmp_path) as talk:
        await talk.complete("alpha")
        await talk.press("escape", "l", "l", "l")
        before = list(talk.panel.tokens)
        own = talk.panel.picked
        await talk.press(*["k", "up"] * 5)
        assert talk.panel.picked == 0
        await talk.press(*["j", "down"] * 5)
        assert talk.panel.picked == len(before[3].choices) - 1
        await talk.press(*["k"] * 9)
        if own == 0:
            await talk.press("j")
        taken = before[3].choices[talk.panel.picked]
        await talk.press("enter")
        await talk.until(talk.done)
        after = list(talk.panel.tokens)
        assert [t.id for t in after[:4]] == [t.id for t in before[:3]] + [taken.id]
        assert len(after) == 60
        assert after[3].choices == before[3].choices
        assert talk.panel.cursor == 3
        assert talk.panel.picked == after[3].choices.index(taken)


async def test_a_click_puts_the_cursor_on_a_token(checkpoints: Path, tmp_path: Path) -> None:
    async with talking(checkpoints, tmp_path) as talk:
        await talk.complete("alpha")
        place = next(n for n, t in enumerate(talk.panel.tokens) if n > 3 and t.text.strip())
        y = talk.panel.text.lines.line_of[place]
        x = next(x for x in range(200) if talk.panel.text.lines.token_at(x, y) == place)
        assert await talk.pilot.click(talk.panel.text, offset=(x, y - talk.panel.text.scroll_offset.y))
        assert talk.panel.cursor == place


async def test_the_completion_is_copied(checkpoints: Path, tmp_path: Path) -> None:
    async with talking(checkpoints, tmp_path) as talk:
        await talk.press("escape", "y")
        assert talk.app.clipboard == ""
        await talk.complete("alpha")
        await talk.press("escape", "y")
        assert talk.app.clipboard == visible(talk.panel.completion)


async def test_escape_stops_a_long_completion(checkpoints: Path, tmp_path: Path) -> None:
    async with talking(checkpoints, tmp_path) as talk:
        await talk.set("tokens", "10000")
        await talk.press(*"alpha", "enter")
        await talk.until(lambda: talk.panel.count > 5, "some tokens")
        assert talk.panel.busy
        await talk.press("escape")
        assert not talk.panel.busy
        count = talk.panel.count
        assert talk.status() == f"stopped after {count} tokens"
        assert talk.focuses(talk.line)  # it was for the completion
        await talk.pilot.pause(0.4)
        assert talk.panel.count == count < 10_000


async def test_few_colours_have_other_marks(checkpoints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with talking(checkpoints, tmp_path) as talk:
        await talk.complete("alpha")
        talk.panel.go_to(59)
        styles = [segment.style for y in range(3) for segment in talk.panel.text.render_line(y) if segment.style]
        assert any(style.bold for style in styles)
        assert "bold < 0.2" in str(talk.screen.query_one(Alternatives).render())


async def test_the_help_lists_the_keys(checkpoints: Path, tmp_path: Path) -> None:
    async with talking(checkpoints, tmp_path) as talk:
        await talk.press("escape", "question_mark")
        help_shown = talk.app.screen
        assert isinstance(help_shown, Message)
        for words in ("type a prompt", "new seed", "choose the checkpoints", "clipboard", "put the alternative"):
            assert words in help_shown.text
