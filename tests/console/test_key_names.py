"""What keys are called: one letter for the same thing on all screens, and in sentences the key that is in force."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.keys import format_key

from slmtui.console.key_names import key, use_keymap
from slmtui.console.keymap import all_bindings
from tests.console.conftest import NARROW, MakeConsole, Until
from tests.console.screen_text import seen
from tests.written_runs import done_run

CONSOLE = Path(__file__).parents[2] / "slmtui" / "console"
SHOWN = {"escape": "esc", "plus": "+", "space": "space", "enter": "enter"}
# What a letter is for, wherever it is for something.
MEANINGS = {
    "s": {  # to start a training, and to stop it
        "phases.start", "train.stop", "runs.resume", "runs.stop", "studies.start", "studies.stop",
    },
    "n": {"data.save", "phases.new", "complete.new-seed"},  # something new: a phase, a seed
    "x": {"phases.delete", "runs.delete"},
    "c": {"everywhere.switch-mode-complete"},
    "r": {"everywhere.switch-mode-runs"},
    "v": {"phases.against", "complete.compare", "runs.compare"},  # versus
    "V": {"complete.serve", "runs.serve"},
    "w": {"train.warnings"},
    "b": {"data.begin", "phases.begin", "complete.read", "runs.baseline", "data.bars"},
    "y": {"phases.copy", "train.log-y", "complete.copy", "runs.copy"},
}  # fmt: skip
# Keys for which many keyboards need shift or AltGr, and what else does it there.
SIGNS = {
    "slash": "ctrl+f", "question_mark": "f1", "plus": "equals_sign", "left_square_bracket": "comma",
    "right_square_bracket": "full_stop",
}  # fmt: skip
LETTER = re.compile(r"(?:^|(?<=[\s(:;,·]))[B-HJ-Zb-z](?=[\s),.;:]|$)(?! \d)")
NO_KEYS = ("p = ", "L = (", "L = ", " D)^", "N^", "/ D", "[x", "b/byte", "of 2 B", "d to go")


@pytest.mark.parametrize("letter", MEANINGS)
def test_a_letter_means_the_same_on_all_screens(letter: str) -> None:
    assert {one.binding.id for one in all_bindings() if one.binding.key == letter} == MEANINGS[letter]


def test_what_needs_shift_on_many_keyboards_has_another_key() -> None:
    keys: dict[str, set[str]] = {}
    for one in all_bindings():
        keys.setdefault(one.binding.id or "", set()).add(one.binding.key)
    for action, its in keys.items():
        for sign in its & SIGNS.keys():
            assert SIGNS[sign] in its or action == "everywhere.help", f"{action}: {sign}"


def calls() -> Iterator[tuple[str, ast.Call]]:
    for path in sorted(CONSOLE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "key":
                yield f"{path.relative_to(CONSOLE)}:{node.lineno}", node


def test_sentences_name_actions_that_there_are_with_their_usual_keys() -> None:
    usual: dict[str, set[str]] = {}
    for one in all_bindings():
        names = {one.binding.key, format_key(one.binding.key), SHOWN.get(one.binding.key, one.binding.key)}
        usual.setdefault(one.binding.id or "", set()).update(names)
    found = 0
    for where, call in calls():
        action, name = call.args
        if isinstance(action, ast.Constant) and isinstance(name, ast.Constant):
            found += 1
            assert name.value in usual.get(str(action.value), ()), f"{where}: {action.value!r} is not {name.value!r}"
    assert found > 40


def texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and text: what may come on a screen: no docstrings, no bindings, no styles, no names of keys for `key`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("Binding", "key"):
            continue
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(one, ast.Name) and one.id.endswith("CSS") for one in targets):
                continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
            yield node.lineno, node.value
        yield from texts(node)


def test_no_sentence_names_a_letter_that_may_be_changed() -> None:
    """Dialogs keep their keys, and name them."""
    wrong = []
    for path in sorted(CONSOLE.rglob("*.py")):
        if "dialog" in str(path.relative_to(CONSOLE)) or path.name == "keymap.py":
            continue
        for line, text in texts(ast.parse(path.read_text())):
            if LETTER.search(text) and not any(words in text for words in NO_KEYS):
                wrong.append(f"{path.relative_to(CONSOLE)}:{line}: {text.strip()[:60]}")
    assert wrong == []


def test_a_changed_key_is_named_as_it_is_shown() -> None:
    use_keymap({"runs.stop": "question_mark,f5", "runs.undo": "f9"})
    try:
        assert [key("runs.stop", "s"), key("runs.undo", "u"), key("runs.resume", "s")] == ["?", "f9", "s"]
    finally:
        use_keymap({})


async def test_screens_name_the_changed_keys(make_console: MakeConsole, project: Path, until: Until) -> None:
    done_run(project / "checkpoints", "a-001")
    done_run(project / "checkpoints", "b-001", reason="stopped")
    file = project / "keys.toml"
    file.write_text(
        "[runs]\nresume = 'f5'\nreport = 'f6'\ncomplete = 'f7'\n[everywhere]\nswitch-mode-complete = 'f12'\n"
        "switch-mode-runs = 'f9'\n[train]\nsample = 'f10'\n"
    )
    app = make_console("runs", keys=file)
    async with app.run_test(size=NARROW) as pilot:
        await until(pilot, lambda: "f7 talks to it, f6 writes a report" in seen(app))
        await pilot.press("down")
        await until(pilot, lambda: "f5 resumes from step" in seen(app))
        await pilot.press("enter")
        await until(pilot, lambda: "f12 talks to it, f5 on Runs resumes it" in seen(app))
