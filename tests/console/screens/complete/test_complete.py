"""The Complete screen key by key: prompts, settings, tokens, and the same text as `slmtui complete` writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from textual.widgets import Input, Static

from slmtui.cli import main
from slmtui.console.dialogs.input import InputDialog
from slmtui.console.dialogs.question import Message
from slmtui.console.screens.complete.alternatives import Alternatives
from slmtui.console.screens.complete.sampling_fields import SamplingField
from slmtui.inference.sample_set import read_prompts
from slmtui.inference.streaming import Choice, Token
from slmtui.output import visible
from tests.console.screen_text import toasts
from tests.console.screens.complete.page import complete_page


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
    async with complete_page(checkpoints, tmp_path) as page:
        best = checkpoints / "tiny-002" / "best.pt"
        page.screen.show_models([best, checkpoints / "tiny-001" / "best.pt"])
        await page.press(*"alpha", "enter")
        await page.until(page.done)
        first, other = (panel.completion for panel in page.screen.panels)
        assert first != other
        copy = tmp_path / "copy.pt"
        copy.write_bytes(best.read_bytes())
        page.screen.show_models([best, copy])  # the copy completes what was completed last
        await page.until(page.done)
        assert [panel.completion for panel in page.screen.panels] == [first, first]
        assert page.screen.panels[0].count == 60
    assert first == from_the_command_line(capsys, str(best), "alpha")


async def test_the_settings_are_those_of_the_command_line(
    checkpoints: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with complete_page(checkpoints, tmp_path) as page:
        for name, value in {"temperature": "1.5", "top_k": "off", "top_p": "0.7", "seed": "7", "tokens": "20"}.items():
            await page.set(name, value)
        await page.complete("alpha")
        text = page.panel.completion
    options = ["--temperature", "1.5", "--top-k", "0", "--top-p", "0.7", "--seed", "7", "--tokens", "20"]
    assert text == from_the_command_line(capsys, str(checkpoints / "tiny-002" / "best.pt"), "alpha", *options)
    async with complete_page(checkpoints, tmp_path) as page:  # and they are remembered
        assert [field.value for field in page.screen.query(SamplingField)] == ["1.5", "off", "0.7", "7", "20"]


async def test_a_wrong_setting_is_said_at_once_and_nothing_is_completed(checkpoints: Path, tmp_path: Path) -> None:
    async with complete_page(checkpoints, tmp_path) as page:
        await page.press("escape", "a", *"warm")
        problem = page.screen.query_one(".problem", Static)
        assert problem.display
        assert "temperature: warm is not a number from 0 to 100" in str(problem.render())
        page.line.put("alpha")
        await page.press("enter")
        await page.pilot.pause()
        assert page.panel.request is None
        assert page.app.focused.id == "set-temperature"
        await page.set("temperature", "0.5")
        assert not problem.display
        await page.press("enter")  # in the field: completes with it
        await page.until(page.done)
        assert page.panel.request is not None
        assert page.panel.request.settings.temperature == 0.5


async def test_a_completion_is_extended_and_becomes_the_prompt_to_go_on_from(checkpoints: Path, tmp_path: Path) -> None:
    async with complete_page(checkpoints, tmp_path) as page:
        await page.set("tokens", "6")
        await page.complete("alpha")
        first = page.panel.completion
        await page.press("escape", "m")
        await page.until(lambda: page.done() and page.panel.count == 12, "six more tokens")
        assert page.panel.completion.startswith(first)
        await page.press("m")
        await page.until(lambda: page.done() and page.panel.count == 18, "another six")
        whole = page.panel.completion
        assert whole.startswith(first)
        await page.press("e")
        assert page.focuses(page.line)
        assert page.line.prompt == "alpha" + whole
        await page.press("backspace", "enter")
        await page.until(
            lambda: getattr(page.panel.request, "prompt", "") == ("alpha" + whole)[:-1] and page.done(),
            "what was edited",
        )


async def test_a_prompt_is_compared_at_several_temperatures_one_below_the_other(
    checkpoints: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with complete_page(checkpoints, tmp_path) as page:
        await page.set("tokens", "5")
        page.line.put("alpha")
        await page.press("escape", "v")
        await page.until(lambda: isinstance(page.app.screen, InputDialog), "the question")
        await page.press(*"0 x", "enter")
        assert isinstance(page.app.screen, InputDialog)
        page.app.screen.query_one(Input).value = "1.5 0"
        await page.press("enter")
        await page.until(lambda: len(page.panel.text.earlier) == 1 and page.done(), "both completions")
        assert page.panel.request is not None
        assert page.panel.request.settings.temperature == 0  # the lowest stands above
        assert "at temperature 0, seed 42" in page.status()
        (below,) = page.panel.text.earlier
        assert below.words == "at temperature 1.5, seed 42"
        texts = {"0": page.panel.completion, "1.5": below.text.removeprefix("alpha")}
    options = ["--tokens", "5", "--top-k", "40", "--top-p", "1"]
    model = str(checkpoints / "tiny-002" / "best.pt")
    for temperature, text in texts.items():
        assert text == from_the_command_line(capsys, model, "alpha", "--temperature", temperature, *options)
    async with complete_page(checkpoints, tmp_path) as page:
        page.line.put("alpha")
        await page.press("escape", "v")
        await page.until(lambda: isinstance(page.app.screen, InputDialog), "the question")
        assert page.app.screen.query_one(Input).value == "1.5 0"  # remembered


async def test_a_completion_is_saved_in_a_sample_set(
    checkpoints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    async with complete_page(checkpoints, tmp_path) as page:
        await page.press("escape", "ctrl+s")
        assert "no completion yet" in toasts(page.app)[-1]
        await page.complete("alpha")
        for name, said in (("nowhere/set.jsonl", "cannot be written"), ("set.jsonl", "saved in ~/set.jsonl")):
            await page.press("ctrl+s")
            await page.until(lambda: isinstance(page.app.screen, InputDialog), "the question")
            page.app.screen.query_one(Input).value = f" ~/{name} "
            await page.press("enter")
            await page.until(lambda said=said: said in toasts(page.app)[-1], said)
        (line,) = (tmp_path / "set.jsonl").read_text().splitlines()
        assert json.loads(line)["text"] == page.panel.completion
    assert read_prompts(tmp_path / "set.jsonl") == ["alpha"]


async def test_a_window_that_changes_its_size_behind_a_dialog_is_drawn_anew(checkpoints: Path, tmp_path: Path) -> None:
    async with complete_page(checkpoints, tmp_path) as page:
        await page.complete("alpha")
        await page.press("escape", "question_mark")
        await page.until(lambda: isinstance(page.app.screen, Message))
        await page.pilot.resize_terminal(110, 34)
        complete = page.app.screen_stack[0]
        await page.until(lambda: complete.size.width == 110)
        await page.pilot.pause(0.2)
        await page.press("escape")
        await page.until(lambda: "before, at" not in page.panel.completion and page.app.screen is complete)


@pytest.mark.parametrize("keys", [("n",), ("slash", "ctrl+n")])
async def test_a_new_seed_completes_again(checkpoints: Path, tmp_path: Path, keys: tuple[str, ...]) -> None:
    async with complete_page(checkpoints, tmp_path) as page:
        await page.complete("alpha")
        before = page.panel.completion
        await page.press("escape", *keys)
        await page.until(lambda: page.done() and page.panel.completion != before, "another completion")
        assert page.panel.request is not None
        assert str(page.panel.request.settings.seed) == page.screen.query_one("#set-seed", SamplingField).value != "42"


async def test_what_was_completed_before_stays_below(checkpoints: Path, tmp_path: Path) -> None:
    async with complete_page(checkpoints, tmp_path) as page:
        await page.complete("alpha")
        before = page.panel.completion
        await page.press("escape", "n")
        await page.until(lambda: page.done() and page.panel.completion != before, "another completion")
        rows = [strip.text.rstrip() for strip in map(page.panel.text.render_line, range(page.panel.text.size.height))]
        head = next(place for place, row in enumerate(rows) if "before, at temperature 0.8, seed 42" in row)
        assert head > len(page.panel.text.lines.lines)
        assert "".join(rows[head + 1 :]).startswith(visible("alpha" + before[:10]))
        await page.press("home")
        assert page.panel.text.cursor == 0


async def test_the_cursor_goes_from_token_to_token(checkpoints: Path, tmp_path: Path) -> None:
    async with complete_page(checkpoints, tmp_path) as page:
        await page.complete("alpha")
        await page.press("escape")
        places = []
        for key in ("right", "l", "l", "left", "h", "G", "right", "g", "left", "end", "home"):
            await page.press(key)
            places.append(page.panel.cursor)
        assert places == [1, 2, 3, 2, 1, 59, 59, 0, 0, 59, 0]
        await page.press("l", "l")
        choice = page.panel.tokens[2].choice
        title = str(page.screen.query_one(Alternatives).border_title)
        assert title.startswith("token 3 of 60: “")
        assert f"p = {choice.p:.3f}" in title
        origin = str(page.screen.query_one(Alternatives).border_subtitle)
        assert origin == f"network {choice.p:.3f}", "all that this model has"


async def test_an_alternative_is_taken_and_gone_on_from(checkpoints: Path, tmp_path: Path) -> None:
    async with complete_page(checkpoints, tmp_path) as page:
        await page.complete("alpha")
        await page.press("escape", "l", "l", "l")
        before = list(page.panel.tokens)
        own = page.panel.picked
        await page.press(*["k", "up"] * 5)
        assert page.panel.picked == 0
        await page.press(*["j", "down"] * 5)
        assert page.panel.picked == len(before[3].choices) - 1
        await page.press(*["k"] * 9)
        if own == 0:
            await page.press("j")
        taken = before[3].choices[page.panel.picked]
        await page.press("enter")
        await page.until(page.done)
        after = list(page.panel.tokens)
        assert [t.id for t in after[:4]] == [t.id for t in before[:3]] + [taken.id]
        assert len(after) == 60
        assert after[3].choices == before[3].choices
        assert page.panel.cursor == 3
        assert page.panel.picked == after[3].choices.index(taken)


async def test_a_click_puts_the_cursor_on_a_token(checkpoints: Path, tmp_path: Path) -> None:
    async with complete_page(checkpoints, tmp_path) as page:
        await page.complete("alpha")
        place = next(n for n, t in enumerate(page.panel.tokens) if n > 3 and t.text.strip())
        y = page.panel.text.lines.line_of[place]
        x = next(x for x in range(200) if page.panel.text.lines.token_at(x, y) == place)
        assert await page.pilot.click(page.panel.text, offset=(x, y - page.panel.text.scroll_offset.y))
        assert page.panel.cursor == place


async def test_the_completion_is_copied(checkpoints: Path, tmp_path: Path) -> None:
    async with complete_page(checkpoints, tmp_path) as page:
        await page.press("escape", "y")
        assert page.app.clipboard == ""
        await page.complete("alpha")
        await page.press("escape", "y")
        assert page.app.clipboard == visible(page.panel.completion)


async def test_escape_stops_a_long_completion(checkpoints: Path, tmp_path: Path) -> None:
    async with complete_page(checkpoints, tmp_path) as page:
        await page.set("tokens", "10000")
        await page.press(*"alpha", "enter")
        await page.until(lambda: page.panel.count > 5, "some tokens")
        assert page.panel.busy
        await page.press("escape")
        assert not page.panel.busy
        count = page.panel.count
        assert page.status() == f"stopped after {count} tokens"
        assert page.focuses(page.line)  # it was for the completion
        await page.pilot.pause(0.4)
        assert page.panel.count == count < 10_000


async def test_few_colours_have_other_marks(checkpoints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with complete_page(checkpoints, tmp_path) as page:
        await page.complete("alpha")
        page.panel.go_to(59)
        styles = [segment.style for y in range(3) for segment in page.panel.text.render_line(y) if segment.style]
        assert any(style.bold for style in styles)
        assert "bold < 0.2" in str(page.screen.query_one(Alternatives).render())


async def test_the_help_lists_the_keys(checkpoints: Path, tmp_path: Path) -> None:
    async with complete_page(checkpoints, tmp_path) as page:
        await page.complete("alpha")
        await page.press("escape", "question_mark")
        help_shown = page.app.screen
        assert isinstance(help_shown, Message)
        for words in ("type a prompt", "new seed", "choose the models", "clipboard", "take the alternative"):
            assert words in help_shown.text


async def test_alternatives_that_are_few_are_shown_once_each(checkpoints: Path, tmp_path: Path) -> None:
    """As of a token that goes on with a word of the prompt; of more than fit, the one that is picked is seen."""
    async with complete_page(checkpoints, tmp_path) as page:
        shown = page.screen.query_one(Alternatives)
        rows = shown.size.height - 1
        for n in (1, 2, rows - 1, rows, rows + 1, rows + 5):
            choices = tuple(Choice(i, f"word{i}.", 0.9 / (i + 1), i + 1) for i in range(n))
            for picked in {0, n - 1}:
                shown.show(0, 1, Token(0, "word0.", choices), picked)
                lines = str(shown.render()).splitlines()[:rows]
                words = [line[2:].split()[0] for line in lines if line.strip()]
                assert len(words) == len(set(words)) == min(n, rows)
                assert next(line for line in lines if line.startswith("▸"))[2:].split()[0] == f"word{picked}."
