"""The Complete screen and its checkpoints: which ones, side by side, damaged, newer, of a run in training."""

from __future__ import annotations

import shutil
from pathlib import Path

from textual.coordinate import Coordinate
from textual.widgets import DataTable, Static

from slmtui.console.screens.complete.alternatives import Alternatives
from slmtui.console.screens.complete.completion_panel import CompletionPanel
from slmtui.console.screens.complete.screen import CompleteScreen
from slmtui.console.screens.runs.screen import RunsScreen
from slmtui.inference.batch import Sampling
from slmtui.inference.generation import complete
from slmtui.runs.control import send
from slmtui.runs.ensemble import load_models
from slmtui.runs.run import Run, all_runs
from slmtui.training import events
from slmtui.training.control import Command
from tests.console.screen_text import toasts
from tests.console.screens.complete.page import CompletePage, complete_page
from tests.console.tiny_runs import console, tiny_phase, train_tiny, write_corpus
from tests.patience import until


async def test_without_runs_it_says_what_to_do_and_notices_the_first_one(tmp_path: Path) -> None:
    app = console(tmp_path / "checkpoints", tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, CompleteScreen))
        nothing = app.screen.query_one("#nothing", Static)
        await until(pilot, lambda: nothing.display, "the empty state")
        assert "There is no model to talk to yet" in str(nothing.render())
        assert not app.screen.query_one("#completions").display
        await pilot.press("enter", "n", "o", "y", "f", "s", "slash", "escape")  # nothing to act on
        assert isinstance(app.screen, CompleteScreen)
        run = train_tiny(tmp_path / "checkpoints", tiny_phase(write_corpus(tmp_path / "corpus")))
        await until(pilot, lambda: app.screen.query_one("#completions").display, "the panel")
        assert [panel.model for panel in app.screen.query(CompletionPanel)] == [run.best_file]


async def test_it_begins_with_the_best_checkpoint_of_the_newest_run(checkpoints: Path, tmp_path: Path) -> None:
    async with complete_page(checkpoints, tmp_path) as page:
        assert [panel.model for panel in page.screen.panels] == [checkpoints / "tiny-002" / "best.pt"]
        await page.until(lambda: "step" in str(page.panel.border_title))
        assert str(page.panel.border_title).startswith("tiny-002 best · step 4 · val ")


async def test_it_talks_to_the_run_that_is_watched(checkpoints: Path, tmp_path: Path) -> None:
    async with complete_page(checkpoints, tmp_path) as page:
        page.app.watched = Run(checkpoints / "tiny-001")
        await page.press("escape", "r")
        await page.app.action_switch_mode("complete")
        await page.until(lambda: [p.model for p in page.screen.panels] == [checkpoints / "tiny-001" / "best.pt"])


async def test_it_talks_to_the_run_that_was_asked_for_whatever_was_chosen(checkpoints: Path, tmp_path: Path) -> None:
    first, second = Run(checkpoints / "tiny-001"), Run(checkpoints / "tiny-002")
    async with complete_page(checkpoints, tmp_path) as page:
        page.app.watched = first
        await page.press("escape", "o")
        await page.chooser()
        await page.press("enter")
        await page.until(lambda: isinstance(page.app.screen, CompleteScreen) and len(page.screen.panels) == 2)
        page.screen.show_models([second.best_file])
        for prompt in ("alpha", "beta"):
            page.app.switch_mode("runs")
            await page.until(lambda: isinstance(page.app.screen, RunsScreen))
            page.app.talk(first, prompt)
            await page.until(lambda: isinstance(page.app.screen, CompleteScreen))
            await page.until(lambda prompt=prompt: page.screen.request and page.screen.request.prompt == prompt)
            assert [panel.model for panel in page.screen.panels] == [first.best_file, second.best_file]
            assert page.panel.model == first.best_file
            page.screen._go_to(1)


