"""Terminals that lack letters: what their charts are drawn with, and what stands for what they cannot show.

The Linux console has the 256 letters of its font: boxes with corners and half blocks, no braille. Others are told from
the character set of the locale; `--glyphs` overrules it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

Glyphs = Literal["braille", "block", "ascii"]

_CONSOLE = str.maketrans(
    "╭╮╰╯━╸╺╶╴┈◆▸›‹⏎…−–␣“”▁▂▃▅▆▇▔▏▎▍▋▊▉▕",
    '┌┐└┘─────·♦►><¶.--_""▄▄▄███▀││▌▌██│',
)
_ASCII = dict(
    zip(
        "╭╮╰╯┌┐└┘├┤┬┴┼─│━╸╺╶╴┈◆▸›‹⏎…−–␣“”▁▂▃▄▅▆▇█▓▒░▀▔▏▎▍▌▋▊▉▐▕•·→←↑↓±≥≤×≈◌",
        '+++++++++++++-|=----.@>><$.--_""___#####%:.""|||[###]|..><^v~><x~.',
        strict=True,
    )
)


def usual_glyphs(environment: Mapping[str, str]) -> Glyphs:
    """What a terminal with these environment variables can show."""
    if environment.get("TERM") == "linux":
        return "block"
    locale = next((value for name in ("LC_ALL", "LC_CTYPE", "LANG") if (value := environment.get(name))), "")
    charset = locale.partition(".")[2].partition("@")[0]
    return "ascii" if charset and charset.lower().replace("-", "") != "utf8" else "braille"


def chosen_glyphs(chosen: str, environment: Mapping[str, str]) -> Glyphs:
    """What a person has chosen; for "auto", what the terminal can show."""
    return chosen if chosen in get_args(Glyphs) else usual_glyphs(environment)  # type: ignore[return-value]


class Letters(LineFilter):
    """Puts a letter that the terminal has in the place of each that it lacks, as wide as that."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self.replaced = _in_ascii if glyphs == "ascii" else _on_console

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002
        return [
            segment if segment.text.isascii() else Segment(self.replaced(segment.text), segment.style)
            for segment in segments
        ]


def _on_console(text: str) -> str:
    return text.translate(_CONSOLE)


def _in_ascii(text: str) -> str:
    return "".join(c if c.isascii() else _ASCII.get(c, "?" * cell_len(c)) for c in text)
