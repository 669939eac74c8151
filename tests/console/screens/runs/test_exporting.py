"""Exporting on Runs: format and folder are asked for, and what cannot go along."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
from textual.widgets import Input, Static

from slmtui.config.phase import Phase
from slmtui.console.dialogs.input import InputDialog
from slmtui.console.dialogs.question import Question
from slmtui.console.screens.runs.exporting import ExportDialog
from slmtui.exchange import export as exporting
from tests.console.screen_text import toasts
from tests.console.screens.runs.driver import Opened, open_runs
from tests.console.tiny_runs import tiny_phase, train_tiny, write_corpus
from tests.written_runs import done_run


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "phases").mkdir()  # a project
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(exporting, "read_by_transformers", lambda _: None)  # test_huggingface.py waits for it
    return tmp_path


def tiny_with_a_copy_head(corpus: Path) -> Phase:
    values = tiny_phase(corpus).values()
    values["tokenizer"] = {"kind": "bytes"}
    values["model"]["copy_head"] = True
    return Phase.model_validate(values)


def dialog(opened: Opened) -> ExportDialog:
    assert isinstance(opened.app.screen, ExportDialog)
    return opened.app.screen


def said(opened: Opened, words: str) -> bool:
    return any(words in one for one in toasts(opened.app))


async def test_curves_go_into_a_folder_that_is_offered(checkpoints: Path, here: Path) -> None:
    done_run(checkpoints, "phase1-001")
    async with open_runs(checkpoints) as opened:
        await opened.press("e")
        folder = dialog(opened).query_one(Input)
        assert folder.value == "exports/phase1-001-hf"
        await opened.press("j", "j", "j", "j")
        assert folder.value == "exports/phase1-001-csv"
        await opened.press("enter")
        await opened.until(partial(said, opened, "exported to exports/phase1-001-csv"))
    assert (here / "exports" / "phase1-001-csv" / "steps.csv").exists()


async def test_a_folder_of_ones_own_is_refused_in_the_dialog(checkpoints: Path, here: Path) -> None:
    done_run(checkpoints, "phase1-001")
    (here / "mine").mkdir()
    (here / "mine" / "notes.txt").write_text("mine")
    async with open_runs(checkpoints) as opened:
        await opened.press("e")
        dialog(opened).query_one(Input).value = "mine"
        await opened.press("j")  # a folder that a person has named stays
        assert dialog(opened).query_one(Input).value == "mine"
        await opened.press("enter")
        assert "files that no export wrote (notes.txt)" in str(dialog(opened).query_one("#wrong", Static).content)
        await opened.press("escape")
        assert not isinstance(opened.app.screen, ExportDialog)
    assert [path.name for path in (here / "mine").iterdir()] == ["notes.txt"]


async def test_what_cannot_go_along_is_asked(checkpoints: Path, here: Path) -> None:
    pytest.importorskip("safetensors", reason="safetensors, which writes the model: .[export]")
    phase = tiny_with_a_copy_head(write_corpus(here / "corpus"))
    train_tiny(checkpoints, phase)
    out = here / "exports" / "tiny-001-hf"
    async with open_runs(checkpoints) as opened:
        for answer, words in (
            ("d", "tiny-001 is not exported"),
            ("w", "exported to exports/tiny-001-hf; not read back"),
        ):
            await opened.press("e", "enter")
            await opened.until(lambda: isinstance(opened.app.screen, Question))
            asked = str(opened.app.screen.query_one(Static).content)
            assert "its copy head (model.copy_head): without, " in asked
            assert not out.exists()
            await opened.press(answer)
            await opened.until(partial(said, opened, words))
    assert json.loads((out / "export.json").read_text())["left_behind"]


async def test_a_run_without_a_model_says_so(checkpoints: Path) -> None:
    done_run(checkpoints, "phase1-001", losses=[])
    async with open_runs(checkpoints) as opened:
        await opened.press("e", "enter")
        await opened.until(partial(said, opened, "best.pt: no such checkpoint"))


def named(opened: Opened, value: str = "") -> str:
    """What the dialog says once another file is typed; without, the one that it offers."""
    assert isinstance(opened.app.screen, InputDialog)
    field = opened.app.screen.query_one(Input)
    if not value:
        return field.value
    field.value = value
    return opened.app.screen.wrong(value)


async def test_a_chart_is_exported_where_a_person_says_and_replaces_nothing(checkpoints: Path, here: Path) -> None:
    done_run(checkpoints, "phase1-001")
    async with open_runs(checkpoints) as opened:
        opened.screen.query_one("#chart").focus()
        await opened.press("E")
        await opened.until(lambda: isinstance(opened.app.screen, InputDialog))
        assert named(opened) == "exports/phase1-001-validation-loss.svg"
        await opened.press("enter")
        written = here / "exports/phase1-001-validation-loss.svg"
        await opened.until(lambda: said(opened, f"exported to {written} ("))
        before = written.read_bytes()
        assert b"</svg>" in before

        await opened.press("E")
        await opened.until(lambda: isinstance(opened.app.screen, InputDialog))
        assert named(opened) == "exports/phase1-001-validation-loss-2.svg"
        assert "phase1-001-validation-loss-2.svg is free" in named(opened, str(written))
        await opened.press("enter")
        assert isinstance(opened.app.screen, InputDialog)
        assert ".svg, .png or .csv" in named(opened, "losses.jpg")
        assert named(opened, f"{written}/losses.csv") == ""
        await opened.press("enter")
        await opened.until(lambda: said(opened, "not exported: "))
        assert written.read_bytes() == before
