"""Draw what a Textual app shows as a PNG: `save_picture(app, path)`.

The pictures in the README and docs are made with it. Letters come from DejaVu Sans Mono, or whatever monospaced font is
given; braille, blocks and the lines of boxes are drawn here, so that they join as they do in a good terminal.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont
from rich.color import Color
from rich.segment import Segment
from textual.app import App

CELL = (10, 21)  # pixels
COLOURS = 128  # of the palette of a picture: more are not told apart, and cost space
INK, PAPER = (220, 223, 228), (18, 18, 18)
FONT = Path("/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf")

RGB = tuple[int, int, int]

# The sides that a line of a box goes to, as (up, right, down, left): 1 thin, 2 heavy.
BOX = {
    "─": (0, 1, 0, 1),
    "│": (1, 0, 1, 0),
    "━": (0, 2, 0, 2),
    "┃": (2, 0, 2, 0),
    "┌": (0, 1, 1, 0),
    "┐": (0, 0, 1, 1),
    "└": (1, 1, 0, 0),
    "┘": (1, 0, 0, 1),
    "╭": (0, 1, 1, 0),
    "╮": (0, 0, 1, 1),
    "╰": (1, 1, 0, 0),
    "╯": (1, 0, 0, 1),
    "├": (1, 1, 1, 0),
    "┤": (1, 0, 1, 1),
    "┬": (0, 1, 1, 1),
    "┴": (1, 1, 0, 1),
    "┼": (1, 1, 1, 1),
    "╸": (0, 0, 0, 2),
    "╺": (0, 2, 0, 0),
    "╴": (0, 0, 0, 1),
    "╶": (0, 1, 0, 0),
}
# Parts of a cell filled, as fractions (left, top, right, bottom).
BLOCKS = {
    "█": (0.0, 0.0, 1.0, 1.0),
    "▀": (0.0, 0.0, 1.0, 0.5),
    "▌": (0.0, 0.0, 0.5, 1.0),
    "▐": (0.5, 0.0, 1.0, 1.0),
    "▔": (0.0, 0.0, 1.0, 0.125),
    "▕": (0.875, 0.0, 1.0, 1.0),
    **{char: (0.0, 1 - n / 8, 1.0, 1.0) for n, char in enumerate("▁▂▃▄▅▆▇", start=1)},
    **{char: (0.0, 0.0, n / 8, 1.0) for n, char in enumerate("▏▎▍▌▋▊▉", start=1)},
}
DOTS = (
    (0, 0),
    (0, 1),
    (0, 2),
    (1, 0),
    (1, 1),
    (1, 2),
    (0, 3),
    (1, 3),
)  # column and row of each bit of a braille letter


def save_picture(app: App[Any], path: Path, font: Path = FONT) -> None:
    """The screen as it is now."""
    image = draw_rows(app.screen._compositor.render_strips(), app.size, font)  # Textual has no public way to it
    image.quantize(COLOURS).save(path, optimize=True)


def draw_rows(rows: Iterable[Iterable[Segment]], size: tuple[int, int], font: Path = FONT) -> Image.Image:
    """Rows of styled text; size: columns and rows."""
    image = Image.new("RGB", (size[0] * CELL[0], size[1] * CELL[1]), PAPER)
    draw = ImageDraw.Draw(image)
    fonts = (
        ImageFont.truetype(str(font), 16),
        ImageFont.truetype(str(font.with_name(f"{font.stem}-Bold{font.suffix}")), 16),
    )
    for y, row in enumerate(rows):
        x = 0
        for text, style, _ in row:
            ink = _rgb(style.color if style else None, INK)
            paper = _rgb(style.bgcolor if style else None, PAPER)
            if style and style.reverse:
                ink, paper = paper, ink
            if style and style.dim:
                ink = _mix(ink, paper)
            for char in text:
                _draw_cell(draw, x * CELL[0], y * CELL[1], char, ink, paper, fonts[bool(style and style.bold)])
                if style and style.underline:
                    base = (y + 1) * CELL[1] - 3
                    draw.line((x * CELL[0], base, (x + 1) * CELL[0] - 1, base), fill=ink)
                x += 1
    return image


def _draw_cell(
    draw: ImageDraw.ImageDraw, x: int, y: int, char: str, ink: RGB, paper: RGB, font: ImageFont.FreeTypeFont
) -> None:
    width, height = CELL
    draw.rectangle((x, y, x + width - 1, y + height - 1), fill=paper)
    if 0x2800 <= ord(char) <= 0x28FF:
        for bit, (column, row) in enumerate(DOTS):
            if (ord(char) - 0x2800) >> bit & 1:
                left, top = x + 1 + column * 5, y + 1 + row * 5
                draw.ellipse((left, top, left + 3, top + 3), fill=ink)
    elif char in BLOCKS:
        left_, top_, right_, bottom_ = BLOCKS[char]
        box = (x + left_ * width, y + top_ * height, x + right_ * width - 1, y + bottom_ * height - 1)
        draw.rectangle(box, fill=ink)
    elif char in BOX:
        up, right, down, left = BOX[char]
        middle_x, middle_y = x + width // 2, y + height // 2
        for weight, end in (
            (up, (middle_x, y)),
            (right, (x + width - 1, middle_y)),
            (down, (middle_x, y + height - 1)),
            (left, (x, middle_y)),
        ):
            if weight:
                draw.line(((middle_x, middle_y), end), fill=ink, width=2 * weight - 1)
    elif char == "┈":
        for start in range(x, x + width, 5):
            draw.line(((start, y + height // 2), (start + 2, y + height // 2)), fill=ink)
    elif char != " ":
        draw.text((x, y), char, font=font, fill=ink)


def _rgb(colour: Color | None, default: RGB) -> RGB:
    return default if colour is None or colour.is_default else tuple(colour.get_truecolor())  # type: ignore[return-value]


def _mix(ink: RGB, paper: RGB) -> RGB:
    return ((ink[0] + paper[0]) // 2, (ink[1] + paper[1]) // 2, (ink[2] + paper[2]) // 2)
