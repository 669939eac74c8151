"""Texts in so many columns of the terminal, where a letter takes one or two of them."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size


def cut(text: str, width: int) -> str:
    """The text, or its beginning and an ellipsis where it is wider than `width`, which is at least 1."""
    return text if cell_len(text) <= width else set_cell_size(text, max(0, width - 1)) + "…"


def filled(text: str, width: int) -> str:
    """`cut`, and blanks up to the width."""
    return set_cell_size(cut(text, width), width)
