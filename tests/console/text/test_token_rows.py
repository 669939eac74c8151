"""Tokens laid out as rows: nothing lost, nothing wider than the screen, nothing that a terminal would obey."""

from __future__ import annotations

import random

from rich.cells import cell_len

from slmtui.console.text.columns import cut_left
from slmtui.console.text.token_lines import TokenLines
from slmtui.console.text.token_rows import label, lay_out, token_text, token_texts
from slmtui.data.tokenizer import gpt2_tokenizer

WORDS = ["·a", "b", "longer_than_a_row_of_ten", "⏎\n", "⏎\n⏎\n", "日本", ")·", "→"]


def test_every_token_stands_once_in_order_and_no_row_is_too_wide() -> None:
    draw = random.Random(1)
    for width in (1, 2, 7, 10, 31):
        ids = [draw.randrange(len(WORDS)) for _ in range(200)]
        laid = lay_out([WORDS[i] for i in ids], width, start=1000, border=1100, bar="")
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
    laid = lay_out([WORDS[i] for i in (0, 1, 3, 1)], 20, bar="│")
    assert ["".join(text for _, text in row) for row in laid.rows] == ["·a│b│⏎", "b"]


def test_the_border_has_a_row_of_its_own_before_the_first_validation_token() -> None:
    laid = lay_out(WORDS[:2], 20, start=5, border=6)
    assert [len(row) for row in laid.rows] == [1, 0, 1]
    assert laid.mark == 1
    assert laid.token_at(1, 0) is None
    assert lay_out(WORDS[1:2], 20, start=0, border=0).mark == 0
    assert lay_out(WORDS[1:2], 20, start=7, border=6).mark is None, "it lies before these tokens"


def test_text_that_a_terminal_would_obey_is_spelled_out() -> None:
    assert token_text(b"\x1b[31m red[/]") == "␛[31m·red[/]"
    assert token_text("a\u202eb".encode()) == "a‹U+202E›b"
    assert token_text("é".encode()[:1]) == "‹c3›"
    assert token_text(b"\r\x00\x07") == "␍␀␇"
    assert label(" x\n\t") == '"·x⏎→"'


def test_a_character_of_several_tokens_is_read_once_and_none_is_without_a_cell() -> None:
    for text in ("ก็คือภาษาไทย", "नमस्ते दुनिया", "你好，世界", "👨\u200d👩\u200d👧 ❤\ufe0f 👍🏽 🇩🇪", "e\u0301 שָׁלוֹם"):
        tokens = [gpt2_tokenizer().token_bytes(token) for token in gpt2_tokenizer().encode(text).tolist()]
        shown = token_texts(tokens)
        assert all(map(cell_len, shown)), "the cursor can be seen on each"
        assert sum(map(cell_len, shown)) == cell_len("".join(shown)), "no text is a cell short beside another"
    assert token_texts(["日".encode()[:1], "日".encode()[1:] + b"x", "日".encode()[:2], None, b"a"]) == [
        "‹", "日x", "‹", "‹e6 97›‹end›\n", "a",
    ]  # fmt: skip
    assert token_texts(["ก็"[1:].encode(), "\u200d".encode(), "\U0001f1e9".encode()]) == ["◌็", "‹U+200D›", "‹U+1F1E9›"]
    assert token_text("日".encode()[:2]) == "‹e6 97›"
    assert label("🇩🇪\udce0\udcb8") == '"🇩🇪‹e0 b8›"'


def test_a_path_is_cut_before_a_whole_letter() -> None:
    assert cut_left("a/b/e\u0301te\u0301.txt", 7) == "…te\u0301.txt"
    assert cell_len(cut_left("日本語/日本語.txt", 9)) <= 9


def test_joiners_of_a_completion_take_no_cell_of_its_line() -> None:
    lines = TokenLines(20)
    for i, text in enumerate(["👨", "\u200d", "👩", "a\u200d", "b", "❤", "\ufe0f", "e", "\u0301"]):
        lines.add(i, text)
    row = [piece.text for piece in lines.lines[0]]
    assert sum(map(cell_len, row)) == cell_len("".join(row)) == 8
