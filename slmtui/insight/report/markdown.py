"""A report as Markdown (GitHub's): plain enough to read as it is, to commit and to compare."""

from __future__ import annotations

import re

from slmtui.insight.report.blocks import Bullets, Code, Figure, Heading, Paragraph, Report, ReportBlock, Table
from slmtui.output import visible

# Signs that mean something inside a line; "_" only at the edge of a word, so that n_embd stays readable.
_SPECIAL = re.compile(r"([\\`*\[\]|~$#]|(?<!\w)_|_(?!\w))")
_HTML = re.compile(r"&(?=#?\w+;)|<(?! )|(?<! )>")  # what could be a tag or an entity; "a < b" stays as it is
_AT_START = re.compile(r"^(\d+)([.)])(?= |$)|^([-+=>])")
_AUTOLINK = re.compile(r"(?i)(?<=http)(s?)://|(?<=www)\.(?=\w)")


def to_markdown(report: Report, figure_names: list[str]) -> str:
    """Figures are left to files of these names, in their order; with no names they are left out."""
    names = iter(figure_names)
    parts = [_heading(Heading(report.title, 1))]
    for block in report.blocks:
        if isinstance(block, Figure):
            if name := next(names, None):
                parts.append(f"![{escape_inside(block.caption)}]({name})")
            continue
        parts.append(_block(block))
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """Text as one line that Markdown shows as it is: no markup, HTML, links or control characters come of it."""
    return _AT_START.sub(lambda found: f"{found[1]}\\{found[2]}" if found[1] else f"\\{found[3]}", escape_inside(text))


def escape_inside(text: str) -> str:
    """The same for text that does not begin a line."""
    line = " ".join(visible(text).split())
    line = _HTML.sub(lambda found: {"&": "&amp;", "<": "&lt;", ">": "&gt;"}[found[0]], line)
    line = _SPECIAL.sub(r"\\\1", line)
    return _AUTOLINK.sub(lambda found: found[0].replace(":", "&#58;").replace(".", "&#46;"), line)


def _block(block: ReportBlock) -> str:
    match block:
        case Heading():
            return _heading(block)
        case Paragraph():
            return _paragraph(block)
        case Bullets():
            return "\n".join(f"- {_paragraph(item)}" for item in block.items)
        case Table():
            return _table(block)
        case Code():
            return _code(block)
        case Figure():
            return ""


def _heading(heading: Heading) -> str:
    return f"{'#' * heading.level} {escape_inside(heading.text)}"


def _paragraph(paragraph: Paragraph) -> str:
    if not paragraph.lead:
        return escape(paragraph.text)
    command = f" {_inline(paragraph.command)}." if paragraph.command else ""
    return f"**{escape_inside(paragraph.lead)}**{command} {escape_inside(paragraph.text)}".rstrip()


def _table(table: Table) -> str:
    rows = [tuple(map(escape_inside, row)) for row in (table.header, *table.rows)]
    widths = [max(3, *(len(row[column]) for row in rows)) for column in range(len(table.header))]

    def line(row: tuple[str, ...]) -> str:
        cells = [
            cell.ljust(width) if column in table.left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return f"| {' | '.join(cells)} |"

    rule = ["-" * width if column in table.left else "-" * (width - 1) + ":" for column, width in enumerate(widths)]
    return "\n".join([line(rows[0]), f"| {' | '.join(rule)} |", *map(line, rows[1:])])


def _code(code: Code) -> str:
    text = visible(code.text)
    fence = _fence(text, least=3)
    return f"{fence}{code.language}\n{text.rstrip()}\n{fence}"


def _inline(command: str) -> str:
    text = " ".join(visible(command).split())
    fence = _fence(text, least=1)
    room = " " if "`" in (text[:1], text[-1:]) else ""
    return f"{fence}{room}{text}{room}{fence}"


def _fence(text: str, least: int) -> str:
    """More backticks than stand in it."""
    return "`" * max(least, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
