"""Prompts from how the lines of a text begin."""

from __future__ import annotations

import pytest

from slmtui.insight.judging.beginnings import frequent_beginnings

CODE = "import json\n\n\ndef get_name(path):\n    return 1\n\n\ndef get_size(path):\n    return 2\n\n\ndef put(path):\n"


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([CODE, CODE], ("def get_", "import json")),
        (["ROMEO:\nBut soft!\n\nJULIET:\nAy me!\n\nROMEO:\nShe speaks.\n\nJULIET:\nO.\n"], ("ROMEO:", "JULIET:")),
        (["    indented a\n", "    indented b\n"], ("indented",)),
        (["once\n", "each\n"], ()),
        (["--- \n=== \n--- \n=== \n1 2\n1 2\n"], ()),
        (["", "\n\n"], ()),
        (["x" * 400 + "\n" + "x" * 400], ("x" * 24,)),
    ],
)
def test_lines_that_begin_alike_make_prompts(texts: list[str], expected: tuple[str, ...]) -> None:
    assert frequent_beginnings(texts) == expected


def test_a_large_text_is_not_read_whole() -> None:
    def endless() -> object:
        while True:
            yield "alpha beta\n" * 1000

    assert frequent_beginnings(endless()) == ("alpha beta",)  # type: ignore[arg-type]
