"""Keys that a person has changed: what the file may hold, and what they do then."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from textual.binding import Binding
from textual.widgets import Input, Static

from slmtui.cli import main
from slmtui.console.app import Console
from slmtui.console.base import MODES
from slmtui.console.dialogs.help import help_for
from slmtui.console.dialogs.question import Message
from slmtui.console.finding import Elsewhere, keys_of
from slmtui.console.keymap import _conflicts, _meet, all_bindings, keys_of_id, load_keymap
from slmtui.console.screens.runs.run_list import RunList
from slmtui.console.screens.runs.screen import RunsScreen
from slmtui.errors import UserError
from slmtui.settings import keys_file
from tests.console.conftest import NARROW, MakeConsole, Until
from tests.console.screen_text import rows_of
from tests.written_runs import done_run

CHANGED = """\
[runs]
sort = "f5"
delete = ["x", "ctrl+d"]
turn = "?"

[everywhere]
help = "f9"
switch-mode-data = "D"
"""


def seen(app: Console) -> str:
    return "\n".join("".join(segment.text for segment in row) for row in rows_of(app))


def test_ids_name_a_screen_and_an_action_and_are_kept_to() -> None:
    """A renamed id would silently take a person's key away: rename it here only with a line in the changelog."""
    ids = {one.binding.id for one in all_bindings()}
    assert {
        "runs.resume", "runs.sort", "runs.filter", "data.see-files", "data.token-back-1", "phases.start", "phases.save",
        "phases.edit-form", "train.pause", "train.ask-evaluate", "train.rate-back-1", "complete.prompt",
        "studies.seeds", "charts.move-10", "filter.unfilter", "everywhere.help", "everywhere.switch-mode-runs",
        "everywhere.leave",
    } <= ids  # fmt: skip
    assert {one.group for one in all_bindings()} == {*MODES, "charts", "filter", "everywhere"}


def test_every_key_of_the_palette_can_be_changed() -> None:
    ids = {(one.group, one.binding.action) for one in all_bindings()}
    for mode in MODES:
        assert {(mode, key.binding.action) for key in keys_of(mode)} <= ids


EITHER = ({"runs.resume", "runs.stop"}, {"studies.start", "studies.stop"})  # of which one can be done at a time


def test_no_two_actions_of_a_widget_or_a_screen_share_a_key() -> None:
    """What stands on a screen may give its keys another meaning while it has the focus; one class may not."""
    for owner in {one.owner for one in all_bindings()}:
        keys = Counter((one.binding.key, one.binding.id) for one in all_bindings() if one.owner is owner)
        ids = [{one for key, one in keys if key == shared} for shared in {key for key, _ in keys}]
        assert [both for both in ids if len(both) > 1 and both not in EITHER] == [], owner


