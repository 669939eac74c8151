"""What the console remembers, and what becomes of what goes wrong in it."""

from __future__ import annotations

import os
from importlib.metadata import version
from inspect import signature
from pathlib import Path
from typing import ClassVar

import pytest
from rich.color import Color, ColorSystem
from textual import on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.color import Color as TextualColor
from textual.command import CommandPalette
from textual.screen import ModalScreen, Screen
from textual.theme import Theme
from textual.widget import Widget
from textual.widgets import Button, Input, OptionList

from slmtui.console.app import Console
from slmtui.console.charts.widget import Chart
from slmtui.console.dialogs.question import Message, Question
from slmtui.console.dialogs.source import SourceDialog
from slmtui.console.screens.phases.screen import PhasesScreen
from slmtui.console.screens.studies.words import NO_FOLDER
from slmtui.console.screens.train.screen import TrainScreen
from slmtui.console.themes import THEMES
from slmtui.console.ui_state import UIState
from slmtui.console.workers.trainer_thread import Failure
from slmtui.runs.run import Run
from tests.closed import close
from tests.console.conftest import NARROW, WIDE, MakeConsole, Until
from tests.console.screen_text import rows_of, seen, toasts


def same_person(project: Path) -> Console:
    """The console started again."""
    return Console(Path("checkpoints"), log=project / "console.log", ui_state=UIState(project / "memory.json"))


async def test_screen_theme_and_layout_are_remembered(
    make_console: MakeConsole, project: Path, finished_run: Run, until: Until
) -> None:
    async with make_console("runs").run_test(size=WIDE) as pilot:
        await pilot.press("t")
        await until(pilot, lambda: isinstance(pilot.app.screen, TrainScreen) and pilot.app.screen.history)
        await pilot.press("a", "y", "m", "t")
        pilot.app.theme = "slmtui-safe"
        await pilot.pause()
    again = same_person(project)
    async with again.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: isinstance(again.screen, TrainScreen))
        assert again.theme == "slmtui-safe"
        assert again.screen.has_class("-table")
        chart = again.screen.query_one("#loss", Chart)
        await until(pilot, lambda: chart.spec)
        assert chart.spec is not None
        assert (chart.spec.x_label, chart.spec.log_y) == ("tokens", True)
        assert "train-raw" in [series.role for series in chart.spec.series]
        assert finished_run.name in str(again.screen.query_one("#phase-title").render())


async def test_a_memory_that_makes_no_sense_is_no_obstacle(project: Path, until: Until) -> None:
    (project / "memory.json").write_text('{"screen": "nowhere", "theme": 7, "train.x": "miles", "train.table": "yes"}')
    app = same_person(project)
    async with app.run_test(size=NARROW) as pilot:
        assert app.current_mode == "data"
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, TrainScreen))
        assert app.screen.charts.view.x == "steps"  # type: ignore[attr-defined]


