"""The panel with the list of runs or, in its place, of phases or studies with the means of their runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from textual.app import ComposeResult
from textual.containers import Vertical

from slmtui.console.dialogs.checklist import Checklist
from slmtui.console.filtering.line import FilterLine
from slmtui.console.screens.runs.columns import (
    COLUMNS,
    is_order,
    listed_runs,
    next_order,
    order_words,
    sort_runs,
    turned_order,
)
from slmtui.console.screens.runs.group_list import NEXT, GroupList
from slmtui.console.screens.runs.run_list import RunList
from slmtui.console.screens.runs.words import all_archived, none_like_that
from slmtui.console.ui_state import UIState
from slmtui.runs.groups import By, RunGroup, group_runs
from slmtui.runs.index import RunListing

FRAME = 5  # columns that the panel and the scrollbar take from the table
SORT_MEMORY, COLUMN_MEMORY = "order of runs", "columns of runs left out"


class RunsPanel(Vertical):
    DEFAULT_CSS = """
    RunsPanel { height: auto; max-height: 60%; }
    RunsPanel RunList { height: auto; max-height: 100%; overflow-x: hidden; }
    """

    def __init__(self, memory: UIState, *, id: str) -> None:
        """memory: where order and columns are remembered."""
        super().__init__(id=id, classes="panel")
        self.memory = memory
        self.grouped: By | None = None
        self._groups: dict[str, RunGroup] = {}
        self._wanted: str | None = None  # the run that the cursor is to go to once it is listed
        self._left_at: str | None = None  # where the cursor was when it began to be wanted

    def compose(self) -> ComposeResult:
        yield RunList(id="runs-list")
        yield GroupList(id="groups-list")

    def on_mount(self) -> None:
        self.border_title = "runs"
        self.query_one(GroupList).display = False

    def show(self, runs: Mapping[str, RunListing], line: FilterLine, marks: Mapping[str, str]) -> None:
        """Show what the filter keeps of the runs. marks: the colours of those that are marked."""
        table, width = self.query_one(RunList), self.app.size.width - FRAME
        listed = listed_runs(runs.values(), line.filter.typed)
        kept = sort_runs(line.keep(listed), self.order)
        table.show(kept, marks, width, self.order, self.unwanted)
        archived = sum(run.archived for run in runs.values())
        others = f" · {archived} archived" if archived and len(listed) != archived else ""
        self.border_subtitle = f"{len(listed)}{others} · {order_words(self.order)}"
        if self.grouped is not None:
            self._groups = {group.name: group for group in group_runs(kept, self.grouped)}
            self.query_one(GroupList).show(list(self._groups.values()), self.grouped, width)
            self.border_subtitle = "the best mean first"

    def why_empty(self, runs: int, line: FilterLine) -> str:
        """Why none of so many runs is listed; "" if one is."""
        if self.query_one(RunList).names:
            return ""
        return none_like_that() if line.in_force else all_archived(runs)

    def want(self, name: str | None) -> None:
        """Have the cursor go to a run, unless a person moves it before."""
        self._wanted, self._left_at = name, self.query_one(RunList).current

    def go_to_wanted(self, runs: Collection[str]) -> None:
        """Now, or when the run is among those that are there."""
        table = self.query_one(RunList)
        if self._wanted is None:
            return
        if self._left_at not in (None, table.current):
            self._wanted = None
        elif self._wanted in runs:
            if self._wanted in table.names:  # and not left out by the filter
                table.go_to(self._wanted)
            self._wanted = None
        else:
            self._left_at = table.current

    @property
    def current(self) -> str | None:
        """The name of the run under the cursor; None where groups are listed."""
        return self.query_one(RunList).current if self.grouped is None else None

    @property
    def group(self) -> RunGroup | None:
        """The group under the cursor."""
        return self._groups.get(self.query_one(GroupList).current or "") if self.grouped is not None else None

    @property
    def order(self) -> str:
        """What the list is sorted by, as sort_runs names it."""
        order = self.memory.text(SORT_MEMORY, "run")
        return order if is_order(order) else "run"

    def sort(self) -> None:
        self.memory.remember(SORT_MEMORY, next_order(self.order, self.query_one(RunList).columns_shown))

    def turn(self) -> None:
        self.memory.remember(SORT_MEMORY, turned_order(self.order))

    def regroup(self) -> None:
        """From the runs to the means of phases, to those of studies, and back."""
        self.list_by(NEXT[self.grouped])

    def list_by(self, by: By | None) -> None:
        self.grouped = by
        table, groups = self.query_one(RunList), self.query_one(GroupList)
        table.display, groups.display = by is None, by is not None
        self.border_title = "runs" if by is None else f"means of runs, by {by}"
        (table if by is None else groups).focus()

    def open_group(self, line: FilterLine) -> None:
        """List the runs of the group under the cursor, by a filter."""
        if (group := self.group) is not None:
            line.put(f'{self.grouped}="{group.name}"')
            self.list_by(None)

    @property
    def unwanted(self) -> frozenset[str]:
        """The columns that a person does without, by key."""
        return frozenset(self.memory.text(COLUMN_MEMORY, "").split(","))

    async def choose_columns(self) -> None:
        names = {column.key: column.label for column in COLUMNS if column.key != "run"}
        wanted = await self.app.push_screen_wait(Checklist(names, names.keys() - self.unwanted, title="columns"))
        self.memory.remember(COLUMN_MEMORY, ",".join(key for key in names if key not in wanted))
