"""Complete reads files before the prompt."""

from __future__ import annotations

from pathlib import Path

from textual.widgets import Static

from slmtui.console.dialogs.input import SelectDialog
from slmtui.console.dialogs.source import PathInput, SourceDialog, SourceOptions
from slmtui.console.screens.complete.completion_worker import read_model
from slmtui.inference.batch import Sampling
from slmtui.inference.generation import complete
from slmtui.inference.streaming import Settings
from tests.console.screen_text import toasts
from tests.console.screens.complete.page import CompletePage, complete_page


async def choose(page: CompletePage, path: Path) -> None:
    await page.until(lambda: isinstance(page.app.screen, SourceDialog), "the dialog")
    page.app.screen.query_one(PathInput).value = str(path)
    await page.press("enter")


def read_first(page: CompletePage) -> str:
    line = page.screen.query_one("#context", Static)
    return str(line.render()) if line.display else ""


async def test_a_completion_goes_on_from_a_file_and_the_prompt(checkpoints: Path, tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("beta gamma beta gamma ")
    async with complete_page(checkpoints, tmp_path) as page:
        await page.complete("alpha")
        without = page.panel.completion
        await page.press("escape", "b")
        await choose(page, notes)
        await page.until(lambda: read_first(page) == f"reads first: {notes}", "the line above the prompt")
        await page.complete("alpha")
        saved, settings = read_model(page.panel.model), Settings()
        sampling = Sampling(settings.temperature, settings.top_k, settings.top_p)
        expected = complete(
            saved.model, saved.tokenizer, "alpha", settings.tokens, sampling, settings.seed, before=[notes.read_text()]
        )
        assert page.panel.completion == "".join(expected) != without
        notes.write_text("delta ")  # as it is when the completion begins
        before = page.panel.completion
        await page.complete("alpha")
        assert page.panel.completion != before
        await page.press("escape", "b")
        await page.until(lambda: isinstance(page.app.screen, SelectDialog))
        await page.press("j", "enter")
        await page.until(lambda: read_first(page) == "", "that the file is forgotten")
        await page.complete("alpha")
        assert page.panel.completion == without


async def test_a_folder_is_listed_and_a_file_that_is_gone_is_named(checkpoints: Path, tmp_path: Path) -> None:
    folder = tmp_path / "some"
    folder.mkdir()
    (folder / "one.txt").write_text("alpha beta")
    async with complete_page(checkpoints, tmp_path) as page:
        await page.press("escape", "b")
        await choose(page, folder)
        dialog = page.app.screen
        assert isinstance(dialog, SourceDialog)
        listed = dialog.query_one(SourceOptions)
        await page.until(lambda: "one.txt" in str([option.prompt for option in listed.options]), "the list")
        assert "a folder: choose a file in it" in str(dialog.query_one("#wrong", Static).render())
        await page.press("j", "enter")
        await page.until(lambda: "one.txt" in read_first(page), "the file that was chosen")
        (folder / "one.txt").unlink()
        page.line.put("alpha")
        page.line.focus()
        await page.press("enter")
        await page.until(lambda: "one.txt: no such file; b forgets it" in toasts(page.app)[-1])
        assert page.panel.request is None