async def test_there_is_nothing_to_choose_once_all_checkpoints_are_gone(checkpoints: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(checkpoints, tmp_path / "checkpoints")
    async with complete_page(copied, tmp_path) as page:
        shutil.rmtree(copied)
        await page.press("escape", "o", "enter")
        await page.until(lambda: "all checkpoints are gone by now" in toasts(page.app))
        assert isinstance(page.app.screen, CompleteScreen)


async def test_checkpoints_are_chosen_from_a_list(checkpoints: Path, tmp_path: Path) -> None:
    async with complete_page(checkpoints, tmp_path) as page:
        await page.complete("alpha")
        kept = page.panel
        await page.press("escape", "o")
        table = (await page.chooser()).query_one(DataTable)
        await page.until(lambda: str(table.get_cell_at(Coordinate(3, 4))) not in ("", "unreadable"))
        rows = [[str(cell) for cell in table.get_row_at(row)] for row in range(4)]
        assert [row[1:4] for row in rows] == [
            ["tiny-002", "best.pt", "4"], ["tiny-002", "last.pt", "4"],
            ["tiny-001", "best.pt", "4"], ["tiny-001", "last.pt", "4"],
        ]  # fmt: skip
        await page.press("space", "G", "space", "k", "g", "j", "enter")
        await page.until(lambda: isinstance(page.app.screen, CompleteScreen) and page.done(), "both completions")
        assert [panel.name_shown for panel in page.screen.panels] == ["tiny-002 best", "tiny-001 last"]
        assert page.screen.panels[0] is kept
        assert all(panel.display for panel in page.screen.panels)
        assert {panel.request for panel in page.screen.panels} == {kept.request}
        await page.press("slash", "ctrl+o")
        await page.chooser()
        await page.press("j", "enter")  # from the prompt; without marks, the row under the cursor
        await page.until(lambda: len(page.screen.panels) == 1)
        assert page.panel.name_shown == "tiny-002 last"
        await page.press("ctrl+o", "escape")
        assert page.panel.name_shown == "tiny-002 last"


async def test_the_seeds_of_a_cell_complete_together(tmp_path: Path) -> None:
    corpus, checkpoints = write_corpus(tmp_path / "corpus"), tmp_path / "checkpoints"
    for seed in (1, 2):
        train_tiny(checkpoints, tiny_phase(corpus, "s.01", study="s", seed=seed))
    async with complete_page(checkpoints, tmp_path) as page:
        await page.press("escape", "o")
        table = (await page.chooser()).query_one(DataTable)
        rows = [[str(cell) for cell in table.get_row_at(row)] for row in range(table.row_count)]
        assert [row[1:3] for row in rows] == [
            ["s/01", "2 seeds"], ["s.01-002", "best.pt"], ["s.01-002", "last.pt"],
            ["s.01-001", "best.pt"], ["s.01-001", "last.pt"],
        ]  # fmt: skip
        await page.press("g", "enter")
        await page.until(lambda: [panel.name_shown for panel in page.screen.panels] == ["s/01"], "the cell")
        await page.until(lambda: "2 networks together" in str(page.panel.border_title), "what it is")
        await page.set("temperature", "0")
        await page.complete("alpha")
        saved = load_models([run.best_file for run in all_runs(checkpoints)])
        expected = complete(saved.model, saved.tokenizer, "alpha", page.panel.count, Sampling(temperature=0.0), 0)
        assert page.panel.completion == "".join(expected)


async def test_no_more_checkpoints_are_marked_than_fit(checkpoints: Path, tmp_path: Path) -> None:
    extra = checkpoints / "extra.pt"
    extra.write_bytes((checkpoints / "tiny-001" / "best.pt").read_bytes())
    try:
        async with complete_page(checkpoints, tmp_path, (160, 40)) as page:
            await page.press("ctrl+o")
            await page.chooser()
            await page.press(*["space"] * 5, "enter")
            await page.until(lambda: len(page.screen.panels) == 4)
            assert page.screen.panels[-1].name_shown == "tiny-001 last"
            await page.press("ctrl+o")
            await page.chooser()
            await page.press("G", "enter")
            await page.until(lambda: [panel.name_shown for panel in page.screen.panels] == ["extra.pt"])
            await page.press("escape", "V")
            await page.until(lambda: "extra.pt is of no run, and only runs are served" in "\n".join(toasts(page.app)))
            assert isinstance(page.app.screen, CompleteScreen)
    finally:
        extra.unlink()


async def test_narrow_terminals_show_one_panel_at_a_time(checkpoints: Path, tmp_path: Path) -> None:
    async with complete_page(checkpoints, tmp_path, (80, 24)) as page:
        page.screen.show_models([checkpoints / "tiny-002" / "best.pt", checkpoints / "tiny-001" / "best.pt"])
        await page.complete("alpha")
        first, second = page.screen.panels
        tabs = page.screen.query_one("#panel-tabs", Static)
        assert (first.display, second.display, tabs.display) == (True, False, True)
        assert "▌1 tiny-002 best▐" in str(tabs.render())
        await page.press("ctrl+t")
        assert (first.display, second.display) == (False, True)
        assert page.focuses(page.line)
        await page.press("escape")
        assert page.focuses(second.text)
        await page.press("left_square_bracket")
        assert page.focuses(first.text)
        await page.press("right_square_bracket")
        assert page.focuses(second.text)
        await page.pilot.resize_terminal(120, 40)
        await page.until(lambda: first.display and second.display and not tabs.display)
        for size in ((40, 12), (30, 8), (60, 15), (80, 24)):
            await page.pilot.resize_terminal(*size)
            await page.pilot.pause()


async def test_a_checkpoint_that_cannot_be_used_is_said_in_its_panel(checkpoints: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.pt"
    broken.write_bytes(b"not a checkpoint")
    async with complete_page(checkpoints, tmp_path) as page:
        page.screen.show_models([broken])
        await page.until(lambda: "cannot be read" in str(page.panel.border_title))
        page.line.put("alpha")
        await page.press("enter")
        await page.until(lambda: "not a checkpoint, or damaged" in page.status())
        assert page.panel.query_one(".status").has_class("-failed")
        assert not page.panel.busy


async def test_a_missing_corpus_is_said(tmp_path: Path) -> None:
    run = train_tiny(tmp_path / "checkpoints", tiny_phase(write_corpus(tmp_path / "corpus")))
    (tmp_path / "corpus").rename(tmp_path / "moved")
    async with complete_page(tmp_path / "checkpoints", tmp_path) as page:
        assert page.panel.model == run.best_file
        await page.complete("alpha")
        assert page.status().endswith("the corpus is not here, copies are not marked")


async def test_what_was_copied_is_marked(tmp_path: Path) -> None:
    phase = tiny_phase(write_corpus(tmp_path / "corpus"), width=32, max_iters=150, learning_rate=1e-2)
    train_tiny(tmp_path / "checkpoints", phase)
    async with complete_page(tmp_path / "checkpoints", tmp_path) as page:
        await page.set("temperature", "0")
        await page.complete("alpha beta")
        assert "copied" in page.status()
        longest = max(page.panel.copies, key=lambda copy: copy.length)
        assert longest.source.startswith(("one.txt:", "two.txt:"))
        assert f"copied {longest.length} tokens from {longest.source}" in page.status()
        assert set(range(longest.start, longest.stop)) <= page.panel.text.copied
        await page.press("escape")
        page.panel.go_to(longest.start)
        assert page.panel.note == f"one of {longest.length} tokens copied from {longest.source}"
        copied = str(page.screen.query_one(Alternatives).render())
        assert page.panel.note in copied


async def test_a_paused_run_is_asked_for_a_checkpoint_prompted_and_resumed(tmp_path: Path) -> None:
    phase = tiny_phase(write_corpus(tmp_path / "corpus"), max_iters=1_000_000)
    app = console(tmp_path / "checkpoints", tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        page = CompletePage(pilot)
        app.trainer.put(phase)
        try:
            await until(pilot, lambda: app.trainer.run_now is not None, "the training")
            run = app.trainer.run_now
            assert run is not None
            await until(pilot, lambda: run.best_file.exists() and app.focused is page.line, "its first checkpoint")
            await page.until(lambda: "in training" in str(page.panel.border_title))
            send(run.control_file, Command("pause"))
            await page.until(lambda: any(isinstance(event, events.Paused) for event in run.events()), "the pause")
            await page.complete("alpha")
            assert page.panel.of_run == run
            await page.press("escape", "f")
            await page.until(
                lambda: page.panel.name_shown == f"{run.name} last" and page.panel.count and page.done(), "last.pt"
            )
            steps = [event.step for event in run.events() if isinstance(event, events.Paused)]
            await page.until(lambda: f"step {steps[-1]:,}" in str(page.panel.border_title), "its step in the title")
            send(run.control_file, Command("resume"))
            await page.until(lambda: any(isinstance(event, events.Resumed) for event in run.events()), "going on")
            send(run.control_file, Command("stop"))
            await page.until(lambda: not app.trainer.busy, "the end")
            await page.until(lambda: "in training" not in str(page.panel.border_title))
        finally:
            app.trainer.leave()


async def test_a_run_that_is_over_is_not_asked(checkpoints: Path, tmp_path: Path) -> None:
    async with complete_page(checkpoints, tmp_path) as page:
        await page.complete("alpha")
        before = page.panel.request
        await page.press("escape", "f")
        assert page.panel.request is before
        page.screen.action_fresh()
        await page.until(lambda: toasts(page.app), "words about it")
        assert toasts(page.app)[-1] == ("tiny-002 is not being trained, so no fresh checkpoint can be asked for")


async def test_a_newer_checkpoint_is_noticed(checkpoints: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.pt"
    path.write_bytes((checkpoints / "tiny-001" / "best.pt").read_bytes())
    async with complete_page(checkpoints, tmp_path) as page:
        page.screen.show_models([path])
        await page.complete("alpha")
        before = page.panel.completion
        path.write_bytes((checkpoints / "tiny-002" / "best.pt").read_bytes())
        await page.until(lambda: page.status().startswith("a newer checkpoint is available"))
        assert page.panel.completion == before
        await page.complete("alpha")
        assert page.panel.completion != before
