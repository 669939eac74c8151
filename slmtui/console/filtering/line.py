"""The line below a list into which a filter is typed; it stays to be seen while the filter is in force."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input, Static

from slmtui.console.filtering.expression import Field, Filter, Row, allowed, parse_filter
from slmtui.errors import UserError

FILTER_KEYS: list[BindingType] = [  # of each list that has such a line on its screen
    Binding(
        "slash,ctrl+f",
        "screen.filter",
        "filter",
        show=False,
        key_display="/",
        tooltip="filter the list as you type",
    ),
    Binding("escape", "screen.unfilter", "all of them", show=False, key_display="esc", tooltip="clear the filter"),
]


class FilterInput(Input):
    BINDING_GROUP_TITLE = "Filter"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,down", "screen.filtered", "to the list", key_display="enter"),
        Binding("escape", "screen.unfilter", "clear", key_display="esc", tooltip="clear the filter"),
    ]


class FilterLine(Vertical):
    """`/ val<2 tag:good      3 of 12`, and below it what may be typed, or what is wrong, while it is typed.

    What is wrong changes nothing: the filter is the last one that was right.
    """

    DEFAULT_CSS = """
    FilterLine { height: auto; display: none; }
    FilterLine.-seen { display: block; }
    FilterLine Horizontal { height: 1; }
    FilterLine #filter-sign { width: 2; color: $accent; }
    FilterLine FilterInput { width: 1fr; }
    FilterLine #filter-count { width: auto; color: $accent; padding: 0 1; }
    FilterLine #filter-help { height: auto; max-height: 6; color: $quiet; padding: 0 2; display: none; }
    FilterLine.-typed #filter-help { display: block; }
    FilterLine.-wrong #filter-help { color: $error; }
    """

    class Changed(Message):
        """Another filter is in force."""

    def __init__(self, fields: Mapping[str, Field[Any]], belongs_to: str) -> None:
        """belongs_to: the selector of the list, of which the one that is shown has the focus before and after."""
        super().__init__()
        self.fields, self.belongs_to = fields, belongs_to
        self.filter: Filter[Any] = Filter()
        self._counted = ""

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Static("/", id="filter-sign", markup=False)
            typed = FilterInput(placeholder="words, or such as " + self._example(), select_on_focus=False)
            typed.cursor_blink = False
            yield typed
            yield Static("", id="filter-count", markup=False)
        yield Static("", id="filter-help", markup=False)

    def _example(self) -> str:
        return next((f"{name}<2" for name, one in self.fields.items() if one.is_number), "name:part")

    @property
    def in_force(self) -> bool:
        return bool(self.filter.typed)

    def keep(self, rows: Sequence[Row]) -> list[Row]:
        """The rows that stay; how many of how many is said in the line."""
        kept = [row for row in rows if self.filter.takes(row)]
        counted = f"{len(kept):,} of {len(rows):,}" if self.in_force else ""
        if counted != self._counted:
            self._counted = counted
            self.query_one("#filter-count", Static).update(counted)
        return kept

    def open(self) -> None:
        """Type a filter, or change the one in force."""
        self.set_class(True, "-seen")
        self._typing(True)
        typed = self.query_one(FilterInput)
        typed.focus()
        typed.cursor_position = len(typed.value)

    def leave(self) -> None:
        """Go on in the list, with the filter; not with one that is wrong."""
        if not self.has_class("-wrong"):
            self._to_list()

    def _to_list(self) -> None:
        for one in self.screen.query(self.belongs_to):
            if one.display:
                one.focus()

    def put(self, typed: str) -> None:
        """Have this filter, which is a right one, in force."""
        self.query_one(FilterInput).value = typed
        self._take(typed)
        self._typing(False)

    def clear(self) -> None:
        self.put("")
        self._to_list()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._take(self.query_one(FilterInput).value)  # a later one than the event's, maybe

    @on(Input.Blurred)
    def _left(self, event: Input.Blurred) -> None:
        """What is wrong is not kept."""
        event.stop()
        typed = self.query_one(FilterInput)
        if typed.has_focus:  # again
            return
        if self.has_class("-wrong"):
            typed.value = self.filter.typed
        self._typing(False)

    def _typing(self, now: bool) -> None:
        self.set_class(now, "-typed")
        self.set_class(now or self.in_force, "-seen")

    def _take(self, typed: str) -> None:
        wrong, before = "", self.filter
        try:
            self.filter = parse_filter(typed, self.fields)
        except UserError as error:
            wrong = str(error)
        self.set_class(bool(wrong), "-wrong")
        self.query_one("#filter-help", Static).update(wrong or f"words, and {allowed(self.fields)}")
        if self.filter != before:
            self.post_message(self.Changed())
            self.screen.refresh_bindings()

    def on_mount(self) -> None:
        self._take("")
