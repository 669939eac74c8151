"""Choosing what Data shows: phases, folders with text, paths that are completed while they are typed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Static

import slmtui.console.app
from slmtui.console.dialogs.source import SourceDialog
from slmtui.console.dialogs.text_folders import MOST_LOOKED_AT, completions, text_below
from slmtui.console.themes import DARK, THEMES
from tests.console.screen_text import rows_of
from tests.patience import until

NOTHING = Path("nothing was chosen")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """notes/ with two files of 30 bytes below it, photos/ without text, a file, and what is hidden."""
    monkeypatch.chdir(tmp_path)
    for name in ("notes/a.txt", "notes/2026/b.txt", "hello.txt", ".hidden/c.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("thirty bytes of a text, and so")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/one.jpg").write_bytes(b"\xff\xd8\0\0")
    return tmp_path


class Picker(App[None]):
    CSS_PATH = Path(slmtui.console.app.__file__).with_name("console.tcss")
    chosen: Path | None = NOTHING

    def __init__(self) -> None:
        super().__init__()
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = DARK.name

    def ask(self, *phases: str) -> None:
        def keep(path: Path | None) -> None:
            self.chosen = path

        paths = [Path(phase) for phase in phases]
        self.push_screen(
            SourceDialog(
                "show the data of", offers={path: str(path) for path in paths}, current=paths[0] if paths else None
            ),
            keep,
        )


@asynccontextmanager
async def picker(*phases: str) -> AsyncIterator[tuple[Picker, Pilot[None]]]:
    app = Picker()
    async with app.run_test(size=(80, 24)) as pilot:
        app.call_later(app.ask, *phases)
        await until(pilot, lambda: isinstance(app.screen, SourceDialog) and app.screen.query(OptionList))
        await until(pilot, lambda: "looking for" not in listed(app))
        yield app, pilot


def listed(app: App[None]) -> str:
    options = app.screen.query_one(OptionList)
    return "\n".join(str(option.prompt) for option in options.options)


def said(app: App[None]) -> str:
    return str(app.screen.query_one("#wrong", Static).content)


async def test_folders_with_text_are_listed_with_files_and_size_and_can_be_gone_into() -> None:
    async with picker("phases/a.toml") as (app, pilot):
        lines = listed(app).split("\n")
        assert lines[0] == "phases/a.toml"
        assert [line.split() for line in lines[2:]] == [
            ["all", "of", "it", "3", "files", "0", "KB"], ["notes/", "2", "files", "0", "KB"], ["hello.txt", "0", "KB"],
        ]  # fmt: skip
        assert "photos" not in listed(app)
        await pilot.press("j", "j", "l")
        await until(pilot, lambda: "2026/" in listed(app))
        assert "a.txt" in listed(app)
        await pilot.press("h")
        await until(pilot, lambda: "hello.txt" in listed(app))
        await pilot.press("enter")
        await until(pilot, lambda: app.chosen is not NOTHING)
        assert app.chosen == Path("notes")


async def test_a_path_is_completed_by_tab_and_its_folder_listed() -> None:
    async with picker() as (app, pilot):
        typed = app.screen.query_one(Input)
        await until(pilot, lambda: typed.has_focus)
        await pilot.press("n", "tab")
        assert typed.value == "notes/"
        await until(pilot, lambda: "2026/" in listed(app))
        await pilot.press("tab")
        assert typed.value == "notes/"
        assert said(app) == "2026/  a.txt"
        await pilot.press("a", "tab")
        assert said(app) == ""
        await pilot.press("enter")
        await until(pilot, lambda: app.chosen == Path("notes/a.txt"))


async def test_the_list_is_reached_from_the_path_and_what_is_wrong_is_said() -> None:
    async with picker() as (app, pilot):
        await pilot.press(*"nowhere", "enter")
        assert said(app) == "nowhere: no such file or folder"
        await pilot.press("down", "down", "enter")
        await until(pilot, lambda: app.chosen is not NOTHING)
        assert app.chosen == Path("notes")


async def test_a_folder_without_text_says_so(folder: Path) -> None:
    async with picker() as (app, pilot):
        await pilot.press(*"photos/")
        await until(pilot, lambda: "no text in" in listed(app))
        assert str(folder / "photos")[-10:] in listed(app)
        assert "photos" in "\n".join(row.text for row in rows_of(app))


def test_completions(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert completions("no") == ("notes/", [])
    assert completions("") == ("", ["hello.txt", "notes/", "photos/"])
    assert completions(".h") == (".hidden/", [])
    assert completions("nowhere/x") == ("nowhere/x", [])
    assert completions("x") == ("x", [])
    monkeypatch.setenv("HOME", str(folder))
    assert completions("~/n") == ("~/notes/", [])
    (folder / "notes/2026-more").mkdir()
    assert completions("notes/2") == ("notes/2026", ["2026-more/", "2026/"])


def test_a_very_large_folder_is_counted_in_part(folder: Path) -> None:
    for i in range(MOST_LOOKED_AT + 10):
        (folder / f"notes/2026/{i}.txt").write_text("x")
    (folder / "notes/deep/deeper").mkdir(parents=True)
    (folder / "notes/deep/deeper/x.txt").write_text("x")
    (folder / "notes/ring").symlink_to(folder / "notes")
    _, notes, _ = text_below(Path(), lambda: True)
    assert notes.name == "notes/"
    assert notes.files >= 1_000
    assert list(text_below(Path(), lambda: False)) == []
