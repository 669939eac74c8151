"""Edits a phase file key by key: one value changes; the comments, order and formatting around it stay.

A form shows each value as it would be typed into a field: strings without quotes, numbers as they are in the file,
lists with one item per line, tables as `name = value` lines. Whatever is typed there is written to the file, even as a
string where a number is expected, so that the file's own check reports what is wrong with it.
"""

from __future__ import annotations

import copy
import json
import re
import tomllib
from collections.abc import Sequence
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Array, Item

from slmtui.config.errors import key_text
from slmtui.config.schema import Key, describe_schema, sections
from slmtui.errors import UserError

NO_ITEMS = "[]"  # a list that is set and empty; an empty field means the default
LONGEST_LINE = 100  # a longer list is written with one item per line

_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_MEANT = {shown: char for char, shown in _ESCAPES.items()}


def form_values(text: str) -> dict[tuple[str, str], str]:
    """What a form shows for each key set in the text, by (section, key). ValueError if it is not valid TOML."""
    tomllib.loads(text)  # the stricter of the two
    try:
        document = tomlkit.parse(text)
    except TOMLKitError as error:
        raise ValueError(str(error)) from None
    shown = {}
    for key in describe_schema():
        section = document.get(key.section)
        if isinstance(section, dict) and key.name in section:
            shown[key.section, key.name] = _shown(key, section[key.name])
    return shown


def typed_list(items: Sequence[str]) -> str:
    """A list as a field shows it, and `with_value` takes it; empty for none."""
    return "\n".join(map(_escaped, items))


def with_value(text: str, key: Key, typed: str) -> str:
    """`text` with one key set to what was typed in its field; without the key if the field is empty.

    Raises UserError if the key cannot be changed without disturbing the rest of the file.
    """
    value = _meant(key, typed)
    try:
        document = tomlkit.parse(text)
        expected = tomllib.loads(text)
    except (TOMLKitError, tomllib.TOMLDecodeError):
        raise UserError("the file is not valid TOML; fix it in the file itself") from None
    if not isinstance(expected.get(key.section, {}), dict):
        raise UserError(f"{key.section} is not a section here; fix it in the file itself")
    _expect(expected, key, value)
    single = copy.deepcopy(expected)  # a list of one string may be written as a string
    if isinstance(value, list) and len(value) == 1:
        _expect(single, key, value[0])
    if not typed.strip() and key.name not in tomllib.loads(text).get(key.section, {}):
        return text
    for whole in (False, True):  # item by item or, where that fails, the value as a whole
        try:
            document = tomlkit.parse(text)
            _set(document, key, value, whole=whole)
            edited = document.as_string()
            if tomllib.loads(edited) in (expected, single):
                return edited
        except (TOMLKitError, ValueError, KeyError, IndexError, AttributeError):
            continue
    raise UserError(
        f"{key.section}.{key.name} cannot be changed here without disturbing the rest; edit the file itself"
    )


def with_seeds(text: str, seeds: Sequence[int]) -> str:
    """The text of a study with these seeds; UserError if they cannot be changed without disturbing the rest."""
    try:
        document, expected = tomlkit.parse(text), tomllib.loads(text)
        expected["study"]["seeds"] = list(seeds)
        head: Any = document["study"]
        before = head.get("seeds")
        if isinstance(before, Array):
            _set_items(before, list(seeds))
        else:
            head["seeds"] = list(seeds)
        if tomllib.loads(edited := document.as_string()) == expected:
            return edited
    except (TOMLKitError, ValueError, KeyError, IndexError, AttributeError, TypeError):
        pass
    raise UserError("study.seeds cannot be changed here without disturbing the rest; edit the file itself")


def new_phase(name: str) -> str:
    """The text of a new phase: every key with its default and a comment on what it means."""
    lines = []
    for section, about in sections().items():
        lines += ["", f"[{section}]  # {about}"]
        for key in describe_schema():
            value = name if key.required else key.default
            if key.section == section and value is not None and key.name not in ("patterns", "vocab_size"):
                one = value[0] if isinstance(value, tuple) and len(value) == 1 else value
                lines.append(f"{key.name} = {_toml(one)}  # {key.description}")
    return "\n".join(lines).lstrip() + "\n"


def shown_default(key: Key) -> str:
    """A default as its field would show it; empty for none."""
    return "" if key.default is None else _shown(key, tomlkit.item(_plain(key.default)))


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _shown(key: Key, value: Any) -> str:
    plain = value.unwrap() if isinstance(value, Item) else value.value if hasattr(value, "value") else value
    if isinstance(plain, bool):
        return "true" if plain else "false"
    if key.kind == "list of strings":
        if isinstance(plain, str):
            plain = [plain]
        if isinstance(plain, list) and all(isinstance(item, str) for item in plain):
            return "\n".join(map(_escaped, plain)) if plain else NO_ITEMS
    if key.kind == "table" and isinstance(plain, dict):
        return "\n".join(f"{key_text((name,))} = {_toml(item)}" for name, item in plain.items())
    if isinstance(plain, str):
        return plain
    return str(value.as_string()).strip() if isinstance(value, Item) else _toml(plain)


