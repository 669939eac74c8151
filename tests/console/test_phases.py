"""The Phases screen, key by key: what the files hold afterwards, what was asked, what waits to be trained."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static, TextArea

from slmtui.console.app import Console
from slmtui.console.ask import Ask, Choose
from slmtui.console.dialogs import Message, Question
from slmtui.console.help import help_for
from slmtui.console.memory import Memory
from slmtui.console.phase_field import Choices, Field
from slmtui.console.phase_list import PhaseList
from slmtui.console.phase_panel import MeaningPanel
from slmtui.console.screens.phases import PhasesScreen
from slmtui.console.trainer_thread import TrainerThread
from slmtui.training.phase_file import load_phase

ALPHA = """\
# The first phase.
[phase]
name = "alpha"
title = "Alpha: the first"

[data]
source = "corpus"  # six files

[tokenizer]
kind = "gpt2-compact"

[model]
n_layer = 1  # as small as can be
n_head = 2
n_embd = 8
block_size = 8

[training]
max_iters = 20
batch_size = 2
learning_rate = 1e-3  # constant
"""
BETA = ALPHA.replace("alpha", "beta").replace("n_layer = 1", "n_layer = 2")


class IdleTrainer(TrainerThread):
    """Takes what is put and trains nothing."""

    def run(self) -> None:
        pass


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "phases").mkdir()
    (tmp_path / "phases/alpha.toml").write_text(ALPHA)
    (tmp_path / "phases/beta.toml").write_text(BETA)
    (tmp_path / "corpus").mkdir()
    for noun in ("order", "ticket", "sensor"):
        (tmp_path / f"corpus/{noun}.py").write_text(f"def load_{noun}(path):\n    return open(path).read()\n" * 3)
    return tmp_path


@asynccontextmanager
async def console(
    size: tuple[int, int] = (120, 40), *, screen_of_last_time: str = "phases"
) -> AsyncIterator[tuple[Console, Pilot[str]]]:
    """The console on its Phases screen, with nothing trained and torch not imported."""
    app = Console(Path("checkpoints"), log=Path("console.log"), memory=Memory(Path("memory.json")))
    app.trainer = IdleTrainer(app.checkpoints)
    app.backend.start = lambda: None  # type: ignore[method-assign]
    app.memory.remember("screen", screen_of_last_time)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: isinstance(app.screen_stack[-1], PhasesScreen | Question))
        await pilot.pause(0.3)
        yield app, pilot


async def until(pilot: Pilot[str], condition: Callable[[], bool], seconds: float = 8.0) -> None:
    for _ in range(int(seconds / 0.05)):
        if condition():
            return
        await pilot.pause(0.05)
    raise AssertionError("it did not happen")


def screen(app: Console) -> PhasesScreen:
    return next(s for s in reversed(app.screen_stack) if isinstance(s, PhasesScreen))


def text_of(static: Static) -> str:
    return str(static.content)


def meaning(app: Console) -> str:
    return text_of(screen(app).query_one(MeaningPanel).query_one(Static))


def field(app: Console, name: str) -> Field:
    return next(f for f in screen(app).query(Field) if f.key.name == name and f.parent is not None)


async def to_section(app: Console, pilot: Pilot[str], name: str) -> None:
    if not screen(app).editor.has_focus_within:
        await pilot.press("e")
    await until(pilot, lambda: screen(app).editor.has_focus_within)
    await screen(app).action_show_section(name)
    await pilot.pause()


async def type_in(app: Console, pilot: Pilot[str], name: str, text: str) -> None:
    editor = field(app, name).editor
    editor.focus()
    await pilot.press("ctrl+a")
    if isinstance(editor, Input):
        editor.clear()
    await pilot.press(*("full_stop" if c == "." else "minus" if c == "-" else c for c in text))
    await pilot.pause()


def dialog(app: Console) -> str:
    return str(type(app.screen).__name__)


def heading(app: Console) -> str:
    assert isinstance(app.screen, Question | Message | Ask)
    return app.screen.heading


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
        event = Evaluation(step=0, train_loss=1, val_loss=1 + gap, gap=gap, verdict=verdict, bits_per_byte=1, best=True)
        run.log_file.write_text(to_json(event) + "\n")
    async with console() as (app, pilot):
        await until(pilot, lambda: screen(app).query_one(PhaseList).rows[0].verdict == "severe")
        assert screen(app).query_one(PhaseList).rows[1].verdict == ""


# The form


async def test_a_field_changes_its_line_of_the_file_and_nothing_else(project: Path) -> None:
    async with console() as (app, pilot):
        await to_section(app, pilot, "model")
        await type_in(app, pilot, "n_layer", "3")
        assert (project / "phases/alpha.toml").read_text() == ALPHA
        assert app.unsaved == ("phases/alpha.toml",)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: not app.unsaved)
        assert (project / "phases/alpha.toml").read_text() == ALPHA.replace("n_layer = 1 ", "n_layer = 3 ")


async def test_emptying_a_field_and_filling_it_again_keeps_its_comment() -> None:
    async with console() as (app, pilot):
        await to_section(app, pilot, "training")
        await type_in(app, pilot, "learning_rate", "")
        draft = screen(app).draft
        assert draft is not None
        assert "learning_rate" not in draft.text
        await type_in(app, pilot, "learning_rate", "5e-4")
        assert draft.text == ALPHA.replace("1e-3 ", "5e-4 ")


async def test_mistakes_are_said_under_the_field_as_on_the_command_line() -> None:
    async with console() as (app, pilot):
        await to_section(app, pilot, "model")
        await type_in(app, pilot, "n_embd", "9")
        wrong = field(app, "n_embd").wrong
        assert (
            wrong
            == "not divisible by n_head (got 9 with n_head = 2), allowed: multiples of 2, the nearest being 8 and 10"
        )
        await type_in(app, pilot, "n_embd", "1x")
        wrong = field(app, "n_embd").wrong
        assert wrong.startswith('not a whole number (got "1x")')
        await type_in(app, pilot, "n_embd", "10")
        assert not field(app, "n_embd").has_class("-wrong")


async def test_choices_lists_and_tables() -> None:
    async with console() as (app, pilot):
        await to_section(app, pilot, "tokenizer")
        choices = field(app, "kind").editor
        assert isinstance(choices, Choices)
        choices.focus()
        await pilot.press("l")
        draft = screen(app).draft
        assert draft is not None
        assert 'kind = "bpe"' in draft.text
        await pilot.press("h", "left")
        assert 'kind = "gpt2"\n' in draft.text
        await pilot.press("backspace")
        assert "kind" not in draft.text
        await to_section(app, pilot, "sampling")
        prompts = field(app, "prompts").editor
        assert isinstance(prompts, TextArea)
        prompts.focus()
        prompts.insert("def a\nimport \\n")
        await pilot.pause()
        assert draft.phase is not None
        assert draft.phase.sampling.prompts == ("def a", "import \n", "\n")[:2]
        await to_section(app, pilot, "data")
        patterns = field(app, "patterns").editor
        assert isinstance(patterns, TextArea)
        patterns.focus()
        patterns.insert("calls = '\\w+\\('")
        await pilot.pause()
        assert draft.phase is not None
        assert draft.phase.data.patterns == {"calls": r"\w+\("}


async def test_sections_go_round_and_a_click_chooses_one() -> None:
    async with console() as (app, pilot):
        await pilot.press("e")
        await pilot.pause()
        form = screen(app).editor.form
        await pilot.press("pageup")
        assert form.section == "gate"
        await pilot.press("pagedown", "pagedown")
        assert form.section == "data"  # its first field is of several lines
        await pilot.press("pagedown")
        assert form.section == "tokenizer"
        await pilot.click("#sections", offset=(3, 0))
        await until(pilot, lambda: form.section == "phase")
        await pilot.press("tab")
        focused = app.focused
        assert focused is field(app, "title").editor
        await pilot.press("down")
        assert app.focused is field(app, "description").editor


# The file


async def test_form_and_file_are_two_views_of_one_text() -> None:
    async with console() as (app, pilot):
        await to_section(app, pilot, "model")
        await type_in(app, pilot, "n_layer", "7")
        await pilot.press("ctrl+t")
        await until(pilot, lambda: app.focused is screen(app).editor.file)
        file = screen(app).editor.file
        assert "n_layer = 7  # as small as can be" in file.text
        file.replace("n_embd = 16\nn_layer = x", *_place_of(file.text, "n_embd = 8"))
        await pilot.pause()
        shown = text_of(screen(app).editor.query_one("#problems", Static))
        assert "15: not valid TOML" in shown or "16: not valid TOML" in shown
        await pilot.press("ctrl+home", "ctrl+g")
        assert file.cursor_location[0] in (14, 15)
        await pilot.press("ctrl+t")
        await pilot.pause()
        assert "not valid TOML" in text_of(screen(app).editor.form.query_one("#other-problems", Static))
        await pilot.press("ctrl+t")
        await until(pilot, lambda: app.focused is file)
        file.replace("n_embd = 16", *_place_of(file.text, "n_embd = 16\nn_layer = x"))
        await pilot.press("ctrl+t")
        await until(pilot, lambda: field(app, "n_embd").value == "16")


def _place_of(text: str, part: str) -> tuple[tuple[int, int], tuple[int, int]]:
    def spot(at: int) -> tuple[int, int]:
        return text.count("\n", 0, at), at - text.rfind("\n", 0, at) - 1

    at = text.index(part)
    return spot(at), spot(at + len(part))


async def test_windows_line_ends_stay(project: Path) -> None:
    (project / "phases/alpha.toml").write_bytes(ALPHA.replace("\n", "\r\n").encode())
    async with console() as (app, pilot):
        assert not app.unsaved
        await pilot.press("f")
        await until(pilot, lambda: app.focused is screen(app).editor.file)
        await pilot.press("number_sign")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: (project / "phases/alpha.toml").read_bytes().startswith(b"##"))
        assert (project / "phases/alpha.toml").read_bytes() == b"#" + ALPHA.replace("\n", "\r\n").encode()


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
        await pilot.pause(0.1)
        mine = ALPHA.replace("n_layer = 1 ", "n_layer = 5 ")
        assert file.read_text() == (mine if expected == "mine" else theirs)
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
        assert "phases/alpha.toml: changed and not saved" in app.screen.question
        await pilot.press("c")
        await until(pilot, lambda: dialog(app) == "PhasesScreen")
        await pilot.press("u")
        await until(pilot, lambda: dialog(app) == "Question")
        await pilot.press("u")
        await until(pilot, lambda: not app.unsaved)
        assert field(app, "n_layer").value == "1"
        await pilot.press("q")
        await until(pilot, lambda: app._exit)


# Copy, new, delete, set up


async def test_copy_takes_what_is_in_the_editor_under_a_new_name(project: Path) -> None:
    async with console() as (app, pilot):
        await to_section(app, pilot, "model")
        await type_in(app, pilot, "n_layer", "4")
        await pilot.press("escape", "y")
        await until(pilot, lambda: dialog(app) == "Ask")
        asked = app.screen.query_one(Input)
        assert asked.value == "alpha-2"
        asked.value = "beta"
        await pilot.press("enter")
        assert text_of(app.screen.query_one("#wrong", Static)) == "phases/beta.toml is there already"
        asked.value = "a/b"
        await pilot.press("enter")
        assert dialog(app) == "Ask"
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
        await until(pilot, lambda: dialog(app) == "Ask")
        await pilot.press(*"mine", "enter")
        await until(pilot, lambda: app.phase_file == Path("phases/mine.toml"))
        assert load_phase("phases/mine.toml").name == "mine"
        assert screen(app).query_one(PhaseList).path == Path("phases/mine.toml")
        assert (project / "phases/beta.toml").read_text() == BETA


async def test_delete_asks(project: Path) -> None:
    async with console() as (app, pilot):
        for key, left in (("c", ["alpha.toml", "beta.toml"]), ("d", ["beta.toml"])):
            await pilot.press("x")
            await until(pilot, lambda: dialog(app) == "Question")
            await pilot.press(key)
            await until(pilot, lambda: dialog(app) == "PhasesScreen")
            await pilot.pause()
            assert sorted(path.name for path in (project / "phases").iterdir()) == left
        assert app.phase_file == Path("phases/beta.toml")


async def test_an_empty_folder_is_offered_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.chdir(folder)
    async with console(screen_of_last_time="runs") as (app, pilot):
        await until(pilot, lambda: dialog(app) == "Question")
        assert heading(app) == "a new project"
        assert app.current_mode == "phases"
        await pilot.press("n")
        await until(pilot, lambda: dialog(app) == "PhasesScreen")
        assert not (folder / "phases").exists()
        assert screen(app).query_one("#nothing").display
        await pilot.press("i")
        await until(pilot, lambda: dialog(app) == "Question")
        await pilot.press("s")
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
        await pilot.pause(0.3)
        assert not screen(app).marked
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
        job = app.trainer._queue[0]
        assert job.model.n_layer == n_layer  # type: ignore[union-attr]
        assert on_disk in (project / "phases/alpha.toml").read_text()


async def test_a_broken_phase_is_not_trained(project: Path) -> None:
    (project / "phases/beta.toml").write_text(BETA.replace("n_head = 2", "n_head = 3"))
    async with console() as (app, pilot):
        await pilot.press("space", "space", "s")
        await until(pilot, lambda: dialog(app) == "Message")
        assert isinstance(app.screen, Message)
        assert "beta.toml:15: model.n_embd: not divisible by n_head" in app.screen.text
        assert app.trainer.waiting() == []


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
        await until(pilot, lambda: isinstance(app.screen, Choose))
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
        await pilot.press("w", "m")
        await until(pilot, lambda: "measured now" in meaning(app), seconds=60)
        assert "a step" in meaning(app)


# Narrow terminals and help


async def test_narrow_terminals_show_one_panel_at_a_time() -> None:
    async with console((80, 24)) as (app, pilot):

        def seen() -> list[str]:
            return [name for name in ("phases", "editor", "meaning") if screen(app).query_one(f"#{name}").display]

        assert seen() == ["phases"]
        await pilot.press("e")
        await pilot.pause()
        assert seen() == ["editor"]
        assert app.focused is field(app, "name").editor
        await pilot.press("ctrl+o")
        await pilot.pause()
        assert seen() == ["meaning"]
        await pilot.press("f")
        await until(pilot, lambda: app.focused is screen(app).editor.file)
        assert seen() == ["editor"]
        await pilot.press("escape")
        assert seen() == ["phases"]
        await pilot.press("w")
        assert seen() == ["meaning"]
        await pilot.resize_terminal(120, 40)
        await pilot.pause()
        assert seen() == ["phases", "editor", "meaning"]


@pytest.mark.parametrize("size", [(120, 40), (80, 24), (40, 12)])
async def test_nothing_is_wider_than_its_panel(size: tuple[int, int]) -> None:
    async with console(size) as (app, pilot):
        for keys in (("e", *["pagedown"] * 9), ("escape", "w"), ("escape",)):
            await pilot.press(*keys)
            await pilot.pause()
            for widget in screen(app).query("Static, Input, Choices"):
                if widget.display and widget.region.width and widget.region.height:
                    assert widget.region.right <= size[0]


async def test_every_key_is_in_the_help() -> None:
    async with console() as (app, pilot):
        text = help_for(app.screen).text
        for words in ("mark to train", "measure a few steps", "compare with another", "delete the file", "undo all"):
            assert words in text
        await pilot.press("e")
        await pilot.pause()
        text = help_for(app.screen).text
        for words in ("save the changes", "the form, or the file itself", "the next section", "back to the list"):
            assert words in text
