"""Phases: saving, copying, deleting and training phase files; what is asked first."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Input, Static

from slmtui.config.phase import Phase
from slmtui.config.phase_file import load_phase
from slmtui.console.dialogs.question import Message, Question
from slmtui.console.screens.phases.phase_list import PhaseList
from tests.console.screen_text import toasts
from tests.console.screens.phases.driver import (
    ALPHA,
    BETA,
    console,
    dialog,
    field,
    heading,
    screen,
    text_of,
    to_section,
    type_in,
)
from tests.patience import until

# Saving


@pytest.mark.parametrize(("key", "expected"), [("o", "mine"), ("r", "theirs"), ("c", "theirs")])
async def test_a_file_that_changed_on_disk_is_not_overwritten_without_asking(
    project: Path, key: str, expected: str
) -> None:
    file = project / "phases/alpha.toml"
    async with console() as (app, pilot):
        await to_section(app, pilot, "model")
        await type_in(app, pilot, "n_layer", "5")
        theirs = ALPHA.replace("as small as can be", "theirs")
        file.write_text(theirs)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: dialog(app) == "Question")
        assert heading(app) == "changed on disk"
        assert file.read_text() == theirs
        await pilot.press(key)
        await until(pilot, lambda: dialog(app) == "PhasesScreen")
        mine = ALPHA.replace("n_layer = 1 ", "n_layer = 5 ")
        await until(pilot, lambda: file.read_text() == (mine if expected == "mine" else theirs))
        draft = screen(app).draft
        assert draft is not None
        assert draft.text == (theirs if key == "r" else mine)
        assert draft.changed == (key == "c")
        assert field(app, "n_layer").value == ("1" if key == "r" else "5")


async def test_a_broken_phase_is_saved_only_after_asking(project: Path) -> None:
    file = project / "phases/alpha.toml"
    async with console() as (app, pilot):
        await to_section(app, pilot, "model")
        await type_in(app, pilot, "n_layer", "0")
        for key in ("c", "s"):
            await pilot.press("ctrl+s")
            await until(pilot, lambda: dialog(app) == "Question")
            assert isinstance(app.screen, Question)
            assert "too small (got 0), allowed: a whole number from 1 to 48" in app.screen.question
            assert file.read_text() == ALPHA
            await pilot.press(key)
            await until(pilot, lambda: dialog(app) == "PhasesScreen")
        await until(pilot, lambda: "n_layer = 0 " in file.read_text())


async def test_a_file_that_cannot_be_written_is_a_message_and_changes_nothing(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    async with console() as (app, pilot):
        await to_section(app, pilot, "model")
        await type_in(app, pilot, "n_layer", "2")
        monkeypatch.setattr("os.fsync", full)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: dialog(app) == "Message")
        assert isinstance(app.screen, Message)
        assert app.screen.text == "phases/alpha.toml cannot be written: No space left on device"
        assert (project / "phases/alpha.toml").read_text() == ALPHA
        assert sorted(path.name for path in (project / "phases").iterdir()) == ["alpha.toml", "beta.toml"]
        assert app.unsaved == ("phases/alpha.toml",)


async def test_undo_changes_and_quitting_with_changes() -> None:
    async with console() as (app, pilot):
        await to_section(app, pilot, "model")
        await type_in(app, pilot, "n_layer", "2")
        await pilot.press("escape", "q")
        await until(pilot, lambda: dialog(app) == "Question")
        assert isinstance(app.screen, Question)
        assert "phases/alpha.toml: unsaved changes" in app.screen.question
        await pilot.press("c")
        await until(pilot, lambda: dialog(app) == "PhasesScreen")
        await pilot.press("u")
        await until(pilot, lambda: dialog(app) == "Question")
        await pilot.press("u")
        await until(pilot, lambda: not app.unsaved)
        assert field(app, "n_layer").value == "1"
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)


# Copy, new, delete, set up


async def test_copy_takes_what_is_in_the_editor_under_a_new_name(project: Path) -> None:
    async with console() as (app, pilot):
        await to_section(app, pilot, "model")
        await type_in(app, pilot, "n_layer", "4")
        await pilot.press("escape", "y")
        await until(pilot, lambda: dialog(app) == "InputDialog")
        asked = app.screen.query_one(Input)
        assert asked.value == "alpha-2"
        asked.value = "beta"
        await pilot.press("enter")
        assert text_of(app.screen.query_one("#wrong", Static)) == "phases/beta.toml already exists"
        asked.value = "a/b"
        await pilot.press("enter")
        assert dialog(app) == "InputDialog"
        asked.value = "delta"
        await pilot.press("enter")
        await until(pilot, lambda: app.phase_file == Path("phases/delta.toml"))
        expected = ALPHA.replace('"alpha"', '"delta"').replace("n_layer = 1 ", "n_layer = 4 ")
        assert (project / "phases/delta.toml").read_text() == expected
        assert (project / "phases/alpha.toml").read_text() == ALPHA
        assert app.unsaved == ("phases/alpha.toml",)


async def test_a_new_phase_has_every_default_and_is_right(project: Path) -> None:
    async with console() as (app, pilot):
        await pilot.press("n")
        await until(pilot, lambda: dialog(app) == "InputDialog")
        await pilot.press(*"mine", "enter")
        await until(pilot, lambda: app.phase_file == Path("phases/mine.toml"))
        assert load_phase("phases/mine.toml").name == "mine"
        assert screen(app).query_one(PhaseList).path == Path("phases/mine.toml")
        assert (project / "phases/beta.toml").read_text() == BETA


async def test_delete_asks(project: Path) -> None:
    async with console() as (app, pilot):
        for key, left in (
            ("enter", ["alpha.toml", "beta.toml"]),
            ("k", ["alpha.toml", "beta.toml"]),
            ("d", ["beta.toml"]),
        ):
            await pilot.press("x")
            await until(pilot, lambda: dialog(app) == "Question")
            await pilot.press(key)
            await until(pilot, lambda: dialog(app) == "PhasesScreen")
            await pilot.pause()
            assert sorted(path.name for path in (project / "phases").glob("*.toml")) == left
        assert app.phase_file == Path("phases/beta.toml")
        await pilot.press("x", "d")
        await until(pilot, lambda: not screen(app).drafts.paths())
        for name, text in (("beta", BETA), ("alpha", ALPHA)):
            await pilot.press("u")
            await until(pilot, lambda name=name: app.phase_file == Path(f"phases/{name}.toml"))  # type: ignore[misc]
            assert (project / f"phases/{name}.toml").read_text() == text
        await pilot.press("u")
        await until(pilot, lambda: any("left to bring back" in toast for toast in toasts(app)))


async def test_the_answer_that_destroys_does_not_have_the_focus(project: Path) -> None:
    """What enter gives, right after a key that asks."""
    file = project / "phases/alpha.toml"
    async with console() as (app, pilot):
        await to_section(app, pilot, "model")
        await type_in(app, pilot, "n_layer", "5")
        file.write_text(theirs := ALPHA.replace("as small as can be", "theirs"))
        for key in ("ctrl+s", "escape", "u", "q"):
            await pilot.press(key)
            if key == "escape":
                continue
            await until(pilot, lambda: dialog(app) == "Question")
            await pilot.press("enter")
            await until(pilot, lambda: dialog(app) == "PhasesScreen")
        draft = screen(app).draft
        assert draft is not None
        assert draft.text == ALPHA.replace("n_layer = 1 ", "n_layer = 5 ")
        assert file.read_text() == theirs


async def test_an_empty_folder_is_offered_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.chdir(folder)
    async with console(screen_of_last_time="runs") as (app, pilot):
        await until(pilot, lambda: dialog(app) == "SourceDialog")
        assert heading(app) == "what shall a model learn?"
        assert app.current_mode == "phases"
        await pilot.press("escape")
        await until(pilot, lambda: dialog(app) == "PhasesScreen")
        assert not (folder / "phases").exists()
        assert screen(app).query_one("#nothing").display
        await pilot.press("b")
        await until(pilot, lambda: dialog(app) == "SourceDialog" and app.screen.query("SourceOptions"))
        await pilot.press("enter")
        await until(pilot, lambda: dialog(app) == "Question")
        await pilot.press("n")
        await until(pilot, lambda: app.phase_file == Path("phases/quick.toml"))
        assert (folder / "data/chromadb").is_dir()
        assert not screen(app).query_one("#nothing").display


# Training


async def test_s_trains_and_marks_queue_in_order() -> None:
    async with console() as (app, pilot):
        await pilot.press("j", "space", "k", "space")
        await pilot.pause()
        assert [row.mark for row in screen(app).query_one(PhaseList).rows] == [2, 1]
        await pilot.press("s")
        await until(pilot, lambda: app.trainer.waiting() == ["beta", "alpha"])
        assert app.current_mode == "train"
        await pilot.press("p")
        await until(pilot, lambda: dialog(app) == "PhasesScreen" and not screen(app).marked)
        await pilot.press("enter")
        await until(pilot, lambda: len(app.trainer.waiting()) == 3)


@pytest.mark.parametrize(("key", "n_layer", "on_disk"), [("s", 6, "n_layer = 6 "), ("t", 6, "n_layer = 1 ")])
async def test_training_what_is_not_saved_asks(project: Path, key: str, n_layer: int, on_disk: str) -> None:
    async with console() as (app, pilot):
        await to_section(app, pilot, "model")
        await type_in(app, pilot, "n_layer", "6")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: dialog(app) == "Question")
        await pilot.press(key)
        await until(pilot, lambda: app.trainer.waiting() == ["alpha"])
        (job,) = app.trainer.hand_over()
        assert isinstance(job, Phase)
        assert job.model.n_layer == n_layer
        assert on_disk in (project / "phases/alpha.toml").read_text()


async def test_a_broken_phase_is_not_trained(project: Path) -> None:
    (project / "phases/beta.toml").write_text(BETA.replace("n_head = 2", "n_head = 3"))
    async with console() as (app, pilot):
        await pilot.press("space", "space", "s")
        await until(pilot, lambda: dialog(app) == "Message")
        assert isinstance(app.screen, Message)
        assert "beta.toml:15: model.n_embd: not divisible by n_head" in app.screen.text
        assert app.trainer.waiting() == []
