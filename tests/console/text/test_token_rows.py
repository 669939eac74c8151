"""Tokens laid out as rows: nothing lost, nothing wider than the screen, nothing that a terminal would obey."""

from __future__ import annotations

import random

from rich.cells import cell_len

from slmtui.console.text.token_rows import label, lay_out, token_text

WORDS = ["·a", "b", "longer_than_a_row_of_ten", "⏎\n", "⏎\n⏎\n", "日本", ")·", "→"]


def test_every_token_stands_once_in_order_and_no_row_is_too_wide() -> None:
    draw = random.Random(1)
    for width in (1, 2, 7, 10, 31):
        ids = [draw.randrange(len(WORDS)) for _ in range(200)]
        laid = lay_out(ids, WORDS.__getitem__, width, start=1000, border=1100, bar="")
        pieces = [piece for row in laid.rows for piece in row]
        text = "".join(text for _, text in pieces)
        assert text == "".join(WORDS[i].replace("\n", "") for i in ids)
        assert [token for token, _ in pieces] == sorted(token for token, _ in pieces)
        widest = max((sum(cell_len(text) for _, text in row) for row in laid.rows), default=0)
        assert widest <= max(width, 2), "a wide character cannot be cut"
        for token in range(1000, 1200):
            row = laid.row_of(token)
            assert any(piece[0] == token for piece in laid.rows[row])
            assert laid.token_at(row, laid.column_of(token)) == token


def test_a_line_end_ends_the_row_and_a_bar_stands_between_tokens() -> None:
    laid = lay_out([0, 1, 3, 1], WORDS.__getitem__, 20, bar="│")
    assert ["".join(text for _, text in row) for row in laid.rows] == ["·a│b│⏎", "b"]


def test_the_border_has_a_row_of_its_own_before_the_first_validation_token() -> None:
    laid = lay_out([0, 1, 1], WORDS.__getitem__, 20, start=5, border=6)
    assert [len(row) for row in laid.rows] == [1, 0, 2]
    assert laid.mark == 1
    assert laid.token_at(1, 0) is None
    assert lay_out([1], WORDS.__getitem__, 20, start=0, border=0).mark == 0
    assert lay_out([1], WORDS.__getitem__, 20, start=7, border=6).mark is None, "it lies before these tokens"


def test_text_that_a_terminal_would_obey_is_spelled_out() -> None:
    assert token_text(b"\x1b[31m red[/]") == "␛[31m·red[/]"
    assert token_text("a\u202eb".encode()) == "a‹U+202E›b"
    assert token_text("é".encode()[:1]) == "‹c3›"
    assert token_text(b"\r\x00\x07") == "␍␀␇"
    assert label(" x\n\t") == '"·x⏎→"'
