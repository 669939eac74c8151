"""What is typed to filter a list: words, and comparisons such as `val<2`, `tag:baseline` or `state=done`.

All of it has to be so of a row that stays. A word is looked for in every text of a row, whatever its case; one in
quotes may have blanks and signs in it. A number may be written 2, 0.5, 10k or 3M.
"""

from __future__ import annotations

import difflib
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from slmtui.errors import UserError
from slmtui.output import visible

Row = TypeVar("Row")
Value = str | float | None  # None, and what is not a number: there is nothing to compare with

_TERMS = re.compile(r'(?:[^\s"]|"[^"]*"?)+')
_COMPARED = re.compile(r"([a-z][a-z-]*)(<=|>=|<|>|=|:)(.*)", re.IGNORECASE | re.DOTALL)
_NUMBER = re.compile(r"([-−+]?(?:\d[\d,_]*\.?\d*|\.\d+))\s?([kmg]?)", re.IGNORECASE)
_UNITS = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9}
_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "=": operator.eq,
}  # fmt: skip
_WORDS = (":", "=")  # has it, is it


@dataclass(frozen=True)
class Field(Generic[Row]):
    """Something of a row that can be compared: a number, or else words."""

    value: Callable[[Row], Value]
    is_number: bool = False


@dataclass(frozen=True)
class Filter(Generic[Row]):
    """What has to be so of a row; all rows stay if nothing is typed."""

    typed: str = ""
    tests: Sequence[Callable[[Row], bool]] = field(default=(), compare=False)

    def takes(self, row: Row) -> bool:
        return all(test(row) for test in self.tests)


def parse_filter(typed: str, fields: Mapping[str, Field[Row]]) -> Filter[Row]:
    """UserError, with what is allowed, for what is no filter of these fields."""
    tests: list[Callable[[Row], bool]] = []
    for term in _TERMS.findall(typed):
        compared = None if term.startswith('"') else _COMPARED.fullmatch(term)
        tests.append(
            _comparison(compared[1], compared[2], compared[3], fields) if compared else _word(_plain(term), fields)
        )
    return Filter(typed.strip(), tests)


def number_of(text: str) -> float:
    """41.9k and 3.37 M, as they are typed and shown; NaN for what is not a number."""
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        return math.nan
    return float(match[1].replace("−", "-").replace(",", "").replace("_", "")) * _UNITS[match[2].lower()]


def allowed(fields: Mapping[str, Field[Row]]) -> str:
    """`run: phase: val< gap<`"""
    return " ".join(f"{name}{'<' if one.is_number else ':'}" for name, one in fields.items())


def _plain(text: str) -> str:
    return text.replace('"', "").casefold()


def _word(word: str, fields: Mapping[str, Field[Row]]) -> Callable[[Row], bool]:
    texts = [one.value for one in fields.values() if not one.is_number]
    return lambda row: any(word in str(value(row) or "").casefold() for value in texts)


def _comparison(name: str, sign: str, wanted: str, fields: Mapping[str, Field[Row]]) -> Callable[[Row], bool]:
    one = fields.get(name.lower())
    if one is None:
        near = difflib.get_close_matches(name.lower(), fields, n=1)
        means = f"did you mean {near[0]}?" if near else f"allowed: {', '.join(fields)}"
        raise UserError(f"{visible(name)}: not known of these; {means}; in quotes it is just a word")
    value = one.value
    if one.is_number:
        limit = number_of(_plain(wanted))
        if sign not in _COMPARISONS or math.isnan(limit):
            got = visible(f"{name}{sign}{wanted}")
            raise UserError(f"{got}: {name} is a number; allowed: {', '.join(f'{name}{s}2' for s in _COMPARISONS)}")
        compare = _COMPARISONS[sign]
        return lambda row: isinstance(have := value(row), int | float) and compare(have, limit)
    if sign not in _WORDS or not _plain(wanted):
        got = visible(f"{name}{sign}{wanted}")
        raise UserError(f"{got}: {name} is compared with a word; allowed: {name}:WORD (has it), {name}=WORD (is it)")
    word = _plain(wanted)
    if sign == ":":
        return lambda row: word in str(value(row) or "").casefold()
    return lambda row: word in str(value(row) or "").casefold().split(", ")