async def test_a_fault_is_a_dialog_and_its_details_are_in_the_log(
    make_console: MakeConsole, project: Path, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_console("train")
    async with app.run_test(size=NARROW) as pilot:
        await until(pilot, lambda: app.screen.has_class("-empty"))
        with monkeypatch.context() as as_in_a_terminal:
            as_in_a_terminal.setattr(Console, "is_headless", False)  # under test a fault has to fail the test
            app._handle_exception(ZeroDivisionError("of [red]course[/nothing]"))
        await until(pilot, lambda: isinstance(app.screen, Message))
        assert isinstance(app.screen, Message)
        assert "ZeroDivisionError: of [red]course[/nothing]" in app.screen.text
        assert "ctrl+l" in app.screen.text
        await pilot.press("escape", "ctrl+l")
        await until(pilot, lambda: isinstance(app.screen, Message) and "ZeroDivisionError" in app.screen.text)
        assert "ZeroDivisionError" in (project / "console.log").read_text()
        await pilot.press("escape")
        assert isinstance(app.screen, TrainScreen)


class FaultyDialog(ModalScreen[None]):
    """Its keys and its button raise, and so does its mounting if asked to."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "fail"), Binding("escape", "dismiss(None)", "cancel")]

    def __init__(self, *, at_once: bool = False) -> None:
        super().__init__()
        self.at_once = at_once

    def compose(self) -> ComposeResult:
        yield Input()

    def on_mount(self) -> None:
        if self.at_once:
            raise RuntimeError("of the mounting")

    def action_fail(self) -> None:
        raise RuntimeError("of the action")

    @on(Input.Changed)
    def fail(self, event: Input.Changed) -> None:
        raise RuntimeError(f"of the handler: {event.value}")


@pytest.mark.parametrize(("keys", "fault"), [("x", "of the handler: x"), ("", "of the mounting")])
async def test_a_dialog_whose_handler_fails_can_be_closed_and_the_app_be_quit(
    make_console: MakeConsole, project: Path, until: Until, monkeypatch: pytest.MonkeyPatch, keys: str, fault: str
) -> None:
    monkeypatch.setattr(Console, "is_headless", False)  # as in a terminal: under test a fault fails the test
    app = make_console("train")
    async with app.run_test(size=NARROW) as pilot:
        await until(pilot, lambda: app.screen.has_class("-empty"))
        app.push_screen(FaultyDialog(at_once=not keys))
        await until(pilot, lambda: isinstance(app.screen, FaultyDialog | Message))
        await pilot.press(*keys)
        await until(pilot, lambda: isinstance(app.screen, Message) and fault in app.screen.text)
        assert fault in (project / "console.log").read_text()
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, FaultyDialog))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, TrainScreen))
        await pilot.press("d", "q")
        await until(pilot, lambda: app.return_value == "quit")


async def test_a_fault_of_a_worker_or_of_the_app_itself_is_told_by_its_cause(
    make_console: MakeConsole, project: Path, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        raise RuntimeError("of the worker")

    def fail() -> None:
        raise RuntimeError("of the app")

    monkeypatch.setattr(Console, "is_headless", False)
    app = make_console("train")
    async with app.run_test(size=NARROW) as pilot:
        await until(pilot, lambda: app.screen.has_class("-empty"))
        app.run_worker(work())
        await until(pilot, lambda: isinstance(app.screen, Message))
        assert app.screen.text.startswith("RuntimeError: of the worker")  # type: ignore[attr-defined]
        await pilot.press("escape")
        app.call_later(fail)
        await until(pilot, lambda: isinstance(app.screen, Message) and "of the app" in app.screen.text)
        app.call_later(fail)  # many faults come again and again
        await pilot.press("escape")
        assert isinstance(app.screen, TrainScreen)
        await pilot.press("q")
        await until(pilot, lambda: app.return_value == "quit")
    assert "in work" in (project / "console.log").read_text()


@pytest.mark.parametrize("keys", [("ctrl+l",), ("ctrl+p",), ("ctrl+p", "r"), ("ctrl+p", *"run", "down"), ("f2", "f1")])
async def test_ctrl_q_quits_from_within_a_dialog_too(
    make_console: MakeConsole, project: Path, until: Until, keys: tuple[str, ...]
) -> None:
    """And from the palette, also while it is searching."""
    app = make_console("train")
    async with app.run_test(size=NARROW) as pilot:
        await until(pilot, lambda: app.screen.has_class("-empty"))
        await pilot.press(*keys, "ctrl+q")
        await until(pilot, lambda: app.return_value == "quit")
    log = project / "console.log"
    assert not log.exists() or "Traceback" not in log.read_text()


async def test_a_log_that_is_a_pipe_is_not_waited_for(make_console: MakeConsole, project: Path) -> None:
    app = make_console("train")
    app.log_path.unlink(missing_ok=True)
    os.mkfifo(app.log_path)
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("ctrl+l")
        await pilot.pause()
        assert isinstance(app.screen, Message)
        assert app.screen.text == "the log cannot be read: neither a file nor a folder"


async def test_what_could_not_be_trained_is_said_although_the_log_cannot_be_written(
    make_console: MakeConsole, until: Until
) -> None:
    app = make_console("data")
    app.log_path.unlink(missing_ok=True)
    app.log_path.mkdir()
    async with app.run_test(size=NARROW) as pilot:
        app.trainer.failures.append(Failure("tiny", "ZeroDivisionError: of course", ZeroDivisionError("of course")))
        await until(pilot, lambda: app.failures)
        assert app.failures == [("tiny could not be trained", "ZeroDivisionError: of course")]
        await until(pilot, lambda: any("tiny could not be trained" in toast for toast in toasts(app)))


@pytest.mark.parametrize("key", ["pagedown", "pageup", "down", "ctrl+end"])
async def test_a_palette_without_room_for_its_list_takes_keys(
    make_console: MakeConsole, until: Until, key: str
) -> None:
    app = make_console("train")
    async with app.run_test(size=NARROW) as pilot:
        await until(pilot, lambda: app.screen.has_class("-empty"))
        await pilot.press("ctrl+p")
        await until(
            pilot, lambda: isinstance(app.screen, CommandPalette) and app.screen.query_one(OptionList).option_count
        )
        await pilot.resize_terminal(80, 2)
        await pilot.press(key, key)
        await pilot.resize_terminal(*NARROW)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, TrainScreen))


def test_what_textual_has_no_public_name_for_is_there() -> None:
    """What the console takes from Textual for want of a public name, with what for."""
    needed = {
        (Screen, "_modal_binding_chain"): "why a key has nothing to do (Console._why_not)",
        (App, "_parse_action"): "whose action a key is (Console._why_not, go_and_do)",
        (App, "_handle_exception"): "a fault is a dialog (Console._handle_exception)",
        (App, "_exception_event"): "a fault fails a test (Console._handle_exception)",
        (Widget, "_forward_event"): "keys typed ahead (Console._on_key)",
        (Screen, "_compositor"): "the words on a screen (text/seen.py)",
    }
    made = {App: App[None](), Screen: Screen[None](), Widget: Widget()}
    lacking = [
        f"Textual {version('textual')} has no {cls.__name__}.{name}: {what}"
        for (cls, name), what in needed.items()
        if not hasattr(cls, name) and name not in vars(made[cls])
    ]
    assert lacking == []
    chain = signature(App._parse_action).parameters
    assert [*chain][:3] == ["self", "action", "default_namespace"], "Console._why_not and go_and_do call it so"


async def test_links_into_a_folder_that_may_not_be_entered_are_taken_for_no_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, until: Until
) -> None:
    closed, here = tmp_path / "closed", tmp_path / "here"
    (here / "data").mkdir(parents=True)
    for name in ("phases", "studies", "data/chromadb"):
        (closed / name).mkdir(parents=True)
        (here / name).symlink_to(closed / name)
    monkeypatch.chdir(here)
    close(closed, monkeypatch)

    def ready(words: str) -> bool:
        return NO_FOLDER.splitlines()[0] in words or "Permission denied" in words  # which versions of Python differ in

    app = Console(Path("checkpoints"), log=tmp_path / "console.log", ui_state=UIState(tmp_path / "memory.json"))
    async with app.run_test(size=NARROW) as pilot:
        await until(pilot, lambda: isinstance(app.screen, SourceDialog) and "sample corpus" in seen(app))
        await pilot.press("escape", "d")
        await until(pilot, lambda: app.current_mode == "data" and "begin" in seen(app))
        await pilot.press("Y")
        await until(pilot, lambda: app.current_mode == "studies" and ready(seen(app)))
        app.push_screen(SourceDialog("which text?", offers={Path("phases"): "of a phase"}))
        await until(pilot, lambda: "of a phase" in seen(app))
        await pilot.press("right")
        assert isinstance(app.screen, SourceDialog)
        assert app.screen.folder == Path()


async def test_an_empty_log_says_so(make_console: MakeConsole) -> None:
    app = make_console("train")
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("ctrl+l")
        await pilot.pause()
        assert isinstance(app.screen, Message)
        assert app.screen.text == "nothing was printed"


def test_what_is_remembered_of_a_project_is_of_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def in_project(name: str) -> UIState:
        (tmp_path / name).mkdir(exist_ok=True)
        monkeypatch.chdir(tmp_path / name)
        return UIState(tmp_path / "memory.json")

    one, other = in_project("one"), in_project("other")
    one.remember("phase", "phase0.toml")
    other.remember("screen", "runs")
    other.remember("theme", "slmtui-light")
    assert in_project("other").text("phase", "quick.toml") == "quick.toml"
    assert in_project("one").text("phase", "quick.toml") == "phase0.toml"
    assert in_project("one").text("screen", "data") == "data"
    assert in_project("other").text("screen", "data") == "runs"
    assert in_project("one").text("theme", "") == "slmtui-light"  # a person's taste goes along
    for number in range(120):
        in_project(f"p{number}").remember("phase", "x.toml")
    assert in_project("one").text("phase", "") == ""
    assert in_project("p119").text("phase", "") == "x.toml"


async def test_a_phase_that_was_chosen_elsewhere_chooses_none_here(
    tmp_path: Path, tiny_toml: str, monkeypatch: pytest.MonkeyPatch, until: Until
) -> None:
    chosen: dict[str, Path | None] = {}
    for name, keys in (("one", ("down",)), ("other", ()), ("one", ())):
        phases = tmp_path / name / "phases"
        phases.mkdir(parents=True, exist_ok=True)
        for phase in ("quick", "zero"):
            (phases / f"{phase}.toml").write_text(tiny_toml)
        monkeypatch.chdir(tmp_path / name)
        memory = UIState(tmp_path / "memory.json")
        memory.remember("screen", "phases")
        app = Console(Path("checkpoints"), log=Path("console.log"), ui_state=memory)
        async with app.run_test(size=NARROW) as pilot:
            await until(pilot, lambda app=app: isinstance(app.screen, PhasesScreen) and app.screen.draft)  # type: ignore[misc]
            await pilot.press(*keys)
            await until(pilot, lambda app=app, keys=keys: not keys or app.phase_file == Path("phases/zero.toml"))  # type: ignore[misc]
            await until(pilot, lambda app=app: app.screen.inspector.runs_known)  # type: ignore[misc]
            chosen[name] = app.phase_file
    assert chosen == {"one": Path("phases/zero.toml"), "other": Path("phases/quick.toml")}


async def test_the_question_at_leaving_keeps_names_as_they_are(make_console: MakeConsole, until: Until) -> None:
    app = make_console("train")
    app.backend.ready = True
    app.backend.start = lambda: None  # type: ignore[method-assign]
    async with app.run_test(size=NARROW) as pilot:
        app.trainer.run_now = Run(Path("checkpoints/Big-PyModel-001"))
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, Question))
        assert isinstance(app.screen, Question)
        assert app.screen.question.startswith("Training Big-PyModel-001. ")
        app.trainer.run_now = None


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
async def test_the_button_with_the_focus_is_the_most_visible_one(
    make_console: MakeConsole, until: Until, theme: Theme
) -> None:
    """In all colours, in 256 and in 16: against the dialog, its ground stands out more than that of the others."""
    app = make_console("runs")
    async with app.run_test(size=NARROW) as pilot:
        app.theme = theme.name
        app.push_screen(Question("Well?", {"yes": "Yes", "no": "No"}))
        await until(pilot, lambda: isinstance(app.focused, Button))
        await pilot.pause()
        row = next(row for row in rows_of(app) if "Yes" in row.text and "No" in row.text)
        looks = {text: seg.style for seg in row for text in ("es", "o") if seg.text.strip() == text and seg.style}
        dialog = TextualColor.parse(app.theme_variables["surface"])
        assert not any(style.reverse for style in looks.values())
        for system in (ColorSystem.TRUECOLOR, ColorSystem.EIGHT_BIT, ColorSystem.STANDARD):

            def light(colour: Color | None, system: ColorSystem = system) -> float:
                """Relative luminance (WCAG)."""
                assert colour is not None
                red, green, blue = (
                    c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4
                    for c in colour.downgrade(system).get_truecolor().normalized
                )
                return 0.2126 * red + 0.7152 * green + 0.0722 * blue

            def contrast(one: float, other: float) -> float:
                return (max(one, other) + 0.05) / (min(one, other) + 0.05)

            behind = light(Color.from_rgb(*dialog.rgb))
            focused, other = (contrast(behind, light(looks[text].bgcolor)) for text in ("es", "o"))
            assert focused > 1.5 * other, system
            assert contrast(light(looks["es"].bgcolor), light(looks["es"].color)) > 3, system
