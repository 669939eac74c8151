"""Data: of which phase or folder it speaks, when it is read again, and what is suggested and saved for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import rmtree
from threading import Event

import pytest
from textual.events import Key
from textual.widgets import Input, Static

from slmtui.config.phase_file import load_phase
from slmtui.console.dialogs.question import Message, Question
from slmtui.console.dialogs.source import SourceDialog
from slmtui.console.hints import Hints
from slmtui.console.screens.phases.field import KeyField
from slmtui.console.screens.phases.screen import PhasesScreen
from slmtui.console.workers import phase_facts as facts
from slmtui.console.workers.overview import DataOverview, OverviewCache, find_out
from slmtui.insight.estimates import NoCounts, Speed
from tests.console.screen_text import toasts
from tests.console.screens.data.data_console import (
    PHASE,
    complete,
    console,
    data,
    seen,
    text_of,
)
from tests.patience import until

pytestmark = pytest.mark.usefixtures("project")


async def test_another_phase_is_chosen_from_the_list() -> None:
    async with console() as (app, pilot):
        await pilot.press("o")
        assert isinstance(app.screen, SourceDialog)
        await pilot.press("g", "enter")
        await until(pilot, lambda: data(app).reader.origin == Path("phases/beta.toml") and complete(app))
        await until(pilot, lambda: "in bpe tokens" in text_of(app, "#holds"))
        assert app.phase_file == Path("phases/beta.toml")


async def test_a_slow_reading_hides_other_numbers_and_one_that_is_not_wanted_any_more_shows_nothing(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "slow.txt").write_text("Some words of a slow text, twice. " * 20)
    go_on, ended = Event(), Event()

    def find_slowly(origin: Path, known: OverviewCache, say: Callable[[str], None]) -> Iterator[DataOverview]:
        if origin == Path("slow.txt"):
            say("counting 44 MB of 45 MB of Big-PyCode …")
            assert go_on.wait(60)
            yield from find_out(origin, OverviewCache(), lambda _: None)
            ended.set()
        else:
            yield from find_out(origin, known, say)

    monkeypatch.setattr("slmtui.console.screens.data.reader.find_out", find_slowly)
    monkeypatch.setattr("slmtui.console.screens.data.reader.PATIENCE", -1.0)
    async with console() as (app, pilot):
        data(app).reader.open(Path("slow.txt"))
        await until(pilot, lambda: "Counting 44 MB of 45 MB of Big-PyCode" in text_of(app, "#trouble"))
        assert "slow.txt · counting 44 MB of 45 MB of Big-PyCode" in text_of(app, "#where")
        data(app).reader.open(Path("phases/quick.toml"))
        go_on.set()
        await until(pilot, lambda: ended.is_set() and text_of(app, "#trouble") == "")
        await pilot.pause()
        found = data(app).found
        assert found is not None
        assert found.origin == Path("phases/quick.toml")
        assert "slow" not in seen(app)


async def test_a_path_typed_in_is_shown_without_a_phase(project: Path) -> None:
    (project / "notes.txt").write_text("Some words that are a text of their own, twice. " * 20)
    async with console() as (app, pilot):
        await pilot.press("o", "slash")
        await pilot.press(*"nowhere", "enter")
        assert "no such file" in str(app.screen.query_one("#wrong", Static).content)
        app.screen.query_one(Input).value = "~no-such-user/text"
        await pilot.press("enter")
        assert "~no-such-user/text: no such file" in str(app.screen.query_one("#wrong", Static).content)
        app.screen.query_one(Input).value = "notes.txt"
        await pilot.press("enter")
        await until(pilot, lambda: data(app).found is not None and "Some·words" in seen(app))
        assert app.phase_file == Path("phases/quick.toml"), "the phase stays what it was"


async def test_the_phase_chosen_on_another_screen_is_shown() -> None:
    async with console() as (app, pilot):
        app.phase_file = Path("phases/beta.toml")
        await until(pilot, lambda: "in bpe tokens" in text_of(app, "#holds"))


async def test_what_was_found_out_is_not_found_out_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async with console() as (app, pilot):
        before = data(app).found

        def fail(*arguments: object) -> None:
            raise AssertionError("it was counted before")

        monkeypatch.setattr("slmtui.data.inspection.CorpusCount", fail)
        data(app).reader.open(Path("phases/quick.toml"))
        await pilot.pause(0.5)
        after = data(app).found
        assert before is not None
        assert after is not None
        assert after.counted is before.counted


async def test_ctrl_r_reads_again_whatever_is_known(project: Path) -> None:
    async with console() as (app, pilot):
        (project / "corpus/0_order.py").rename(project / "corpus/0_renamed.py")
        (project / "corpus/.hidden").write_text("x")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: complete(app) and "10 files · 1 left out" in seen(app))
        assert "0_renamed.py" in seen(app)


async def test_a_suggestion_has_no_more_steps_than_there_is_time_for(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = NoCounts(""), Speed(0.2, 0.0, "as if a step took so long here")
    monkeypatch.setattr(facts, "measure", lambda *_: slow)
    async with console() as (app, pilot):
        found = data(app).found
        assert found is not None
        assert found.suggestion is not None
        assert found.suggestion.phase.training.max_iters > 180
        await pilot.press("n")
        path = Path("phases/suggested.toml")
        await until(pilot, lambda: path.exists() and data(app).reader.origin == path and complete(app))
        assert load_phase(path).training.max_iters == 180  # 36 s of 0.2 s each
        assert "as many as this machine makes in 36 s" in path.read_text()


async def test_a_suggestion_that_is_ready_while_another_phase_is_typed_in_leaves_that_alone(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready, asked = Event(), list[object]()

    def measure(*_: object) -> tuple[NoCounts, Speed]:
        asked.append(_)
        assert ready.wait(60)
        return NoCounts(""), Speed(0.2, 0.0, "measured")

    monkeypatch.setattr(facts, "measure", measure)
    mine, suggested = Path("phases/mine.toml"), Path("phases/suggested.toml")
    mine.write_text(PHASE.replace("alpha", "mine"))
    async with console() as (app, pilot):
        app.ui_state.remember("phase", mine.name)
        app.phase_file = mine
        await until(pilot, lambda: data(app).reader.origin == mine and complete(app))
        await pilot.press("n")
        await until(pilot, lambda: asked)
        await pilot.press("n")
        await until(pilot, lambda: "the suggestion is being saved already" in toasts(app))
        await pilot.press("p")
        await until(pilot, lambda: isinstance(app.screen, PhasesScreen) and app.screen.draft is not None)
        phases = app.screen
        assert isinstance(phases, PhasesScreen)
        await pilot.press("e")
        await until(pilot, lambda: phases.editor.has_focus_within)
        ready.set()
        await until(pilot, lambda: suggested in phases.drafts.paths())
        app.phase_file = suggested  # as work does that was begun on another screen
        await phases.action_show_section("data")
        phases.editor.form.query_one(KeyField).editor.focus()
        await pilot.press("x")
        await until(pilot, lambda: app.unsaved == (str(mine),))
        await until(pilot, lambda: app.phase_file == mine)
        assert phases.draft is not None
        assert (phases.draft.path, phases.draft.changed) == (mine, True)
        assert phases.drafts[suggested].text == suggested.read_text()


async def test_s_saves_a_phase_that_can_be_trained_and_shows_it(project: Path) -> None:
    async with console() as (app, pilot):
        await pilot.press("n")
        path = Path("phases/suggested.toml")
        await until(pilot, lambda: path.exists() and data(app).reader.origin == path and complete(app))
        assert app.phase_file == path
        phase = load_phase(path)
        assert (phase.data.source, phase.data.dataset_size, phase.tokenizer.kind) == (("corpus",), 700, "bytes")
        path.write_text(path.read_text() + "# mine\n")
        for _ in range(100):  # the file that was changed may be read anew at any moment, and until it is s does nothing
            await until(pilot, lambda: complete(app))
            await pilot.press("n")
            await pilot.pause(0.1)
            if isinstance(app.screen, Question):
                break
        assert isinstance(app.screen, Question)
        await pilot.press("c")
        await pilot.pause()
        assert path.read_text().endswith("# mine\n"), "nothing is overwritten unasked"
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, Question))
        await pilot.press("n")
        await until(pilot, lambda: data(app).reader.origin == path.with_name("suggested-2.toml") and complete(app))
        assert path.read_text().endswith("# mine\n"), "a second suggestion has a file of its own"
        assert load_phase(Path("phases/suggested-2.toml")).name == "suggested-2" != load_phase(path).name
        data(app).reader.open(path)
        await until(pilot, lambda: data(app).reader.origin == path and complete(app))
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, Question))
        await pilot.press("o")
        await until(pilot, lambda: not path.read_text().endswith("# mine\n"))


async def test_whether_to_overwrite_is_asked_before_anything_is_measured(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[object] = []

    def measure(*given: object) -> tuple[NoCounts, str]:
        measured.append(given)
        return NoCounts(""), "not measured"

    monkeypatch.setattr(facts, "measure", measure)
    Path("phases").mkdir(exist_ok=True)
    Path("phases/suggested.toml").write_text("# mine\n")
    async with console() as (app, pilot):
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, Question))
        await pilot.press("enter")  # the first answer after which nothing is lost
        await until(pilot, lambda: Path("phases/suggested-2.toml").exists())
        assert Path("phases/suggested.toml").read_text() == "# mine\n"
        await until(pilot, lambda: complete(app))
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, Question))
        assert len(measured) == 1


async def test_a_suggestion_that_cannot_be_saved_is_a_message(project: Path) -> None:
    Path("phases/suggested.toml").mkdir(parents=True)
    async with console() as (app, pilot):
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, Question))
        await pilot.press("o")
        await until(pilot, lambda: isinstance(app.screen, Message))
        await until(pilot, lambda: "phases/suggested.toml cannot be written: Is a directory" in seen(app))
        assert list(Path("phases").glob(".*")) == []


async def test_without_a_project_it_offers_to_begin_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    monkeypatch.setattr("slmtui.console.workers.first_phase.measure", lambda *_: (NoCounts(""), ""))
    async with console((80, 24), wait=False) as (app, pilot):
        await until(pilot, lambda: "begin: choose a text" in seen(app))
        await pilot.press("b")
        await until(pilot, lambda: isinstance(app.screen, SourceDialog))
        await pilot.press("escape")
        assert not (empty / "phases").exists()
        await pilot.press("b")
        await until(pilot, lambda: isinstance(app.screen, SourceDialog) and app.screen.query("SourceOptions"))
        await pilot.press("enter")
        await until(pilot, lambda: (empty / "phases/quick.toml").exists())
        await until(pilot, lambda: isinstance(app.screen, Question))
        await pilot.press("n")
        await until(pilot, lambda: complete(app))
        assert "31 files" in seen(app)


@pytest.mark.parametrize(
    ("text", "words"),
    [("[phase]\nname = 1\n", "phase.name"), (PHASE.replace("corpus", "nowhere"), "no such file or folder")],
)
async def test_a_mistake_is_said_and_mended_without_a_restart(text: str, words: str) -> None:
    phase = Path("phases/quick.toml")
    phase.write_text(text)
    async with console(wait=False) as (app, pilot):
        await until(pilot, lambda: words in seen(app))
        phase.write_text(PHASE)
        await until(pilot, lambda: complete(app) and "10 files" in seen(app))


async def test_what_is_typed_before_a_dialog_is_up_goes_to_the_dialog(project: Path) -> None:
    rmtree(project / "phases")
    async with console(wait=False) as (app, pilot):
        await until(pilot, lambda: data(app).has_class("-trouble"))
        for key in "ocorpus":  # as one piece, as from a fast typist or a slow connection
            app.post_message(Key(key, key))
        await until(pilot, lambda: isinstance(app.screen, SourceDialog) and app.screen.query_one(Input).value)
        await until(pilot, lambda: app.screen.query_one(Input).value == "corpus")
        assert app.current_mode == "data"
        assert app.screen.query_one(Input).placeholder == "", "there is no data/chromadb here"


async def test_a_folder_without_phases_names_the_keys_that_help(project: Path) -> None:
    rmtree(project / "phases")
    async with console(wait=False) as (app, pilot):
        await until(pilot, lambda: data(app).has_class("-trouble"))
        hints = app.screen.query_one(Hints)
        await until(pilot, lambda: "o open  b begin" in str(hints.render()))
        assert "counts" not in str(hints.render())
        await pilot.press("p")
        await until(pilot, lambda: app.current_mode == "phases" and app.screen.query(Hints))
        hints = app.screen.query_one(Hints)
        await until(pilot, lambda: "n new  b begin" in str(hints.render()))
        assert "train" not in str(hints.render())
