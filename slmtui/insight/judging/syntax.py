"""Is a text Python, as far as it goes? Are its brackets and quotes in order?

A sample is cut off after so many tokens, mostly in the middle of a statement. That is no fault of the model, so what
the cut left open is never held against it.
"""

from __future__ import annotations

import ast
import codeop
import re
import warnings

_NOT_PYTHON = (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError)  # what the parser may raise
_CLOSERS = {")": "(", "]": "[", "}": "{"}
# A string or comment of Python, so that brackets inside are not counted. `open`: a quote without its partner.
_PYTHON_PIECE = re.compile(
    r"""
    \#[^\n]*
  | (?P<triple>\"{3}|'{3})(?:\\.|(?!(?P=triple)).)*(?:(?P=triple)|\Z)
  | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'
  | (?P<open>["'])
  | (?P<bracket>[()\[\]{}])
    """,
    re.VERBOSE | re.DOTALL,
)
_TEXT_PIECE = re.compile(r"(?P<open>(?!))|(?P<bracket>[()\[\]{}])")  # prose has apostrophes: quotes say nothing


def parses(text: str, start: int = 0) -> bool:
    """Whether a text that may have been cut off anywhere is Python up to its last line.

    True if the text, or the text without its last line, is a module or could still become one: an open bracket, an
    open triple quote or a block without its body is unfinished, not wrong. The last line is only forgiven where
    something else stands behind the character `start`, where the model began to write.
    """
    if _is_module(text) or _is_unfinished(text):
        return True
    before = text[: text.rfind("\n") + 1]
    return bool(before[start:].strip()) and (_is_module(before) or _is_unfinished(before))


def longest_prefix(text: str) -> int:
    """How many lines from the start are a whole module: the most for which `ast.parse` raises nothing."""
    lines = text.split("\n")
    n_lines = len(lines)
    while n_lines > 0:
        wrong_line = _first_wrong_line("\n".join(lines[:n_lines]))
        if wrong_line is None:
            return n_lines
        # Whatever is wrong in a line stays wrong however many lines follow it: only shorter prefixes are left.
        n_lines = max(0, min(n_lines, wrong_line) - 1)
    return 0


def says_something(text: str) -> bool:
    """Whether a text is Python and more than bare expressions: a word or a JSON object is an expression, too."""
    lines = text.split("\n")
    module = _parse("\n".join(lines[: longest_prefix(text)]))
    return parses(text) and any(not isinstance(statement, ast.Expr) for statement in module.body)


def wrong_brackets(text: str, *, python: bool) -> int:
    """How many brackets close what was not open, and, in Python, quotes that are left open at the end of a line.

    A quote open in the last line is the cut's doing.
    """
    wrong, stack = 0, list[str]()
    piece = _PYTHON_PIECE if python else _TEXT_PIECE
    position = 0
    while match := piece.search(text, position):
        position = match.end()
        if match["open"]:
            end = text.find("\n", position)
            if end < 0:
                break
            wrong += 1
            position = end
        elif bracket := match["bracket"]:
            if bracket in "([{":
                stack.append(bracket)
            elif not stack or stack.pop() != _CLOSERS[bracket]:
                wrong += 1
    return wrong


def _parse(text: str) -> ast.Module:
    with warnings.catch_warnings():  # about escapes such as "\d", which are none of our business
        warnings.simplefilter("ignore")
        return ast.parse(text)


def _is_module(text: str) -> bool:
    return _first_wrong_line(text) is None


def _first_wrong_line(text: str) -> int | None:
    """Where the parser gives up, from 1; None if it does not. Errors that have no line are put into the last."""
    try:
        _parse(text)
    except _NOT_PYTHON as error:
        line = error.lineno if isinstance(error, SyntaxError) else None
        return line or text.count("\n") + 1
    return None


def _is_unfinished(text: str) -> bool:
    """Whether more lines could make it a module, as Python's own prompt decides to ask for another line."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return codeop.compile_command(text, symbol="exec") is None
    except _NOT_PYTHON:
        return False
