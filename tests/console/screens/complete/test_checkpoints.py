"""The Complete screen and its checkpoints: which ones, side by side, damaged, newer, of a run in training."""

from __future__ import annotations

from pathlib import Path

from textual.coordinate import Coordinate
from textual.widgets import DataTable, Static

from slmtui.console.screens.complete.alternatives import Alternatives
from slmtui.console.screens.complete.checkpoint_dialog import CheckpointChooser
from slmtui.console.screens.complete.panel import CompletionPanel
from slmtui.console.screens.complete.screen import CompleteScreen
from slmtui.runs.control import send
from slmtui.runs.run import Run
from slmtui.training import events
from slmtui.training.control import Command
from tests.console.screen_text import toasts
from tests.console.screens.complete.talk import Talk, talking
from tests.console.tiny_runs import console, tiny_phase, train_tiny, write_corpus
from tests.patience import until


async def test_without_runs_it_says_what_to_do_and_notices_the_first_one(tmp_path: Path) -> None:
    app = console(tmp_path / "checkpoints", tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, CompleteScreen))
        nothing = app.screen.query_one("#nothing", Static)
        await until(pilot, lambda: nothing.display, "the empty state")
        assert "There is no model to talk to yet" in str(nothing.render())
        assert not app.screen.query_one("#talk").display
        await pilot.press("enter", "n", "o", "y", "f", "s", "slash", "escape")  # nothing to act on
        assert isinstance(app.screen, CompleteScreen)
        run = train_tiny(tmp_path / "checkpoints", tiny_phase(write_corpus(tmp_path / "corpus")))
        await until(pilot, lambda: app.screen.query_one("#talk").display, "the panel")
        assert [panel.path for panel in app.screen.query(CompletionPanel)] == [run.best]


async def test_it_begins_with_the_best_checkpoint_of_the_newest_run(checkpoints: Path, tmp_path: Path) -> None:
    async with talking(checkpoints, tmp_path) as talk:
        assert [panel.path for panel in talk.screen.panels] == [checkpoints / "tiny-002" / "best.pt"]
        await talk.until(lambda: "step" in str(talk.panel.border_title))
        assert str(talk.panel.border_title).startswith("tiny-002 best · step 4 · val ")


async def test_it_talks_to_the_run_that_is_watched(checkpoints: Path, tmp_path: Path) -> None:
    async with talking(checkpoints, tmp_path) as talk:
        talk.app.watched = Run(checkpoints / "tiny-001")
        await talk.press("escape", "r")
        await talk.app.action_switch_mode("complete")
        await talk.until(lambda: [p.path for p in talk.screen.panels] == [checkpoints / "tiny-001" / "best.pt"])


async def test_checkpoints_are_chosen_from_a_list(checkpoints: Path, tmp_path: Path) -> None:
    async with talking(checkpoints, tmp_path) as talk:
        await talk.complete("alpha")
        kept = talk.panel
        await talk.press("escape", "o")
        chooser = talk.app.screen
        assert isinstance(chooser, CheckpointChooser)
        table = chooser.query_one(DataTable)
        await talk.until(lambda: str(table.get_cell_at(Coordinate(3, 4))) not in ("", "unreadable"))
        rows = [[str(cell) for cell in table.get_row_at(row)] for row in range(4)]
        assert [row[1:4] for row in rows] == [
            ["tiny-002", "best.pt", "4"], ["tiny-002", "last.pt", "4"],
            ["tiny-001", "best.pt", "4"], ["tiny-001", "last.pt", "4"],
        ]  # fmt: skip
        await talk.press("space", "G", "space", "k", "g", "j", "enter")
        await talk.until(lambda: isinstance(talk.app.screen, CompleteScreen) and talk.done(), "both completions")
        assert [panel.name_shown for panel in talk.screen.panels] == ["tiny-002 best", "tiny-001 last"]
        assert talk.screen.panels[0] is kept
        assert all(panel.display for panel in talk.screen.panels)
        assert {panel.request for panel in talk.screen.panels} == {kept.request}
        await talk.press("slash", "ctrl+o", "j", "enter")  # from the prompt; without marks, the row under the cursor
        await talk.until(lambda: len(talk.screen.panels) == 1)
        assert talk.panel.name_shown == "tiny-002 last"
        await talk.press("ctrl+o", "escape")
        assert talk.panel.name_shown == "tiny-002 last"


async def test_no_more_checkpoints_are_marked_than_fit(checkpoints: Path, tmp_path: Path) -> None:
    extra = checkpoints / "extra.pt"
    extra.write_bytes((checkpoints / "tiny-001" / "best.pt").read_bytes())
    try:
        async with talking(checkpoints, tmp_path, (160, 40)) as talk:
            await talk.press("ctrl+o", *["space"] * 5, "enter")
            await talk.until(lambda: len(talk.screen.panels) == 4)
            assert talk.screen.panels[-1].name_shown == "tiny-001 last"
            await talk.press("ctrl+o", "G", "enter")
            await talk.until(lambda: [panel.name_shown for panel in talk.screen.panels] == ["extra.pt"])
    finally:
        extra.unlink()


