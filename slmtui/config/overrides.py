"""`--set section.key=value`: one value of a phase, given on the command line."""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from slmtui.config.errors import Problem, printable
from slmtui.config.schema import keys

_PART = r"""(?:[A-Za-z0-9_-]+|"(?:\\.|[^"\\\n])*"|'[^'\n]*')"""
_FORM = re.compile(rf"\s*({_PART}(?:\s*\.\s*{_PART})+)\s*=(.*)", re.DOTALL)


@dataclass(frozen=True)
class Override:
    """One value of a phase, given on the command line; `place` is what error messages call it."""

    path: tuple[str, ...]
    value: Any
    place: str


def parse_overrides(texts: Iterable[str | Override]) -> tuple[list[Override], list[Problem]]:
    """Parse `section.key=value` arguments; malformed ones are returned as problems, and parsed ones as they are.

    Values are parsed as TOML. A value is taken literally if it is not valid TOML, or if the key expects a string and
    TOML sees something else: `data.source=2024` means the folder of that name.
    """
    overrides: list[Override] = []
    problems: list[Problem] = []
    for text in texts:
        if isinstance(text, Override):
            overrides.append(text)
            continue
        place = f"--set {printable(text)}"
        form = _FORM.fullmatch(text)
        path = _key_path(form[1]) if form else None
        if form and path:
            overrides.append(Override(path, _value(path, form[2]), place))
        else:
            problems.append(Problem(place, "", "not in the form section.key=value, as in training.max_iters=200"))
    return overrides, problems


def apply_override(document: dict[str, Any], override: Override) -> None:
    """Set the override's value in `document`, in place.

    If the file has something else where a table must be, nothing is set: validation will report the file.
    """
    *parents, last = override.path
    table = document
    for name in parents:
        table = table.setdefault(name, {})
        if not isinstance(table, dict):
            return
    table[last] = override.value


def _key_path(text: str) -> tuple[str, ...] | None:
    """The names in a dotted key: section and key, and a third only for a table. None for anything else."""
    try:
        node = tomllib.loads(f"{text} = 0")
    except (tomllib.TOMLDecodeError, RecursionError):
        return None
    path: list[str] = []
    while isinstance(node, dict):
        path.append(next(iter(node)))
        node = node[path[-1]]
    key = keys().get((path[0], path[1]))
    return tuple(path) if len(path) == 2 or (len(path) == 3 and key and key.kind == "table") else None


def _value(path: tuple[str, ...], text: str) -> Any:
    try:
        parsed = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):  # not TOML, or a number with too many digits
        return text
    if len(parsed) != 1:  # a line break in the value, and more keys after it
        return text
    value = parsed["value"]
    key = keys().get((path[0], path[1]))
    takes: dict[str, type | tuple[type, ...]] = {
        "string": str,
        "list of strings": (str, list),
        "table": dict if len(path) == 2 else str,
    }
    return value if key is None or isinstance(value, takes.get(key.kind, object)) else text