def _meant(key: Key, typed: str) -> Any:
    """The value, or tomlkit item, that the text of a field stands for; None for an empty field."""
    if not typed.strip():
        return None
    if key.kind in ("string", "choice"):
        return typed
    if key.kind == "list of strings":
        if typed.strip() == NO_ITEMS:
            return []
        return [_unescaped(line) for line in typed.split("\n") if line.strip()]
    try:
        if key.kind == "table":
            return tomllib.loads(typed)
        if "\n" not in typed:
            item = tomlkit.value(typed.strip())
            tomllib.loads(f"value = {typed.strip()}")  # the stricter of the two
            return item
    except (TOMLKitError, ValueError, RecursionError):
        pass
    return typed


def _expect(document: dict[str, Any], key: Key, value: Any) -> None:
    if value is None:
        document.get(key.section, {}).pop(key.name, None)
    else:
        plain = value.unwrap() if isinstance(value, Item) else value
        document.setdefault(key.section, {})[key.name] = plain


def _set(document: tomlkit.TOMLDocument, key: Key, value: Any, *, whole: bool) -> None:
    if value is None:
        del document[key.section][key.name]
        return
    if key.section not in document:
        document[key.section] = tomlkit.table()
    section: Any = document[key.section]
    before = section.get(key.name)
    if isinstance(value, dict) and isinstance(before, dict) and not whole:
        for name in [name for name in before if name not in value]:
            del before[name]
        for name, item in value.items():
            if name not in before or before[name] != item:
                before[name] = _text_item(item) if isinstance(item, str) else item
    elif isinstance(value, list) and isinstance(before, Array) and not whole:
        _set_items(before, value)
    elif isinstance(value, list) and len(value) == 1 and isinstance(before, str):
        section[key.name] = _text_item(value[0])
    elif isinstance(value, list):
        section[key.name] = _array(key, value, multiline=isinstance(before, Array) and "\n" in before.as_string())
    elif isinstance(value, dict):
        if before is not None:
            del section[key.name]
        section[key.name] = {name: _text_item(item) if isinstance(item, str) else item for name, item in value.items()}
    else:
        section[key.name] = _text_item(value) if isinstance(value, str) else value


def _set_items(array: Array, items: Sequence[str] | Sequence[int]) -> None:
    """Change only what lies between the common beginning and the common end of the two lists."""
    start = 0
    while start < min(len(array), len(items)) and array[start] == items[start]:
        start += 1
    end = 0
    while end < min(len(array), len(items)) - start and array[-1 - end] == items[-1 - end]:
        end += 1
    old, new = len(array) - end - start, items[start : len(items) - end]
    for i, item in enumerate(new[:old]):
        array[start + i] = item
    for _ in range(old - len(new)):
        del array[start + len(new)]
    for i, item in enumerate(new[old:]):
        array.insert(start + old + i, item)


def _array(key: Key, items: list[str], *, multiline: bool) -> Array:
    array = tomlkit.array()
    array.extend(items)
    return array.multiline(multiline or len(f"{key.name} = {array.as_string()}") > LONGEST_LINE)


def _text_item(text: str) -> Item:
    """A string in the quotes that suit it: single quotes for a regular expression, triple ones for several lines."""
    if "\n" in text:
        written = tomlkit.string(text, multiline=True).as_string()
        # TOML drops a line end right after the quotes, so the text can begin at the margin.
        return tomlkit.value(written if written.startswith('"""\n') else written.replace('"""', '"""\n', 1))
    literal = "\\" in text and "'" not in text and text.isprintable()
    return tomlkit.string(text, literal=literal)


def _toml(value: Any) -> str:
    """A value as it would be written in a phase."""
    if isinstance(value, str) and "\\" in value and "'" not in value and value.isprintable():
        return f"'{value}'"
    if isinstance(value, bool | str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_toml, value))}]"
    return str(tomlkit.item(value).as_string())


def _escaped(item: str) -> str:
    """A string on one line, with TOML's escapes."""
    return "".join(_ESCAPES.get(c) or (c if c.isprintable() else f"\\u{ord(c):04x}") for c in item)


def _unescaped(line: str) -> str:
    """The string that a line stands for; a backslash that begins no escape is kept."""

    def char(match: re.Match[str]) -> str:
        return _MEANT.get(match[0]) or (chr(int(match[1], 16)) if match[1] else match[0])

    return re.sub(r"\\(?:u([0-9a-fA-F]{4})|.)", char, line)
