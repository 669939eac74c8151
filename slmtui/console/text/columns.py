"""Texts in so many columns of the terminal, where a letter takes one or two of them."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size, split_graphemes

from slmtui.output import visible


def cut(text: str, width: int) -> str:
    """The text, or its beginning and an ellipsis where it is wider than `width`."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1) + "…" if width > 0 else ""


def cut_left(text: str, width: int) -> str:
    """The text, or an ellipsis and its end, which says more than its beginning where it is a path."""
    if cell_len(text) <= width:
        return text
    start, room = len(text), width - 1
    for begin, _, cells in reversed(split_graphemes(text)[0]):
        if cells > room:
            break
        start, room = begin, room - cells
    return f"…{text[start:]}" if width > 0 else ""


def short_name(name: str, most: int) -> str:
    """A long name without its middle: the number at its end must stay."""
    name = visible(name)
    if cell_len(name) <= most:
        return name
    end = name[-8:]
    while cell_len(end) > 8:
        end = end[1:]
    return set_cell_size(name, most - 9).rstrip() + "…" + end


def fit(text: str, width: int) -> str:
    """`cut`, and blanks up to the width."""
    return set_cell_size(cut(text, width), width)
