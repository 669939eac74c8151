"""What a report consists of, before anybody has decided how it looks: blocks of plain text, never markup.

Whoever writes them out (markdown, html) makes every text harmless in its language.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Heading:
    text: str
    level: int  # 1 is the report's title


@dataclass(frozen=True)
class Paragraph:
    text: str
    lead: str = ""  # words in bold before it
    command: str = ""  # one that is typed, between the two


@dataclass(frozen=True)
class Bullets:
    items: tuple[Paragraph, ...]


@dataclass(frozen=True)
class Table:
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: frozenset[int] = frozenset({0})  # the columns that hold words; numbers stand at the right


@dataclass(frozen=True)
class Code:
    """Text as it is, line by line."""

    text: str
    language: str = ""
    folded: str = ""  # a line that stands for it until it is opened, where that can be done


@dataclass(frozen=True)
class Figure:
    svg: str  # without a prologue; "currentColor" where the page's ink belongs
    caption: str


ReportBlock = Heading | Paragraph | Bullets | Table | Code | Figure


@dataclass(frozen=True)
class Report:
    title: str
    blocks: tuple[ReportBlock, ...]
