"""Whether a text is Python as far as it goes, and where it stops being that."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmtui.insight.judging.syntax import longest_prefix, parses, says_something, wrong_brackets

LINES = [
    "import a", "x = (", "  y)", "def f():", "    return 1", "'''", "foo bar", "if x:", "else:", "    pass", "", "# c",
    "try:", "except E:", "y = [1,", "2]", "}", '"abc', "@d", "class A:", "for i in x", "x = \\", "\x00", "x = '\\d'",
]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "x = 1",
        "def f(a):\n    return a\n\ndef g(",  # cut in a list of parameters
        "collection.add(documents=[",
        "import a\nx = 'a string that is cu",
        "import a\nx = 1 +",
        "if x:\n    y\nelse",
        "try:\n    x()\n",
        "def f():",
        'def f():\n    """Says what it',
        "x = '\\d'",  # Python warns of this; it is no error
    ],
)
def test_a_cut_off_text_parses(text: str) -> None:
    assert parses(text)


@pytest.mark.parametrize("text", ["foo bar", "x = 1\nfoo bar\ny = 2", "f(a b\nc", "import a\n  b\nc", "x = \x00\n\n"])
def test_what_is_wrong_before_the_cut_does_not_parse(text: str) -> None:
    assert not parses(text)


def test_the_last_line_is_not_forgiven_where_the_model_wrote_nothing_else() -> None:
    prompt = "import a\n"
    assert not parses(prompt + "foo bar baz", len(prompt))
    assert parses(prompt + "x = 1\nfoo bar baz", len(prompt))


@given(lines=st.lists(st.sampled_from(LINES), max_size=9))
def test_longest_prefix_is_what_trying_all_of_them_finds(lines: list[str]) -> None:
    def is_module(n: int) -> bool:
        try:
            ast.parse("\n".join(lines[:n]))
        except (SyntaxError, ValueError):
            return False
        return True

    lines = [line for line in lines if "\\d" not in line]  # ast.parse would warn of it
    text = "\n".join(lines)
    expected = max((n for n in range(1, len(lines) + 1) if is_module(n)), default=0)
    assert longest_prefix(text) == (expected if lines else 1)


@given(text=st.text(alphabet="()[]{}\"'#\\\n a:=,xdef"))
def test_any_text_gets_an_answer(text: str) -> None:
    assert isinstance(parses(text), bool)
    assert 0 <= longest_prefix(text) <= text.count("\n") + 1
    assert wrong_brackets(text, python=True) >= 0


def test_deep_nesting_is_an_answer_not_a_crash() -> None:
    assert not parses("(" * 5_000 + ")" * 5_000)
    assert longest_prefix("-" * 50_000 + "1") == 0


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("f(a[1], {2: 3})", 0),
        ("f(a[1", 0),  # the cut's doing
        ("f(a]", 1),
        (")", 1),
        ("x = ')' # )\n", 0),
        ("x = '''\n)\n''' + ')'", 0),
        ("x = 'abc\ny = 1", 1),
        ("x = 'abc", 0),
    ],
)
def test_wrong_brackets_of_python(text: str, wrong: int) -> None:
    assert wrong_brackets(text, python=True) == wrong


def test_in_prose_an_apostrophe_is_no_quote() -> None:
    assert wrong_brackets("nobody's (or everybody's\nnets) were mended", python=False) == 0
    assert wrong_brackets("nobody's) nets", python=False) == 1


@pytest.mark.parametrize(("text", "expected"), [("x = 1", True), ("hello", False), ('{"a": [1, 2]}', False)])
def test_bare_expressions_do_not_make_a_program(text: str, expected: bool) -> None:
    assert says_something(text) is expected
