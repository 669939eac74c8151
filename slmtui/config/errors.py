"""Error messages about a phase: `file:line: key: what is wrong (got …), what is allowed`."""

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import ErrorDetails

from slmtui.config.positions import KeyPath
from slmtui.config.schema import keys, sections
from slmtui.errors import UserError

# Our wording for pydantic's error types; `broken_rule` errors bring their own.
_WRONG = {
    "missing": "missing",
    "greater_than_equal": "too small",
    "greater_than": "too small",
    "less_than_equal": "too large",
    "less_than": "too large",
    "literal_error": "unknown choice",
    "string_type": "not a string",
    "string_too_short": "empty",
    "string_unicode": "not valid Unicode",
    "string_pattern_mismatch": "not a valid folder name",
    "bool_type": "neither true nor false",
    "tuple_type": "neither a string nor a list of strings",
    "dict_type": "not a table",
    "model_type": "not a section",
}

# Other trainers' names for our keys, spelled too differently to be found by similarity.
_ALIASES = {
    "lr": "learning_rate",
    "beta1": "betas",
    "beta2": "betas",
    "eval_interval": "interval",
    "eval_every": "interval",
    "context_length": "block_size",
    "seq_len": "block_size",
    "d_model": "n_embd",
    "steps": "max_iters",
    "max_new_tokens": "tokens",
}


MOST_SHOWN = 30  # faults of a file, one a line


@dataclass(frozen=True)
class Problem:
    """One fault: where it is (`file:line` or `--set …`), in which key, and the message.

    `line` and `column` count from 1 and are None if the fault is not in the file's text.
    """

    place: str
    key: str
    message: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        return ": ".join(part for part in (self.place, self.key, self.message) if part)


class PhaseError(UserError):
    """An invalid phase: everything that is wrong with it, one problem per line."""

    def __init__(self, problems: Sequence[Problem], text: str = "", *, more: int = 0) -> None:
        """more: how many faults there are besides these."""
        self.problems = tuple(problems)
        lines = [str(problem) for problem in problems[:MOST_SHOWN]]
        if more := more + len(problems) - len(lines):
            lines.append(f"… and {more:,} more")
        elif len(problems) == 1:
            lines += _excerpt(text, problems[0])
        super().__init__("\n".join(lines))


def _excerpt(text: str, problem: Problem) -> list[str]:
    """The line at fault with a caret under the fault, if a terminal can show the line unchanged."""
    if problem.line is None or problem.column is None:
        return []
    source = [*text.split("\n"), ""][problem.line - 1].rstrip("\r").replace("\t", " ")
    if not source.strip() or not source.isascii() or not source.isprintable() or len(source) > 90:
        return []
    return [f"    {source}", f"    {' ' * (problem.column - 1)}^"]


def explain(error: ErrorDetails) -> str:
    """Our message for a pydantic `error` about a phase, without place and key."""
    path, value = error["loc"], error["input"]
    if error["type"] == "extra_forbidden":
        return _unknown(path, value)
    if error["type"] == "missing":
        return f"missing, allowed: {_allowed(path)}"
    rule = error.get("ctx", {}) if error["type"] == "broken_rule" else {}
    wrong = rule.get("wrong") or _WRONG.get(error["type"], error["msg"])
    return f"{wrong} (got {rule.get('got') or shown(value)}), allowed: {rule.get('allowed') or _allowed(path)}"


def _allowed(path: KeyPath) -> str:
    section = str(path[0])
    return keys()[section, str(path[1])].allowed if len(path) > 1 else f"a section [{section}] with keys"


def _unknown(path: KeyPath, value: object) -> str:
    """The message for an unknown key or section, naming the one that was probably meant."""
    name = str(path[-1])
    homes = [section for section, key in keys() if key == name]
    names = [key for _, key in keys()]
    if len(path) == 1:
        is_section = isinstance(value, dict | list)  # whose name is all that was found
        what = "unknown section" if is_section else f"unknown key outside any section (got {shown(value)})"
        near = _nearest(name, sections())
        if near and not homes:
            return f"{what}, did you mean [{near}]?"
        own, section = [], ""
    else:
        section = str(path[0])
        what = f"unknown key in [{section}] (got {shown(value)})"
        own = [key for home, key in keys() if home == section]
    if section and name in sections():
        return f"{what}, {name} is a section of its own"
    if homes:
        return f"{what}, {name} belongs in [{homes[0]}]"
    near = _nearest(name, own) or _ALIASES.get(name) or _nearest(name, names)
    if near in own:
        return f"{what}, did you mean {near}?"
    if near:
        home = next(section for section, key in keys() if key == near)
        return f"{what}, did you mean {near} in [{home}]?"
    return f"{what}, allowed: {', '.join(own) or ', '.join(f'[{name}]' for name in sections())}"


def _nearest(name: str, known: Iterable[str]) -> str | None:
    return next(iter(difflib.get_close_matches(name.lower(), list(known), n=1)), None)


def key_text(path: KeyPath) -> str:
    """`path` as TOML writes it, `data.patterns."a b"`, with list items as `sampling.prompts[0]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part != "[key]":  # pydantic's mark for the name in a table, rather than its value
            bare = re.fullmatch(r"[A-Za-z0-9_-]+", part)
            text += ("." if text else "") + (part if bare else shown(part))
    return text


def shown(value: Any) -> str:
    """A value as TOML writes it, on one line, truncated if long; without terminal control characters."""
    if isinstance(value, str):
        return f'"{printable(value, quote=True)}"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a table" if value else "an empty table"
    if isinstance(value, list | tuple):
        inner = ", ".join("a list" if isinstance(item, list | tuple) else shown(item) for item in value[:4])
        return f"[{inner}, …]" if len(value) > 4 else f"[{inner}]"
    if isinstance(value, int) and value.bit_length() > 100:
        return "a number of more than 30 digits"
    return printable(str(value))


def printable(text: str, quote: bool = False, limit: int = 60) -> str:
    """`text` cut at `limit`, with unprintable characters (with `quote`, also quotes and backslashes) escaped."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    special = {"\n": "\\n", "\t": "\\t", "\r": "\\r"} | ({'"': '\\"', "\\": "\\\\"} if quote else {})
    return "".join(special.get(c) or (c if c.isprintable() else f"\\u{ord(c):04x}") for c in cut)
