"""What may be typed to filter a list, as a pure function of a row."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest

from slmtui.console.filtering.expression import Field, number_of, parse_filter
from slmtui.errors import UserError

Row = Mapping[str, object]
FIELDS: dict[str, Field[Row]] = {
    "run": Field(lambda row: str(row["run"])),
    "tag": Field(lambda row: str(row.get("tag") or "")),
    "val": Field(lambda row: row.get("val"), is_number=True),  # type: ignore[arg-type, return-value]
    "tokens": Field(lambda row: row.get("tokens"), is_number=True),  # type: ignore[arg-type, return-value]
}
ROWS: tuple[Row, ...] = (
    {"run": "quick-001", "tag": "baseline, good", "val": 1.5, "tokens": 4_500},
    {"run": "quick-002", "tag": "good-2", "val": 2.5, "tokens": 41_900},
    {"run": "Große-001", "val": None, "tokens": 3_370_000},
    {"run": "odd a:b-001", "val": math.nan},
)


def kept(typed: str) -> list[str]:
    found = parse_filter(typed, FIELDS)
    return [str(row["run"]) for row in ROWS if found.takes(row)]


@pytest.mark.parametrize(
    ("typed", "stay"),
    [
        ("", [0, 1, 2, 3]),
        ("   ", [0, 1, 2, 3]),
        ("quick", [0, 1]),
        ("QUICK 2", [1]),
        ("baseline", [0]),  # a word is looked for in all texts
        ("GROSSE", [2]),
        ("val<2", [0]),
        ("VAL<2", [0]),
        ("val>=2.5", [1]),
        ("val<=2.5 val>1.5", [1]),
        ("val=1.5", [0]),
        ("val<99", [0, 1]),  # not those without one
        ("tokens>10k", [1, 2]),
        ("tokens<1M", [0, 1]),
        ("tokens=41,900", [1]),
        ("tag:good", [0, 1]),
        ("tag=good", [0]),  # one of several
        ("tag:baseline val<2", [0]),
        ("run:quick 001", [0]),
        ('"odd a:b"', [3]),
        ('run:"odd a"', [3]),
        ('"a:', [3]),  # not closed yet
        ("no-such-run", []),
        ("-001", [0, 2, 3]),
    ],
)
def test_what_stays(typed: str, stay: list[int]) -> None:
    assert kept(typed) == [ROWS[i]["run"] for i in stay]


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("vall<2", "vall: not known of these; did you mean val?"),
        ("zebra:2", "allowed: run, tag, val, tokens"),
        ("val<", "val<: val is a number; allowed: val<2, val<=2"),
        ("val<x", "val<x: val is a number"),
        ("val:2", "val:2: val is a number"),
        ("val<1.2.3", "val is a number"),
        ("val<nan", "val is a number"),
        ("tag<2", "tag<2: tag is compared with a word; allowed: tag:WORD (has it), tag=WORD (is it)"),
        ("tag:", "tag is compared with a word"),
        ("ok \x1b[31m:2", ""),  # no field's name, so a word
    ],
)
def test_what_is_no_filter_is_said_with_what_is_allowed(typed: str, words: str) -> None:
    if not words:
        assert kept(typed) == []
        return
    with pytest.raises(UserError, match=r"allowed|did you mean") as raised:
        parse_filter(typed, FIELDS)
    assert words in str(raised.value)


def test_numbers_as_they_are_shown() -> None:
    assert [number_of(text) for text in ("41.9 K", "3.37 M", "−0.5", "1_000", ".5", "2.")] == [
        41_900, 3_370_000, -0.5, 1000, 0.5, 2,
    ]  # fmt: skip
    assert all(math.isnan(number_of(text)) for text in ("", "k", "1e5", "٣x", "--1", "1 2"))
