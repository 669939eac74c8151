"""The line index against documents whose layout is known because the test laid them out."""

import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slmtui.config.positions import Spot, spots

SCALARS = [
    "1",
    "-2.5e-3",
    "true",
    "2026-01-02T03:04:05Z",
    '""',
    "''",
    r'"a # b [c] = {d}, \" \\"',
    r"'no \ escape # = [' ",
    '"""one line"""',
    '"""\n[not.a.table]\nx = 1 # no comment\n"""',
    r'''"""ends in quotes \"""""''',
    '"""two ""\n more "" of them"""""',
    "'''\n# [literal]\ny = 2\n'''",
    "'''ends in quotes'''''",
    "{ a = 1, b.c = [1, 2], 'd = 3' = \"}\" }",
    "{}",
]
KEYS = ["a", "b-c", "d_1", "'e.f # = ['", '"g \\" ]"', "h . 'i j'", "k.l"]
GAPS = ["", "\n", "# a comment with [x] = '''\n", "  \n\n# x\n"]


@st.composite
def lists(draw: st.DrawFn) -> tuple[str, list[int]]:
    """A list's text, and on which of its lines, from 0, each item begins."""
    text, lines = "[", []
    for item in draw(st.lists(st.sampled_from([*SCALARS, "[1, [2]]", '[ "a,b" ,\n[] ]']), max_size=4)):
        text += draw(st.sampled_from(["", " ", "\n", "  # [ , \n  "]))
        lines.append(text.count("\n"))
        text += item + draw(st.sampled_from([",", " ,", "\n,", ", # ,\n"]))
    return text + draw(st.sampled_from(["]", "\n]", "# ]\n]"])), lines


def path_of(key: str) -> tuple[str, ...]:
    node: Any = tomllib.loads(f"{key} = 0")
    path: list[str] = []
    while isinstance(node, dict):
        path += node
        node = node[path[-1]]
    return tuple(path)


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, dict[tuple[str | int, ...], int]]:
    """A TOML text, and the line of every key, table and list item in it."""
    text = ""
    expected: dict[tuple[str | int, ...], int] = {}
    tables: list[tuple[str | int, ...]] = [(), ("t",), ("u", "v w"), ("x", 0), ("x", 1)]
    for number, table in enumerate(tables[: draw(st.integers(1, 5))]):
        if table:
            text += draw(st.sampled_from(GAPS))
            header = ["", "[t]", " [ u . 'v w' ] # [y]", "[[x]]", " [[ x ]] # [[z]]"][number]
            for length in range(1, len(table) + 1):
                expected.setdefault(table[:length], text.count("\n") + 1)
            text += header + "\n"
        for key in draw(st.lists(st.sampled_from(KEYS), unique=True, max_size=5)):
            text += draw(st.sampled_from(GAPS))
            path: tuple[str | int, ...] = (*table, *path_of(key))
            line = text.count("\n") + 1
            for length in range(len(table) + 1, len(path) + 1):
                expected[path[:length]] = line
            value, items = draw(st.one_of(st.sampled_from(SCALARS).map(lambda v: (v, [])), lists()))
            for index, offset in enumerate(items):
                expected[(*path, index)] = line + offset
            text += f"{draw(st.sampled_from(['', '  ']))}{key} ={draw(st.sampled_from(['', '  ']))}{value}"
            text += draw(st.sampled_from(["\n", ' # "end" ]\n']))
    return (text[:-1] if draw(st.booleans()) else text), expected


@settings(max_examples=150, deadline=None)
@given(documents())
def test_every_key_and_item_has_its_line(document: tuple[str, dict[tuple[str | int, ...], int]]) -> None:
    text, expected = document
    tomllib.loads(text)  # the layout is valid in the first place
    assert {path: spot.line for path, spot in spots(text).items()} == expected


@pytest.mark.parametrize(
    ("text", "path", "spot"),
    [
        ("a = 1", ("a",), Spot(1, 1, 5)),
        ("\n  a   =  1\n", ("a",), Spot(2, 3, 10)),
        ("[m]\nx.y = [1,\n   2]", ("m", "x", "y", 1), Spot(3, 4, 4)),
        ("[m] # c\n", ("m",), Spot(1, 1, 1)),
        ("[m.n]\n[m]\n", ("m",), Spot(1, 1, 1)),
    ],
)
def test_columns(text: str, path: tuple[str | int, ...], spot: Spot) -> None:
    assert spots(text)[path] == spot


def test_a_long_list_takes_no_time() -> None:
    """One pass: growing a statement line by line would read this one ten thousand times."""
    text = "a = [\n" + '"x", # y\n' * 10_000 + "]\n"
    assert spots(text)["a", 9_999] == Spot(10_001, 1, 1)
