"""The Phases screen: its list, what a phase means, small terminals, help."""

from __future__ import annotations

from pathlib import Path

import pytest

from slmtui.config.phase_file import load_phase
from slmtui.console.dialogs.help import help_for
from slmtui.console.dialogs.input import SelectDialog
from slmtui.console.screens.phases.phase_list import PhaseList
from slmtui.insight.estimates import DatasetCounts, memory_needed
from tests.console.screen_text import toasts
from tests.console.screens.phases.driver import (
    ALPHA,
    console,
    field,
    meaning,
    screen,
    to_section,
    type_in,
)
from tests.patience import until
from tests.written_runs import started

# The list


async def test_the_list_says_name_title_parameters_and_moves_with_vim_keys(project: Path) -> None:
    (project / "phases/gamma.toml").write_text('[phase]\nname = "gamma"\n[model]\nn_layers = 3\n')
    async with console() as (app, pilot):
        rows = screen(app).query_one(PhaseList).rows
        await until(pilot, lambda: bool(screen(app).query_one(PhaseList).rows[0].parameters))
        rows = screen(app).query_one(PhaseList).rows
        assert [(row.name, row.title) for row in rows[:2]] == [
            ("alpha", "Alpha: the first"),
            ("beta", "Alpha: the first"),
        ]
        assert rows[2].wrong == "model.n_layers"
        assert app.phase_file == Path("phases/alpha.toml")
        await pilot.press("j", "j")
        assert app.phase_file == Path("phases/gamma.toml")
        assert "did you mean n_layer" in meaning(app)
        await pilot.press("g")
        assert app.phase_file == Path("phases/alpha.toml")
        await pilot.press("G", "k")
        assert app.phase_file == Path("phases/beta.toml")


async def test_files_that_come_go_and_change_are_seen(project: Path) -> None:
    async with console() as (app, pilot):
        (project / "phases/beta.toml").unlink()
        (project / "phases/new.toml").write_text(ALPHA.replace("alpha", "new"))
        (project / "phases/alpha.toml").write_text(ALPHA.replace("the first", "mended"))
        rows = screen(app).query_one(PhaseList)
        await until(pilot, lambda: [row.name for row in rows.rows] == ["alpha", "new"])
        assert rows.rows[0].title == "Alpha: mended"
        assert field(app, "title").value == "Alpha: mended"


async def test_the_verdict_is_that_of_the_newest_run(project: Path) -> None:
    from slmtui.runs.run import create_run
    from slmtui.training.events import Evaluation, to_json

    phase = load_phase("phases/alpha.toml")
    for gap, verdict in ((0.1, "excellent"), (4.0, "severe")):
        run = create_run(project / "checkpoints", phase)
        event = Evaluation(step=1, train_loss=1, val_loss=1 + gap, gap=gap, verdict=verdict, bits_per_byte=1, best=True)
        run.log_file.write_text(f"{to_json(started(phase))}\n{to_json(event)}\n")
    async with console() as (app, pilot):
        await until(pilot, lambda: screen(app).query_one(PhaseList).rows[0].verdict == "severe")
        assert screen(app).query_one(PhaseList).rows[1].verdict == ""


# What it means


async def test_the_meaning_follows_what_is_typed() -> None:
    async with console() as (app, pilot):
        await until(pilot, lambda: "training tokens" in meaning(app))
        assert "against beta" in meaning(app)
        assert "2 → 1" in meaning(app)
        before = meaning(app)
        await to_section(app, pilot, "model")
        await type_in(app, pilot, "n_layer", "2")
        await until(pilot, lambda: "no difference" in meaning(app))
        assert meaning(app) != before
        await to_section(app, pilot, "tokenizer")
        field(app, "kind").editor.focus()
        await pilot.press("h")
        await until(pilot, lambda: "50,257" in meaning(app))