async def test_narrow_terminals_show_one_panel_at_a_time(checkpoints: Path, tmp_path: Path) -> None:
    async with talking(checkpoints, tmp_path, (80, 24)) as talk:
        talk.screen.show_checkpoints([checkpoints / "tiny-002" / "best.pt", checkpoints / "tiny-001" / "best.pt"])
        await talk.complete("alpha")
        first, second = talk.screen.panels
        tabs = talk.screen.query_one("#panel-tabs", Static)
        assert (first.display, second.display, tabs.display) == (True, False, True)
        assert "▌1 tiny-002 best▐" in str(tabs.render())
        await talk.press("ctrl+t")
        assert (first.display, second.display) == (False, True)
        assert talk.focuses(talk.line)
        await talk.press("escape")
        assert talk.focuses(second.text)
        await talk.press("left_square_bracket")
        assert talk.focuses(first.text)
        await talk.press("right_square_bracket")
        assert talk.focuses(second.text)
        await talk.pilot.resize_terminal(120, 40)
        await talk.until(lambda: first.display and second.display and not tabs.display)
        for size in ((40, 12), (30, 8), (60, 15), (80, 24)):
            await talk.pilot.resize_terminal(*size)
            await talk.pilot.pause()


async def test_a_checkpoint_that_cannot_be_used_is_said_in_its_panel(checkpoints: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.pt"
    broken.write_bytes(b"not a checkpoint")
    async with talking(checkpoints, tmp_path) as talk:
        talk.screen.show_checkpoints([broken])
        await talk.until(lambda: "cannot be read" in str(talk.panel.border_title))
        talk.line.value = "alpha"
        await talk.press("enter")
        await talk.until(lambda: "not a checkpoint, or damaged" in talk.status())
        assert talk.panel.query_one(".status").has_class("-failed")
        assert not talk.panel.busy


async def test_a_missing_corpus_is_said(tmp_path: Path) -> None:
    run = train_tiny(tmp_path / "checkpoints", tiny_phase(write_corpus(tmp_path / "corpus")))
    (tmp_path / "corpus").rename(tmp_path / "moved")
    async with talking(tmp_path / "checkpoints", tmp_path) as talk:
        assert talk.panel.path == run.best
        await talk.complete("alpha")
        assert talk.status().endswith("the corpus is not here, copies are not marked")


async def test_what_was_copied_is_marked(tmp_path: Path) -> None:
    phase = tiny_phase(write_corpus(tmp_path / "corpus"), width=32, max_iters=150, learning_rate=1e-2)
    train_tiny(tmp_path / "checkpoints", phase)
    async with talking(tmp_path / "checkpoints", tmp_path) as talk:
        await talk.set("temperature", "0")
        await talk.complete("alpha beta")
        assert "copied" in talk.status()
        longest = max(talk.panel.copies, key=lambda copy: copy.length)
        assert longest.source.startswith(("one.txt:", "two.txt:"))
        assert f"copied {longest.length} tokens from {longest.source}" in talk.status()
        assert set(range(longest.start, longest.stop)) <= talk.panel.text.copied
        await talk.press("escape")
        talk.panel.go_to(longest.start)
        assert talk.panel.note == f"one of {longest.length} tokens copied from {longest.source}"
        copied = str(talk.screen.query_one(Alternatives).render())
        assert talk.panel.note in copied


async def test_a_paused_run_is_asked_for_a_checkpoint_prompted_and_resumed(tmp_path: Path) -> None:
    phase = tiny_phase(write_corpus(tmp_path / "corpus"), max_iters=1_000_000)
    app = console(tmp_path / "checkpoints", tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        talk = Talk(pilot)
        app.trainer.put(phase)
        try:
            await until(pilot, lambda: app.trainer.run_now is not None, "the training")
            run = app.trainer.run_now
            assert run is not None
            await until(pilot, lambda: run.best.exists() and app.focused is talk.line, "its first checkpoint")
            await talk.until(lambda: "in training" in str(talk.panel.border_title))
            send(run.control_file, Command("pause"))
            await talk.until(lambda: any(isinstance(event, events.Paused) for event in run.events()), "the pause")
            await talk.complete("alpha")
            assert talk.panel.of_run == run
            await talk.press("escape", "f")
            await talk.until(
                lambda: talk.panel.name_shown == f"{run.name} last" and talk.panel.count and talk.done(), "last.pt"
            )
            steps = [event.step for event in run.events() if isinstance(event, events.Paused)]
            await talk.until(lambda: f"step {steps[-1]:,}" in str(talk.panel.border_title), "its step in the title")
            send(run.control_file, Command("resume"))
            await talk.until(lambda: any(isinstance(event, events.Resumed) for event in run.events()), "going on")
            send(run.control_file, Command("stop"))
            await talk.until(lambda: not app.trainer.busy, "the end")
            await talk.until(lambda: "in training" not in str(talk.panel.border_title))
        finally:
            app.trainer.leave()


async def test_a_run_that_is_over_is_not_asked(checkpoints: Path, tmp_path: Path) -> None:
    async with talking(checkpoints, tmp_path) as talk:
        await talk.complete("alpha")
        before = talk.panel.request
        await talk.press("escape", "f")
        assert talk.panel.request is before
        talk.screen.action_fresh()
        await talk.until(lambda: toasts(talk.app), "words about it")
        assert toasts(talk.app)[-1] == ("tiny-002 is not in training: nobody is there to ask")


async def test_a_newer_checkpoint_is_noticed(checkpoints: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.pt"
    path.write_bytes((checkpoints / "tiny-001" / "best.pt").read_bytes())
    async with talking(checkpoints, tmp_path) as talk:
        talk.screen.show_checkpoints([path])
        await talk.complete("alpha")
        before = talk.panel.completion
        path.write_bytes((checkpoints / "tiny-002" / "best.pt").read_bytes())
        await talk.until(lambda: talk.status().startswith("a newer checkpoint is there"))
        assert talk.panel.completion == before
        await talk.complete("alpha")
        assert talk.panel.completion != before
