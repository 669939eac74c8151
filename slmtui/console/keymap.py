"""Keys that a person has changed, in keys.toml beside settings.toml. Each action has an id: its screen, and its name.

    [runs]
    resume = "f5"               # in the place of s
    delete = ["x", "ctrl+d"]    # one of several

The ids are made from the bindings of the screens and of what stands on them, so there is no second list; `slmtui keys`
prints them. Dialogs keep their keys, and so do F1 and ctrl+q, which lead out of everything.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from textual import actions
from textual.binding import Binding, BindingsMap
from textual.dom import DOMNode
from textual.keys import Keys, key_to_character
from textual.screen import ModalScreen, Screen
from textual.widgets import Input, TextArea

from slmtui.config.errors import PhaseError, Problem, printable, shown
from slmtui.config.phase_file import parse_toml, read_phase_text
from slmtui.config.positions import spots
from slmtui.console.base import MODES
from slmtui.console.host import Host
from slmtui.files import is_there

EVERYWHERE = "everywhere"
PACKAGES = {**{mode: f"slmtui.console.screens.{mode}" for mode in MODES}, "charts": "slmtui.console.charts",
            "filter": "slmtui.console.filtering"}  # fmt: skip
ON_SEVERAL = ("charts", "filter")  # groups of what stands on more than one screen
STAY = {"f1": "help", "ctrl+q": "quit", "ctrl+p": "the palette"}
MODIFIERS = ("ctrl", "alt", "shift", "super")
KEYS_ALLOWED = 'a letter or sign, such as "a", "A" or "?", or a name, such as "space", "f5", "ctrl+r" or "shift+up"'
_NAMED = {key.value for key in Keys if not key.value.startswith("<")}

Keymap = dict[str, str]  # from the id of an action to its keys, with commas


@dataclass(frozen=True)
class Owned:
    """A binding with its id, in a class that has it."""

    owner: type[DOMNode]
    group: str
    binding: Binding


def binding_id(group: str, binding: Binding) -> str:
    """`runs.resume`, `data.see-files`, `train.rate-back-1`"""
    _, name, parameters = actions.parse(binding.action)
    words = [name, *(f"back-{-one}" if isinstance(one, int) and one < 0 else str(one) for one in parameters)]
    return f"{group}.{'-'.join(words).replace('_', '-')}"


def all_bindings() -> tuple[Owned, ...]:
    """Those that can be changed, group by group in the order of the screens."""
    return tuple(owned for owned in _everything() if owned.binding.id is not None)


@cache
def _everything() -> tuple[Owned, ...]:
    """All bindings, those without an id, too, that Textual's own widgets have. All screens are imported for it, and get
    their ids."""
    return tuple(
        Owned(owner, group, binding)
        for group, owner in _owners()
        for bindings in _with_ids(owner, group).key_to_bindings.values()
        for binding in bindings
    )


def _owners() -> Iterator[tuple[str, type[DOMNode]]]:
    for group, name in PACKAGES.items():
        package = importlib.import_module(name)
        for info in pkgutil.iter_modules(package.__path__, f"{name}."):
            for owner in vars(importlib.import_module(info.name)).values():
                if not (isinstance(owner, type) and issubclass(owner, DOMNode)) or issubclass(owner, ModalScreen):
                    continue
                if owner.__module__ == info.name:
                    yield group, owner
    from slmtui.console.app import Console

    yield EVERYWHERE, Console


def _with_ids(owner: type[DOMNode], group: str) -> BindingsMap:
    """Give those bindings of a class that are ours the ids by which Textual finds them in a keymap."""
    ours = {
        (binding.key, binding.action)
        for base in owner.__mro__
        if base.__module__.startswith("slmtui")
        for binding in Binding.make_bindings(base.__dict__.get("BINDINGS", ()))
        if binding.description and not binding.priority
    }
    merged = owner._merged_bindings or BindingsMap()  # there is no public way to a class's bindings
    for bindings in merged.key_to_bindings.values():
        bindings[:] = [
            replace(one, id=binding_id(group, one)) if (one.key, one.action) in ours else one for one in bindings
        ]
    return merged


def load_keymap(path: Path) -> Keymap:
    """The keys that stand in the file, by id; none where there is no file. UserError, with line and key, for what is
    wrong in it, and what would be right."""
    if not is_there(path):
        return {}
    text = read_phase_text(path).replace("\r\n", "\n")
    file = printable(str(path), limit=200)
    values = parse_toml(text, file)
    places, problems = spots(text), []
    keymap: Keymap = {}
    lines: dict[str, tuple[str, ...]] = {}

    def wrong(key: tuple[str, ...], words: str) -> None:
        spot = places.get(key) or places.get(key[:1])
        line = spot.line if spot else 1
        name = ".".join(printable(one, limit=60) for one in key)
        problems.append(Problem(f"{file}:{line}", name, words, line, spot.value_column if spot else None))

    groups = dict.fromkeys(one.group for one in all_bindings())
    for group, table in values.items():
        if group not in groups or not isinstance(table, dict):
            what = "not a table" if group in groups else "unknown"
            wrong((group,), f"{what}, allowed: a table for a screen: {', '.join(f'[{one}]' for one in groups)}")
            continue
        for action, value in table.items():
            if words := _wrong_entry(group, action, value):
                wrong((group, action), words)
            else:
                name = f"{group}.{action}"
                keymap[name] = ",".join(dict.fromkeys(map(_normal, _listed(value))))
                lines[name] = (group, action)
    for name, words in _conflicts(keymap).items():
        wrong(lines[name], words)
    if problems:
        raise PhaseError(problems, text)
    return keymap


def keys_of_id(keymap: Mapping[str, str], owned: Owned) -> list[str]:
    """The keys that an action has in a class, with what is changed."""
    changed = keymap.get(owned.binding.id or "")
    return changed.split(",") if changed else [owned.binding.key]


def _wrong_entry(group: str, action: str, value: Any) -> str:
    name = f"{group}.{action}"
    here = [one for one in all_bindings() if one.binding.id == name]
    if not here:
        ids = dict.fromkeys((one.binding.id or "").partition(".")[2] for one in all_bindings() if one.group == group)
        near = difflib.get_close_matches(action, ids, n=1)
        return f"unknown action, {f'did you mean {near[0]}?' if near else 'allowed: ' + ', '.join(ids)}"
    keys = _listed(value)
    if not keys or not all(isinstance(key, str) for key in keys):
        return f"not possible (got {shown(value)}), allowed: a key, or a list of some"
    for key in keys:
        if _normal(key) in STAY:
            return f"not possible (got {shown(key)}): that stays {STAY[_normal(key)]}; allowed: any other key"
        if not _is_key(key):
            return f"unknown key (got {shown(key)}), allowed: {KEYS_ALLOWED}"
        if any(issubclass(one.owner, Input | TextArea) for one in here) and key_to_character(_normal(key)):
            return f'not possible (got {shown(key)}): letters are typed there; allowed: such as "ctrl+r" or "f5"'
    return ""


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]


def _is_key(key: str) -> bool:
    if len(key) == 1:
        return key.isprintable() and not key.isspace()
    *modifiers, last = re.split(r"\+(?=.)", key)
    if not modifiers:
        return key in _NAMED or (key_to_character(key) is not None and key == _normal(key_to_character(key) or ""))
    known = last in _NAMED or (len(last) == 1 and last.isascii() and last.islower())
    letter_with_shift = len(last) == 1 and modifiers == ["shift"]  # which comes as a capital
    return known and not letter_with_shift and set(modifiers) <= set(MODIFIERS) and len({*modifiers}) == len(modifiers)


def _normal(key: str) -> str:
    """As Textual names it: `question_mark` for `?`."""
    return next(iter(Binding.make_bindings([Binding(key if key != "," else "comma", "")]))).key if key.strip() else key


def _conflicts(keymap: Keymap) -> dict[str, str]:
    """Of the changed actions, those whose key does something else in the same place, and what that is."""
    found: dict[str, str] = {}
    for mine in all_bindings():
        if mine.binding.id not in keymap:
            continue
        keys = {*keys_of_id(keymap, mine)}
        for its in _everything():
            if its.binding.action == mine.binding.action or its.binding.id == mine.binding.id:
                continue
            if _meet(mine, its) and (both := sorted(keys & {*keys_of_id(keymap, its)})):
                what = f"{both[0]} is {its.binding.id or 'a key of Textual'} ({its.binding.description or 'moves'})"
                found.setdefault(mine.binding.id, f"{what} already; allowed: a key that is free there")
    return found


def _meet(one: Owned, other: Owned) -> bool:
    """Are both ever there at a time: in one widget, or in a widget and the screen or the console around it?"""
    if one.owner is other.owner:
        return True
    if not any(issubclass(owned.owner, Screen | Host) for owned in (one, other)):
        return False  # of two widgets, one has the focus
    if any(owned.binding.id is None and issubclass(owned.owner, Input | TextArea) for owned in (one, other)):
        return False  # while somebody types, the keys of editing come first
    groups = {one.group, other.group}
    return len(groups) == 1 or EVERYWHERE in groups or bool(groups & {*ON_SEVERAL})