async def test_a_corpus_that_is_not_there_is_said(project: Path) -> None:
    (project / "phases/alpha.toml").write_text(ALPHA.replace('"corpus"', '"nowhere"'))
    async with console() as (app, pilot):
        await until(pilot, lambda: "nowhere" in meaning(app))


async def test_v_chooses_what_to_compare_with(project: Path) -> None:
    (project / "phases/gamma.toml").write_text(
        ALPHA.replace("alpha", "gamma").replace("max_iters = 20", "max_iters = 90")
    )
    async with console() as (app, pilot):
        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.screen, SelectDialog))
        await pilot.press("j", "enter")
        await until(pilot, lambda: "against gamma" in meaning(app))
        assert "90 → 20" in meaning(app)


async def test_m_says_why_it_cannot_measure_and_measures(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr("torch.set_num_threads", lambda _n: None)
    assert torch.get_num_threads() > 0
    async with console() as (app, pilot):
        await until(pilot, lambda: "unknown" in meaning(app))
        await pilot.press("m")  # PyTorch is not loaded
        await pilot.pause()
        assert "unknown" in meaning(app)
        app.backend.ready = True
        await pilot.press("o", "m")
        await until(pilot, lambda: "measured now" in meaning(app))
        assert "a step" in meaning(app)


async def test_the_memory_that_m_asks_for_is_the_one_that_is_shown(project: Path) -> None:
    (project / "phases/alpha.toml").write_text(ALPHA.replace("block_size = 8\n", "block_size = 8\nngram_mix = 0.4\n"))
    async with console() as (app, pilot):
        await until(pilot, lambda: "training tokens" in meaning(app))
        app.backend.ready = True
        phase, inspector = load_phase("phases/alpha.toml"), screen(app).inspector
        counts = inspector.counts_of(phase)
        assert isinstance(counts, DatasetCounts)
        inspector.memory_here = sum(memory_needed(phase, counts.n_vocab).values())  # but for the table of n-grams
        await pilot.press("m")
        assert "measured now" not in meaning(app)
        assert any("it would need" in words for words in toasts(app))


# Narrow terminals and help


async def test_narrow_terminals_show_one_panel_at_a_time() -> None:
    async with console((80, 24)) as (app, pilot):

        def seen() -> list[str]:
            return [name for name in ("phases", "editor", "meaning") if screen(app).query_one(f"#{name}").display]

        assert seen() == ["phases"]
        await pilot.press("e")
        await until(pilot, lambda: app.focused is field(app, "name").editor)
        assert seen() == ["editor"]
        await pilot.press("ctrl+o")
        await until(pilot, lambda: seen() == ["meaning"])
        await pilot.press("f")
        await until(pilot, lambda: app.focused is screen(app).editor.file)
        assert seen() == ["editor"]
        await pilot.press("escape")
        assert seen() == ["phases"]
        await pilot.press("o")
        assert seen() == ["meaning"]
        await pilot.resize_terminal(120, 40)
        await pilot.pause()
        assert seen() == ["phases", "editor", "meaning"]


@pytest.mark.parametrize("size", [(120, 40), (80, 24), (40, 12)])
async def test_nothing_is_wider_than_its_panel(size: tuple[int, int]) -> None:
    async with console(size) as (app, pilot):
        for keys in (("e", *["pagedown"] * 9), ("escape", "o"), ("escape",)):
            await pilot.press(*keys)
            await pilot.pause()
            for widget in screen(app).query("Static, Input, Choices"):
                if widget.display and widget.region.width and widget.region.height:
                    assert widget.region.right <= size[0]


async def test_every_key_is_in_the_help() -> None:
    async with console() as (app, pilot):
        text = help_for(app.screen).text
        for words in (
            "mark to train",
            "measure a few steps",
            "compare with another",
            "delete the file",
            "undo what is",
        ):
            assert words in text
        await pilot.press("e")
        await until(pilot, lambda: app.focused is field(app, "name").editor)
        text = help_for(app.screen).text
        for words in ("save the changes", "the form, or the file itself", "the next section", "back to the list"):
            assert words in text
