"""What a screen shows as plain text, for a golden file that a person can read a difference in.

First the letters, row by row; then, for each row, how they look: `12 val bold, 3 quiet on surface`, in columns from the
left. Colours have their names in the theme, or are #rrggbb; what looks as usual, or is blank, is a bare number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from rich.segment import Segment
from rich.style import Style
from textual.app import App
from textual.strip import Strip

# The first name that fits is taken: `accent` before `primary`, which is the same colour.
NAMES = ("foreground", "background", "surface", "panel", "accent", "train", "val", "best", "quiet", "baseline",
         "excellent", "good", "moderate", "severe", "catastrophic")  # fmt: skip


def rows_of(app: App[Any]) -> list[Strip]:
    """What is drawn in each row of the screen."""
    return app.screen._compositor.render_strips()  # Textual has no public way to it


def seen(app: App[Any]) -> str:
    """The letters of the screen."""
    return "\n".join("".join(segment.text for segment in row) for row in rows_of(app))


def toasts(app: App[Any]) -> list[str]:
    """The texts of the toasts that are shown, the newest last."""
    return [note.message for note in app._notifications]  # nor to them


def screen_text(app: App[str]) -> str:
    """The screen as it is now."""
    rows = rows_of(app)
    colours: dict[str, str] = {}
    for name in NAMES:
        colours.setdefault(app.theme_variables[name].lower(), name)
    letters = ["".join(segment.text for segment in row).rstrip() for row in rows]
    looks = [f"{y:2}: {', '.join(_runs(row, colours))}".rstrip() for y, row in enumerate(rows)]
    return "\n".join([*letters, "-" * app.size.width, *looks]) + "\n"


def _runs(row: Iterable[Segment], colours: dict[str, str]) -> Iterator[str]:
    """Columns that look alike, together; the rest of a row is left out where it is as usual."""
    looks = [(_look(char, segment.style or Style(), colours)) for segment in row for char in segment.text]
    while looks and looks[-1] == "":
        looks.pop()
    for look, alike in groupby(looks):
        yield f"{len(list(alike))} {look}".rstrip()


def _look(char: str, style: Style, colours: dict[str, str]) -> str:
    ink, paper = (
        colours.get(colour.get_truecolor().hex, colour.get_truecolor().hex) if colour is not None else "terminal"
        for colour in (style.color, style.bgcolor)
    )
    drawn = [name for name in ("bold", "dim", "italic", "underline", "reverse") if getattr(style, name)]
    if char == " " and not {"underline", "reverse"} & set(drawn):
        return "" if paper == "background" else f"on {paper}"
    words = [*([] if ink == "foreground" else [ink]), *([] if paper == "background" else [f"on {paper}"]), *drawn]
    return " ".join(words)