def test_what_is_changed_is_found_by_id(tmp_path: Path) -> None:
    file = tmp_path / "keys.toml"
    assert load_keymap(file) == {}
    file.write_text(CHANGED)
    keymap = load_keymap(file)
    assert keymap == {
        "runs.sort": "f5", "runs.delete": "x,ctrl+d", "runs.turn": "question_mark", "everywhere.help": "f9",
        "everywhere.switch-mode-data": "D",
    }  # fmt: skip
    assert _conflicts(keymap) == {}
    (sort,) = [one for one in all_bindings() if one.binding.id == "runs.sort"]
    assert keys_of_id(keymap, sort) == ["f5"]
    assert keys_of_id({}, sort) == ["z"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[runs]\nsrot = 'f5'", "keys.toml:2: runs.srot: unknown action, did you mean sort?"),
        ("[runs]\n\nzzzz = 'f5'", "keys.toml:3: runs.zzzz: unknown action, allowed: "),
        ("[rnus]\nsort = 'f5'", "keys.toml:1: rnus: unknown, allowed: a table for a screen: [data], [phases]"),
        ("runs = 'f5'", "keys.toml:1: runs: not a table, allowed: a table for a screen"),
        ("[runs]\nsort = 5", "keys.toml:2: runs.sort: not possible (got 5), allowed: a key"),
        ("[runs]\nsort = []", "not possible (got []), allowed: a key"),
        ("[runs]\nsort = ''", "unknown key (got"),
        ("[runs]\nsort = 'contrl+r'", "unknown key (got"),
        ("[runs]\nsort = 'F5'", "unknown key (got"),
        ("[runs]\nsort = 'shift+a'", "unknown key (got"),
        ("[runs]\nsort = ['f5', 'aa']", 'allowed: a letter or sign, such as "a"'),
        ("[runs]\nsort = 'ctrl+q'", "that stays quit; allowed: any other key"),
        ("[runs]\nsort = 'f1'", "that stays help"),
        ("[runs]\nsort = 'x'", "keys.toml:2: runs.sort: x is runs.delete (delete) already; allowed: a key"),
        ("[runs]\nsort = 'd'", "d is everywhere.switch-mode-data"),
        ("[runs]\nsort = 'j'", "j is runs.cursor-down"),
        ("[runs]\nsort = 'pagedown'", "pagedown is a key of Textual"),
        ("[everywhere]\nexplain = 'z'", "z is train.recent"),
        ("[charts]\nleave = 'x'", " already; allowed: "),
        ("[runs]\nsort = 'f5'\nturn = 'f5'", "keys.toml:3: runs.turn: f5 is runs.sort"),
        ("[complete]\nnew-line = 'b'", "letters are typed there; allowed: such as"),
        ("[runs\n", "keys.toml:1"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line_and_what_is_allowed(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "keys.toml"
    file.write_text(text)
    with pytest.raises(UserError) as raised:
        load_keymap(file)
    assert said in str(raised.value)


def test_two_keys_may_change_places(tmp_path: Path) -> None:
    file = tmp_path / "keys.toml"
    file.write_text("[runs]\nsort = 'Z'\nturn = 'z'\n")
    assert load_keymap(file) == {"runs.sort": "Z", "runs.turn": "z"}


def test_any_action_can_have_a_free_key() -> None:
    """F12 is nobody's key, so it can be anybody's."""
    for one in all_bindings():
        assert _conflicts({one.binding.id or "": "f12"}) == {}, one
    assert not any(_meet(one, one) and one.binding.key == "f12" for one in all_bindings())


async def test_changed_keys_do_it_and_are_shown(make_console: MakeConsole, project: Path, until: Until) -> None:
    done_run(project / "checkpoints", "a-001")
    done_run(project / "checkpoints", "b-001", losses=[(3.0, 3.0)])
    file = project / "keys.toml"
    file.write_text(CHANGED)
    app = make_console("runs", keys=file)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, RunsScreen) and app.screen.query_one(RunList).names)
        runs = app.screen
        assert isinstance(runs, RunsScreen)
        await pilot.press("z")
        await pilot.pause()
        assert runs.panel.order == "run"  # the old key does nothing any more
        await pilot.press("f5", "question_mark")
        await until(pilot, lambda: runs.panel.order == "-phase" or runs.panel.order.startswith("-"))
        await until(pilot, lambda: "f5 sort" in seen(app))  # the bottom line
        assert "f9 help" in seen(app)
        words = [line.split(maxsplit=2) for line in help_for(app.screen).text.split("\n")]
        assert ["x", "^d", "delete this run, or the marked ones (asks first)"] in words
        assert any(line[:1] == ["f5"] and "sort by the next column" in " ".join(line) for line in words)
        titles = [command.title for command in app.get_system_commands(app.screen)]
        assert "Sort  ·  f5" in titles
        (sort,) = [key for key in keys_of("runs") if key.binding.action == "sort"]
        assert Elsewhere(app.screen)._shown(sort) == "f5"
        await pilot.press("d")
        await pilot.pause()
        assert app.current_mode == "runs"
        await pilot.press("D")
        await until(pilot, lambda: app.current_mode == "data")
        await pilot.press("f9")
        await until(pilot, lambda: isinstance(app.screen, Message) and app.screen.heading == "help")
        await pilot.press("escape", "r", "slash", *"sD?")  # and letters are letters in a field
        await until(pilot, lambda: isinstance(app.focused, Input) and app.focused.value == "sD?")
        await pilot.press("escape", "ctrl+d")
        await until(pilot, lambda: app.screen.is_modal)


async def test_with_a_mistake_the_usual_keys_work_and_it_is_said(
    make_console: MakeConsole, project: Path, until: Until
) -> None:
    done_run(project / "checkpoints", "a-001")
    file = project / "keys.toml"
    file.write_text("[runs]\nsort = 'f5'\nturn = 'x'\n")
    app = make_console("runs", keys=file)
    async with app.run_test(size=NARROW) as pilot:
        await until(pilot, lambda: isinstance(app.screen, Message) and app.screen.query(Static))
        text = str(app.screen.query_one(Static).content)
        assert "keys.toml:3: runs.turn: x is runs.delete (delete) already" in text
        assert "The keys are the usual ones until this is mended" in text
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen) and app.screen.query_one(RunList).names)
        runs = app.screen
        assert isinstance(runs, RunsScreen)
        await pilot.press("f5")
        await pilot.pause()
        assert runs.panel.order == "run"
        await pilot.press("z")
        await until(pilot, lambda: runs.panel.order != "run")


def test_the_command_lists_all_ids_with_their_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert main(["keys"]) == 0
    told = capsys.readouterr()
    listed = {line.split()[0]: line for line in told.out.splitlines()}
    assert listed.keys() == {one.binding.id for one in all_bindings()}
    assert listed["runs.resume"].split(maxsplit=2) == ["runs.resume", "s", "resume a run that was stopped or crashed"]
    assert f"none is changed; {keys_file()}" in told.err
    keys_file().parent.mkdir(parents=True)
    keys_file().write_text("[runs]\nresume = ['f5', 'R']\n")
    assert main(["keys", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line for line in lines if line["changed"]] == [
        {"id": "runs.resume", "keys": ["f5", "R"], "does": "resume a run that was stopped or crashed", "changed": True}
    ]
    keys_file().write_text("[runs]\nresume = 'x'\n")
    assert main(["keys"]) == 2
    assert "keys.toml:2: runs.resume: x is runs.delete" in capsys.readouterr().err


def test_bindings_have_ids_only_where_they_can_be_changed() -> None:
    stay = {"f1", "ctrl+q"}
    assert not stay & {one.binding.key for one in all_bindings()}
    assert all(isinstance(one.binding, Binding) and not one.binding.priority for one in all_bindings())
