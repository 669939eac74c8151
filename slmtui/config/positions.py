"""The line and column of each key in a TOML file, for error messages.

`tomllib` keeps no positions. But a text that it has accepted is easy to scan: one pass over its strings, comments,
brackets and line ends finds where each statement and its value begin, and `tomllib` itself then parses the
statement's key.
"""

import re
import tomllib
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

KeyPath = tuple[str | int, ...]

# In valid TOML nothing else can begin, end or hide a statement. A multi-line string may end in up to two quotes of
# its own before the three that close it.
_TOKEN = re.compile(
    r'''"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|\#[^\n]*|[\[\]{},=\n]''',
    re.DOTALL,
)
_GAP = re.compile(r"(?:[ \t\n]|#[^\n]*)*")


@dataclass(frozen=True)
class Spot:
    """A key or list item: its line, and the columns where it and its value begin, counted from 1."""

    line: int
    column: int
    value_column: int


@dataclass
class _Statement:
    """Offsets into the text: of the statement, of its `=`, of the items of a list."""

    start: int
    end: int = 0
    equals: int | None = None
    items: list[int] = field(default_factory=list)


def spots(text: str) -> dict[KeyPath, Spot]:
    """The positions of the keys, tables and list items of `text`, by path, such as ("sampling", "prompts", 0).

    The first table of a list of tables is (name, 0).

    `text` must be valid TOML with "\\n" for line ends. A table without a header gets the line of its first key. Keys
    inside an inline table have no position, nor do the items of a nested list.
    """
    line_starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def spot_at(start: int, value: int) -> Spot:
        line = bisect_right(line_starts, start)
        first = line_starts[line - 1]
        return Spot(line, start - first + 1, value - first + 1)

    found: dict[KeyPath, Spot] = {}
    table: KeyPath = ()
    met = Counter[KeyPath]()  # of each [[table]]
    for statement in _statements(text):
        if statement.equals is None:  # [table] or [[table]]
            table = _key_path(text[statement.start : statement.end])
            if text.startswith("[[", statement.start):
                met[table] += 1
                table = (*table, met[table] - 1)
            path, value = table, statement.start
        else:
            path = table + _key_path(text[statement.start : statement.equals] + "= 0")
            value = _gap_end(text, statement.equals + 1)
        spot = spot_at(statement.start, value)
        for length in range(1, len(path) + 1):
            found.setdefault(path[:length], spot)
        for number, item in enumerate(statement.items):
            found.setdefault((*path, number), spot_at(item, item))
    return found


def _statements(text: str) -> Iterator[_Statement]:
    statement, depth = _Statement(_gap_end(text, 0)), 0
    in_list = False
    for token in _TOKEN.finditer(text, statement.start):
        kind, end = token[0], token.end()
        if kind == "=" and depth == 0:
            statement.equals = token.start()
            in_list = text[_gap_end(text, end)] == "["
        elif kind in ("[", "{"):
            depth += 1
        elif kind in ("]", "}"):
            depth -= 1
        elif kind == "\n" and depth == 0 and token.start() >= statement.start:
            statement.end = token.start()
            yield statement
            statement, in_list = _Statement(_gap_end(text, end)), False
        if in_list and depth == 1 and kind in ("[", ","):
            item = _gap_end(text, end)
            if text[item] != "]":  # not the end of an empty list or one with a trailing comma
                statement.items.append(item)
    if statement.start < len(text):
        statement.end = len(text)
        yield statement


def _gap_end(text: str, start: int) -> int:
    """The end of the white space, line ends and comments that begin at `start`."""
    gap = _GAP.match(text, start)
    assert gap
    return gap.end()


def _key_path(statement: str) -> KeyPath:
    path: list[str] = []
    node = tomllib.loads(statement)
    while isinstance(node, dict) and node:
        path.append(next(iter(node)))
        node = node[path[-1]]
    return tuple(path)
