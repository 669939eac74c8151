"""The runs of each phase or study in one row: the mean of what they predict with, its spread, and of what that is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual.binding import Binding, BindingType

from slmtui.console.filtering.line import FILTER_KEYS
from slmtui.console.rows import Row, Rows
from slmtui.console.screens.runs.columns import GUTTER
from slmtui.console.text.columns import cut
from slmtui.output import visible
from slmtui.runs.groups import FORM, By, RunGroup
from slmtui.words import NOTHING, number

NEXT: dict[By | None, By | None] = {None: "phase", "phase": "study", "study": None}  # what the key goes through
SHORT = 100  # columns below which what the spread is of is left to the line below the list


class GroupList(Rows):
    BINDING_GROUP_TITLE = "Groups of runs"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "screen.open_group", "its runs", tooltip="the runs of this group, by a filter"),
        *FILTER_KEYS,
    ]
    DEFAULT_CSS = "GroupList { height: auto; max-height: 100%; }"

    def __init__(self, *, id: str) -> None:
        super().__init__("phase", "runs", "mean b/byte", "±", "best", "best run", "", id=id)

    def show(self, groups: Sequence[RunGroup], by: By, width: int) -> None:
        """In `width` columns."""
        self.labels = (by, *self.labels[1:-1], "over" if width >= SHORT else "")
        most = max(12, width // 4)
        rows = {group.name: self._row(group, most) for group in groups}
        taken = sum(max(map(cell_len, column)) for column in zip(self.labels, *rows.values(), strict=True))
        room = width - taken - GUTTER * len(self.labels)
        for group in groups:
            of_what = cut(visible(group.of_what or group.title), room) if width >= SHORT and room > 0 else ""
            rows[group.name] = (*rows[group.name][:-1], of_what)
        self.show_rows(rows)

    def _row(self, group: RunGroup, most: int) -> Row:
        """most: columns that a name may take."""
        best = group.best
        return (
            cut(visible(group.name), most),
            f"{len(group.counted)} of {len(group.runs)}",
            number(group.mean, FORM),
            number(group.spread, FORM),
            number(None if best is None else best.summary.judged_bits_per_byte, FORM),
            NOTHING if best is None else cut(visible(best.name), most),
            "",
        )
