"""What a phase means, beside its form: the lines of meaning.py, drawn."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from slmtui.console.screens.phases.meaning import MeaningLine
from slmtui.output import visible

LABEL, VALUE = 15, 11  # columns
LONGEST_BAR = 20
NAME = 16  # columns of a key that is set differently
WIDE = 64  # columns from which remarks stand beside the values


class MeaningPanel(VerticalScroll):
    DEFAULT_CSS = """
    MeaningPanel { scrollbar-gutter: stable; }
    MeaningPanel Static { height: auto; }
    """
    BINDING_GROUP_TITLE = "Meaning"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("m", "screen.measure", "measure", tooltip="measure a few steps"),
        Binding("v", "screen.against", "versus", tooltip="compare with another phase"),
        Binding("s", "screen.start", "train", tooltip="train the marked phases, or this one"),
        Binding("e", "screen.edit('form')", "edit", tooltip="edit in the form"),
        Binding("f", "screen.edit('file')", "file", tooltip="edit the file itself"),
        Binding("escape", "screen.list", "list", tooltip="back to the list"),
        Binding("j", "scroll_down", "down", show=False),
        Binding("k", "scroll_up", "up", show=False),
        Binding("g", "scroll_home", "top", show=False),
        Binding("G", "scroll_end", "end", show=False),
    ]

    def __init__(self) -> None:
        super().__init__(id="meaning", classes="panel")
        self.border_title = "what this phase means"
        self._lines: tuple[Sequence[MeaningLine], str, Sequence[MeaningLine]] = ((), "", ())

    def compose(self) -> ComposeResult:
        yield Static("", markup=False)

    def show(self, lines: Sequence[MeaningLine], other: str, differences: Sequence[MeaningLine]) -> None:
        """other: the name of the phase that it is compared with; empty for none."""
        if (lines, other, differences) != self._lines:
            self._lines = lines, other, differences
            self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        lines, other, differences = self._lines
        width = max(20, self.scrollable_content_region.width)
        rows = [row for line in lines for row in _rows(line, width)]
        if other:
            rows.append(Content(""))
            rows.append(
                Content.assemble(
                    f"against {visible(other)}",
                    ("  its value → this one's" if differences else "  no difference", "$quiet"),
                )
            )
            for line in differences:
                rows += _difference(line, width)
        self.query_one(Static).update(Content("\n").join(rows))


def _rows(line: MeaningLine, width: int) -> list[Content]:
    """One line on the screen, or, where the remark does not fit beside its value, several."""
    tone = f"${line.tone}" if line.tone else "$quiet"
    label = visible(line.label)
    head = Content.assemble((f"{label:<{LABEL}}", "$quiet" if label.startswith(" ") else ""), f"{line.value:>{VALUE}}")
    if line.share is not None:
        percent = f"{line.share:.0%}" if line.share >= 0.005 else "<1%"
        return [
            head + Content.assemble("  ", (_bar(line.share, width - LABEL - VALUE - 8), "$accent"), f" {percent:>4}")
        ]
    if width >= WIDE:
        words = wrap(visible(line.remark), width - LABEL - VALUE - 2) or [""]
        rest = [Content.assemble(" " * (LABEL + VALUE + 2), (part, tone)) for part in words[1:]]
        return [head + Content.assemble("  ", (words[0], tone)), *rest]
    below = [Content.assemble("  ", (part, tone)) for part in wrap(visible(line.remark), width - 2)]
    return [*([head] if line.label else []), *below]


def _difference(line: MeaningLine, width: int) -> list[Content]:
    label, value = f"  {line.label:<{NAME}} ", visible(line.value)
    if len(label) + len(value) <= width:
        return [Content.assemble((label, "$quiet"), value)]
    return [Content.assemble((label, "$quiet")), *(Content(f"    {part}") for part in wrap(value, width - 4))]


def _bar(share: float, width: int) -> str:
    """Full and half blocks: even the Linux console has them."""
    width = max(1, min(LONGEST_BAR, width))
    halves = round(share * width * 2)
    return ("█" * (halves // 2) + "▌" * (halves % 2)).ljust(width)
