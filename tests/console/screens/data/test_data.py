"""The Data screen, key by key: what it says of a corpus, where the cursor goes, what is saved."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import rmtree
from threading import Event
from typing import cast

import pytest
from textual.events import Key
from textual.pilot import Pilot
from textual.widgets import Input, Static

from slmtui.config.phase_file import load_phase
from slmtui.console.app import Console
from slmtui.console.dialogs.help import help_for
from slmtui.console.dialogs.question import Message, Question
from slmtui.console.hints import Hints
from slmtui.console.screens.data.file_table import MOST_ROWS, FilesTable
from slmtui.console.screens.data.numbers_panel import NumbersPanel
from slmtui.console.screens.data.overview import DataOverview, OverviewCache, find_out
from slmtui.console.screens.data.screen import DataScreen
from slmtui.console.screens.data.source_dialog import SourceDialog
from slmtui.console.screens.data.token_view import TokenView
from slmtui.console.ui_state import UIState
from slmtui.console.workers import phase_facts as facts
from slmtui.console.workers.trainer_thread import TrainerThread
from slmtui.insight.estimates import NoCounts, Speed
from tests.console.screen_text import rows_of, toasts
from tests.patience import until

PHASE = """\
[phase]
name = "alpha"
[data]
source = "corpus"
join = "published"  # so that the border may fall into a file
dataset_size = 700
patterns."opens" = 'open\\('
[tokenizer]
kind = "gpt2"
"""
NOUNS = ("order", "ticket", "sensor", "invoice", "parcel", "route", "driver", "depot", "label", "quota")


class IdleTrainer(TrainerThread):
    """Takes what is put and trains nothing."""

    def run(self) -> None:
        pass


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ten files of about 80 tokens that are much alike; the border of the dataset falls into one of them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "phases").mkdir()
    (tmp_path / "phases/quick.toml").write_text(PHASE)
    (tmp_path / "phases/beta.toml").write_text(PHASE.replace("alpha", "beta").replace('"gpt2"', '"bpe"'))
    (tmp_path / "corpus").mkdir()
    for i, noun in enumerate(NOUNS):
        (tmp_path / f"corpus/{i}_{noun}.py").write_text(
            f"# All about the {noun}.\ndef load_{noun}(path, limit={i}):\n    return open(path).read()[:limit]\n\n"
            f"def {noun}_{i}_total({noun}s):\n    return sum({noun}.size for {noun} in {noun}s)\n"
        )
    return tmp_path


def data(app: Console) -> DataScreen:
    return cast("DataScreen", app.screen_stack[0])


def complete(app: Console) -> bool:
    screen = app.screen_stack[0]
    return isinstance(screen, DataScreen) and screen.found is not None and screen.found.complete


@asynccontextmanager
async def console(size: tuple[int, int] = (120, 40), *, wait: bool = True) -> AsyncIterator[tuple[Console, Pilot[str]]]:
    """The console on its Data screen, with all found out, nothing trained and torch not imported."""
    app = Console(Path("checkpoints"), log=Path("console.log"), ui_state=UIState(Path("memory.json")))
    app.trainer = IdleTrainer(app.checkpoints)
    app.backend.start = lambda: None  # type: ignore[method-assign]
    async with app.run_test(size=size) as pilot:
        if not Path("phases").is_dir():  # then it opens on Phases, which offers to set up a project
            await until(pilot, lambda: isinstance(app.screen, Question))
            await pilot.press("escape")
            await until(pilot, lambda: not isinstance(app.screen, Question))
            await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, DataScreen))
        if wait:
            await until(pilot, lambda: complete(app))
            await pilot.pause()
        yield app, pilot


def text_of(app: Console, selector: str) -> str:
    widget = data(app).query_one(selector)
    static = widget if isinstance(widget, Static) else widget.query_one(Static)
    return str(static.content)


def seen(app: Console) -> str:
    """Everything on the screen, as text."""
    return "\n".join(row.text for row in rows_of(app))


def view(app: Console) -> TokenView:
    return data(app).query_one(TokenView)


async def test_it_shows_what_the_default_phase_is_about() -> None:
    async with console() as (app, _):
        found = data(app).found
        assert found is not None
        assert app.phase_file == Path("phases/quick.toml")
        holds = text_of(app, "#holds")
        for words in ("characters", "functions", "opens", "50,257"):
            assert words in holds
        validation = text_of(app, "#validation")
        assert "70 tokens, 1" in validation
        assert "the end of the text" in validation
        assert "gram model" in validation
        assert found.baseline is not None
        assert f"{found.baseline.loss:.3f}" in validation
        assert found.suggestion is not None
        assert found.suggestion.summary.split(",")[0] in text_of(app, "#suggestion")
        most = found.counted.inspection.frequent_tokens[0]
        assert str(most.count) in text_of(app, "#frequent").split("\n")[0]
        sides = [row.side for row in data(app).query_one(FilesTable).rows_shown]
        assert sides == sorted(sides, key=["train", "both", "val", ""].index)
        assert {"train", "both", ""} == set(sides), "the border is in a file, and some are beyond dataset_size"
        assert "corpus · 10 files" in seen(app)


async def test_the_focus_that_a_hidden_panel_lost_comes_back() -> None:
    async with console() as (app, pilot):
        await until(pilot, lambda: isinstance(app.focused, FilesTable))
        data(app).set_focus(None)  # as when the panels were hidden for as long as there was nothing to see
        await until(pilot, lambda: isinstance(app.focused, FilesTable))
        await pilot.press("j")
        assert data(app).query_one(FilesTable).cursor_row == 1


async def test_the_text_of_the_file_under_the_cursor_is_shown_token_by_token() -> None:
    async with console() as (app, pilot):
        assert "def·load_order(path" in seen(app)
        await pilot.press("j")
        assert "def·load_ticket(path" in seen(app)
        await pilot.press("enter")
        assert view(app).has_focus
        await pilot.press("l", "l")
        assert view(app).cursor == 2
        file = view(app).file
        assert file is not None
        token = file.ids(2, 3)[0]
        assert f"id {token} · {file.dataset.tokenizer.token_bytes(token).hex(' ')}" in text_of(app, "#token")
        assert " · train " in text_of(app, "#token")
        await pilot.press("j", "j")
        assert "line 2" in str(data(app).query_one("#reader").border_subtitle)
        await pilot.press("k", "k", "h")
        assert view(app).cursor <= 2
        await pilot.press("G")
        assert view(app).cursor == len(file) - 1
        await pilot.press("g")
        assert view(app).cursor == 0
        await pilot.press("b")
        assert "def│·load│" in seen(app)
        await pilot.press("b")
        assert "def·load" in seen(app)


async def test_the_line_between_training_and_validation_is_marked_in_the_text() -> None:
    async with console() as (app, pilot):
        table = data(app).query_one(FilesTable)
        table.move_cursor(row=[row.side for row in table.rows_shown].index("both"))
        await pilot.pause()
        await pilot.press("x", "m")
        file = view(app).file
        assert file is not None
        assert view(app).cursor == file.border == len(file.file.train)
        assert "training ends · validation begins" in seen(app)
        assert "validation" in str(data(app).query_one("#reader").border_subtitle)


async def test_a_file_of_the_test_side_is_called_so_and_can_be_read(project: Path) -> None:
    phase = (project / "phases/quick.toml").read_text().replace('join = "published"', 'test = ["1_*"]')
    (project / "phases/quick.toml").write_text(phase)
    async with console() as (app, pilot):
        assert [row.side for row in data(app).query_one(FilesTable).rows_shown][:3] == ["train", "test", "train"]
        await pilot.press("j")
        assert "def·load_ticket(path" in seen(app)
        await pilot.press("enter", "l", "G")
        file = view(app).file
        assert file is not None
        assert view(app).cursor == len(file) - 1 == len(file.file.test) - 1
        assert str(data(app).query_one("#reader").border_subtitle).endswith("test")


async def test_a_file_beyond_the_dataset_says_so() -> None:
    async with console() as (app, pilot):
        await pilot.press("G")
        await pilot.pause()
        assert "not in the dataset" in seen(app)
        assert "700 GPT-2 tokens" in seen(app)


async def test_a_file_that_is_not_in_the_dataset_says_why(project: Path) -> None:
    (project / "corpus/1_copy.jsonl").write_text(line := '{"text": "a record that is there twice"}\n')
    (project / "corpus/0_one.jsonl").write_text(line + "".join(f'{{"text": "the {noun} is new"}}\n' for noun in NOUNS))
    (project / "corpus/2_no_record.jsonl").write_text("")
    (project / "corpus/3_last.jsonl").write_text("".join(f'{{"text": "no {noun}"}}\n' for noun in NOUNS))
    (project / "corpus/4_beyond.jsonl").write_text('{"text": "never reached"}\n')
    phase = PHASE.replace('join = "published"', 'field = "text"\ndedupe = true').replace("size = 700", "size = 65")
    (project / "phases/quick.toml").write_text(phase)
    async with console() as (app, pilot):
        rows = [row for row in data(app).query_one(FilesTable).rows_shown if row.left_out is None]
        assert [row.absent for row in rows] == ["", "copy", "empty", "", "beyond"]
        for row, why in zip(rows, ("", "repeats earlier", "no text in it", "", "ends before it"), strict=True):
            assert why in view(app).message, row.name
            assert (view(app).file is None) == bool(why)
            await pilot.press("x", "enter")
            await until(pilot, lambda: isinstance(app.screen, Message) == (not why))  # noqa: B023
            await pilot.press(*(["escape"] * (not why)), "f", "j")
            await pilot.pause()


async def test_enter_jumps_to_both_places_of_the_longest_repeat() -> None:
    async with console() as (app, pilot):
        found = data(app).found
        assert found is not None
        leakage = found.leakage
        assert leakage is not None
        assert leakage.longest > 5
        await pilot.press("v", "enter")
        await pilot.pause()
        places = []
        for name in (leakage.longest_val, leakage.longest_train):
            file = view(app).file
            assert file is not None
            assert file.file.name == name.rpartition(":")[0]
            assert view(app).repeat
            assert view(app).cursor == view(app).repeat.start
            places.append(file.ids(view(app).repeat.start, view(app).repeat.stop))
            await pilot.press("e")
            await pilot.pause()
        assert places[0] == places[1], "the same tokens in both places"
        row = data(app).query_one(FilesTable).row_at_cursor()
        assert row is not None
        assert row.name == leakage.longest_val.rpartition(":")[0], "the third time it is validation again"


@pytest.mark.parametrize(
    ("key", "focus"),
    [("f", "file-table"), ("x", "text"), ("n", "holds"), ("v", "validation"), ("u", "suggestion")],
)
async def test_each_panel_has_a_key_and_a_page_on_a_narrow_terminal(key: str, focus: str) -> None:
    async with console((80, 24)) as (app, pilot):
        await pilot.press("x" if key == "f" else "f", key)
        await pilot.pause()
        assert app.focused is not None
        assert app.focused.id == focus
        assert app.focused.region.width > 20
        assert app.focused.region.bottom <= 24


async def test_tab_goes_through_all_panels_and_back() -> None:
    async with console((80, 24)) as (app, pilot):
        visited = []
        for _ in range(6):
            visited.append(app.focused.id if app.focused else None)
            await pilot.press("tab")
        assert visited == ["file-table", "text", "holds", "frequent", "validation", "suggestion"]
        assert app.focused is not None
        assert app.focused.id == "file-table"
        await pilot.press("shift+tab")
        assert app.focused.id == "suggestion"


async def test_another_phase_is_chosen_from_the_list() -> None:
    async with console() as (app, pilot):
        await pilot.press("o")
        assert isinstance(app.screen, SourceDialog)
        await pilot.press("g", "enter")
        await until(pilot, lambda: data(app).reader.origin == Path("phases/beta.toml") and complete(app))
        await until(pilot, lambda: "in bpe tokens" in text_of(app, "#holds"))
        assert app.phase_file == Path("phases/beta.toml")


@pytest.mark.parametrize(
    ("error", "words"),
    [(OSError(5, "Input/output error"), "cannot be read"), (ZeroDivisionError("by zero"), "bug in slmtui")],
)
async def test_whatever_goes_wrong_is_said(error: Exception, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("slmtui.console.screens.data.reader.find_out", fail)
    async with console(wait=False) as (app, pilot):
        await until(pilot, lambda: words in text_of(app, "#trouble"))
        assert str(error) in text_of(app, "#trouble")


async def test_a_slow_reading_hides_other_numbers_and_one_that_is_not_wanted_any_more_shows_nothing(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "slow.txt").write_text("Some words of a slow text, twice. " * 20)
    go_on, ended = Event(), Event()

    def find_slowly(origin: Path, known: OverviewCache, say: Callable[[str], None]) -> Iterator[DataOverview]:
        if origin == Path("slow.txt"):
            say("opening it for long …")
            assert go_on.wait(60)
            yield from find_out(origin, OverviewCache(), lambda _: None)
            ended.set()
        else:
            yield from find_out(origin, known, say)

    monkeypatch.setattr("slmtui.console.screens.data.reader.find_out", find_slowly)
    monkeypatch.setattr("slmtui.console.screens.data.reader.PATIENCE", -1.0)
    async with console() as (app, pilot):
        data(app).reader.open(Path("slow.txt"))
        await until(pilot, lambda: "Opening it for long" in text_of(app, "#trouble"))
        assert "slow.txt · opening it for long" in text_of(app, "#where")
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

        monkeypatch.setattr("slmtui.data.inspection.count_corpus", fail)
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
        assert found.suggestion.phase.training.max_iters > 160
        await pilot.press("s")
        path = Path("phases/suggested.toml")
        await until(pilot, lambda: path.exists() and data(app).reader.origin == path and complete(app))
        assert load_phase(path).training.max_iters == 160  # 32 s of 0.2 s each
        assert "as many as this machine makes in 32 s" in path.read_text()


async def test_s_saves_a_phase_that_can_be_trained_and_shows_it(project: Path) -> None:
    async with console() as (app, pilot):
        await pilot.press("s")
        path = Path("phases/suggested.toml")
        await until(pilot, lambda: path.exists() and data(app).reader.origin == path and complete(app))
        assert app.phase_file == path
        phase = load_phase(path)
        assert (phase.data.source, phase.data.dataset_size, phase.tokenizer.kind) == (("corpus",), 700, "bytes")
        path.write_text(path.read_text() + "# mine\n")
        await until(pilot, lambda: complete(app))
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, Question))
        await pilot.press("c")
        await pilot.pause()
        assert path.read_text().endswith("# mine\n"), "nothing is overwritten unasked"
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, Question))
        await pilot.press("n")
        await until(pilot, lambda: data(app).reader.origin == path.with_name("suggested-2.toml") and complete(app))
        assert path.read_text().endswith("# mine\n"), "a second suggestion has a file of its own"
        assert load_phase(Path("phases/suggested-2.toml")).name == "suggested-2" != load_phase(path).name
        data(app).reader.open(path)
        await until(pilot, lambda: data(app).reader.origin == path and complete(app))
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, Question))
        await pilot.press("o")
        await until(pilot, lambda: not path.read_text().endswith("# mine\n"))


async def test_a_suggestion_that_cannot_be_saved_is_a_message(project: Path) -> None:
    Path("phases/suggested.toml").mkdir(parents=True)
    async with console() as (app, pilot):
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, Question))
        await pilot.press("o")
        await until(pilot, lambda: isinstance(app.screen, Message))
        assert "phases/suggested.toml cannot be written: Is a directory" in seen(app)
        assert list(Path("phases").glob(".*")) == []


async def test_without_a_project_it_offers_to_set_one_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    async with console((80, 24), wait=False) as (app, pilot):
        await until(pilot, lambda: "set up a project" in seen(app))
        await pilot.press("i")
        await until(pilot, lambda: isinstance(app.screen, Question))
        await pilot.press("n")
        assert not (empty / "phases").exists()
        await pilot.press("i")
        await until(pilot, lambda: isinstance(app.screen, Question))
        await pilot.press("s")
        await until(pilot, lambda: (empty / "phases/quick.toml").exists())
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


async def test_hostile_names_and_texts_are_shown_and_not_obeyed(project: Path) -> None:
    (project / "corpus/0[red].py").write_text("x = '\x1b[31m[bold]' \u202e # [/red]\n" * 30)
    async with console() as (app, pilot):
        table = data(app).query_one(FilesTable)
        names = [row.name for row in table.rows_shown]
        table.move_cursor(row=names.index("0[red].py"))
        await pilot.pause()
        shown = seen(app)
        assert view(app).file is not None
        assert "0[red].py" in shown
        assert "␛[31m[bold]" in shown
        assert "[/red]" in shown
        assert "\x1b" not in shown
        assert "\u202e" not in shown


async def test_many_files_are_summed_up(project: Path) -> None:
    for i in range(MOST_ROWS + 50):
        (project / f"corpus/z{i:04}.py").write_text(f"x{i} = {i}\n")
    async with console() as (app, pilot):
        table = data(app).query_one(FilesTable)
        assert table.row_count == MOST_ROWS + 1
        await pilot.press("G")
        await pilot.pause()
        assert "… and 60 more files" in seen(app)


async def test_a_text_too_short_to_split_says_so(project: Path) -> None:
    (project / "short.txt").write_text("x")
    (project / "phases/quick.toml").write_text(PHASE.replace('"corpus"', '"short.txt"'))
    async with console() as (app, _):
        assert "too few to split" in seen(app)
        assert "too short to train on" in text_of(app, "#suggestion")


async def test_every_key_is_in_the_help_and_nothing_is_cut_off() -> None:
    async with console((80, 24)) as (app, pilot):
        help_text = help_for(app.screen).text
        for words in ("which side of the split", "longest repeat", "read the corpus again", "set up a project"):
            assert words in help_text
        for key in "nv":
            await pilot.press(key)
            await pilot.pause()
            for panel in data(app).query(NumbersPanel):
                if panel.region.width:
                    lines = str(panel.query_one(Static).content).split("\n")
                    assert max(map(len, lines)) <= panel.region.width - 3
        await pilot.resize_terminal(44, 14)
        await pilot.pause()
        await pilot.resize_terminal(120, 40)
        await pilot.pause()
        assert "what this suggests" in seen(app)


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
        await until(pilot, lambda: "o open  i set up" in str(hints.render()))
        assert "counts" not in str(hints.render())
        await pilot.press("p")
        await until(pilot, lambda: app.current_mode == "phases" and app.screen.query(Hints))
        hints = app.screen.query_one(Hints)
        await until(pilot, lambda: "n new  i set up" in str(hints.render()))
        assert "train" not in str(hints.render())


async def test_space_leaves_a_file_out_and_takes_it_in_again(project: Path) -> None:
    (project / "corpus/.secret").write_text("hidden\n")
    (project / "corpus/photo.jpg").write_bytes(b"\xff\xd8\0\0")
    phase = Path("phases/quick.toml")
    before = phase.read_text()
    async with console() as (app, pilot):
        assert "10 files · 2 left out" in seen(app)
        table = data(app).query_one(FilesTable)
        await pilot.press("j", "space")
        await until(pilot, lambda: complete(app) and "9 files · 3 left out" in seen(app))
        assert load_phase(phase).data.exclude == ("/1_ticket.py",)
        assert "1_ticket.py\nis left out: data.exclude names it" in view(app).message, "the cursor is on it as before"
        await pilot.press("space")
        await until(pilot, lambda: complete(app) and "10 files · 2 left out" in seen(app))
        assert phase.read_text() == before
        await pilot.press("G", "k")
        row = table.row_at_cursor()
        assert row is not None
        assert row.name == ".secret"
        assert "hidden" in view(app).message
        await pilot.press("space")
        await until(pilot, lambda: complete(app) and "11 files · 1 left out" in seen(app))
        await pilot.press("G", "space")
        await pilot.pause()
        assert "no pattern takes it in" in "\n".join(toasts(app))
        assert load_phase(phase).data.exclude == ("!/.secret",)


async def test_without_a_phase_space_says_what_to_do() -> None:
    async with console() as (app, pilot):
        data(app).reader.open(Path("corpus"))
        await until(pilot, lambda: data(app).reader.origin == Path("corpus") and complete(app))
        await pilot.press("f", "space")
        await until(pilot, lambda: "s saves the suggestion" in "\n".join(toasts(app)))


async def test_documents_are_gone_through_and_read_as_plain_text(project: Path) -> None:
    lines = [f"This is the {i}th line of all, said {noun}." for i, noun in enumerate(NOUNS)]
    (project / "lines.txt").write_text("\n".join([*lines, lines[3]]))
    phase = PHASE.replace('"corpus"', '"lines.txt"').replace('join = "published"', 'documents = "lines"')
    (project / "phases/quick.toml").write_text(phase)
    async with console() as (app, pilot):
        row = data(app).query_one(FilesTable).row_at_cursor()
        assert row is not None
        assert row.documents == 11
        assert "docs" in seen(app)
        await pilot.press("x", "]", "]")
        await pilot.pause()
        subtitle = str(data(app).query_one("#reader").border_subtitle)
        assert "[ 3 of 11 ] · line 3" in subtitle
        await pilot.press("[", "enter")
        await until(pilot, lambda: isinstance(app.screen, Message))
        assert lines[1] in seen(app)
        assert lines[2] not in seen(app)
        await pilot.press("escape")
        assert "lines.txt:4" in text_of(app, "#validation")
        assert "lines.txt:11" in text_of(app, "#validation")


async def test_a_near_copy_says_what_it_is_like(project: Path) -> None:
    (project / "phases/quick.toml").write_text(
        PHASE.replace('join = "published"', "").replace("dataset_size = 700", "")
    )
    (project / "corpus/zz.py").write_text((project / "corpus/3_invoice.py").read_text() + "x = 1\n")
    async with console() as (app, pilot):
        assert "near-copies" in text_of(app, "#validation")
        await pilot.press("G")
        await until(pilot, lambda: "like 3_invoice.py (train)" in str(data(app).query_one("#reader").border_title))


async def test_it_says_how_much_was_looked_at_for_near_copies(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "phases/quick.toml").write_text(
        PHASE.replace('join = "published"', "").replace("dataset_size = 700", "")
    )
    (project / "corpus/0_again.py").write_text((project / "corpus/3_invoice.py").read_text() + "x = 1\n")
    monkeypatch.setattr("slmtui.data.near_copies.COMPARED_TOKENS", 500)
    async with console() as (app, _):
        words = " ".join(text_of(app, "#validation").split())
        assert "0_again.py" in words
        assert "near-copies looked for in the first 500 of " in words
    monkeypatch.setattr("slmtui.data.near_copies.COMPARED_TOKENS", 90)
    async with console() as (app, _):
        words = " ".join(text_of(app, "#validation").split())
        assert "near-copies none near-copies looked for in the first 90 of " in words


async def test_tokens_of_a_file_are_counted_as_in_the_table_without_the_ends_of_documents(project: Path) -> None:
    (project / "corpus/lines.txt").write_text("one line of text\nand another line\nand the last\n")
    (project / "phases/quick.toml").write_text(
        PHASE.replace(
            'source = "corpus"\njoin = "published"', 'source = "corpus/lines.txt"\ndocuments = "lines"'
        ).replace("dataset_size = 700", "")
    )
    async with console((160, 40)) as (app, pilot):
        row = data(app).query_one(FilesTable).row_at_cursor()
        assert row is not None
        assert (row.name, row.tokens) == ("lines.txt", 10)

        def subtitle() -> str:
            return str(data(app).query_one("#reader").border_subtitle)

        await until(pilot, lambda: "token 1 of 10 " in subtitle())
        await pilot.press("x", "right", "right", "right", "right")
        await until(pilot, lambda: "after token 4 of 10 " in subtitle())
        assert "the end of the document" in text_of(app, "#token")
        await pilot.press("right")
        await until(pilot, lambda: "line 2 · token 5 of 10 " in subtitle())
        await pilot.press("G")
        await until(pilot, lambda: "after token 10 of 10 " in subtitle())
