"""The palette has every action of where one is, once, with the key that does it; so have the dialogs."""

from __future__ import annotations

from pathlib import Path

from textual.widgets import Button

from slmtui.console.base import KEYS, MODES
from slmtui.console.dialogs.question import Message, Question
from slmtui.console.hints import Hints
from tests import written_runs
from tests.console.conftest import NARROW, WIDE, MakeConsole, Until
from tests.console.screen_text import rows_of, seen


async def test_the_palette_has_every_action_once_with_its_key(
    make_console: MakeConsole, project: Path, until: Until
) -> None:
    happened = [written_runs.started(phase := written_runs.make_phase()), *written_runs.evaluations([(6.0, 6.1)])]
    run = written_runs.write_run(project / "checkpoints", "tiny-001", phase, happened)
    app = make_console("train")
    with run.lock():
        async with app.run_test(size=WIDE) as pilot:
            await until(pilot, lambda: "pause" in str(app.screen.query_one(Hints).render()))
            commands = list(app.get_system_commands(app.screen))
    titles, helps = [command.title for command in commands], [command.help for command in commands]
    assert len(set(titles)) == len(titles)
    elsewhere = [mode for mode in MODES if mode != "train"]  # here, t shows the table
    assert {f"{mode.capitalize()}  ·  {KEYS[mode]}" for mode in elsewhere} <= set(titles)
    assert {"Pause  ·  space", "Stop  ·  s", "Lower rate  ·  -", "Queue  ·  u", "Theme"} <= set(titles)
    assert "the screen of all runs, their curves and reports" in helps
    assert not [title for title in titles if "Cursor" in title or "Focus" in title or "Scroll" in title]


async def test_an_action_of_the_palette_is_done(make_console: MakeConsole, until: Until) -> None:
    app = make_console("train")
    async with app.run_test(size=NARROW) as pilot:
        await until(pilot, lambda: app.screen.has_class("-empty"))
        (queue,) = [c for c in app.get_system_commands(app.screen) if c.title.startswith("Queue")]
        await queue.callback()
        await until(pilot, lambda: "Nothing is waiting" in seen(app))


async def test_a_heading_is_shown_as_it_is_and_not_read_as_markup(make_console: MakeConsole, project: Path) -> None:
    app = make_console("train")
    async with app.run_test(size=NARROW) as pilot:
        await app.push_screen(Message("text", title="sample of 'a[/b] [red]'"))
        await pilot.pause()
        rows = [row.text for row in rows_of(app)]
        assert any("sample of 'a[/b] [red]'" in row for row in rows)
        assert not (project / "console.log").exists()


async def test_each_answer_shows_its_key_and_has_it(make_console: MakeConsole) -> None:
    app = make_console("train")
    async with app.run_test(size=NARROW) as pilot:
        answers: list[str | None] = []
        question = Question("Well?", {"yes": "Certainly", "no": "Never"})
        await app.push_screen(question, answers.append)
        assert [str(button.label) for button in app.screen.query(Button)] == ["Certainly", "Never"]
        await pilot.press("n")
        assert answers == ["no"]
