"""How completions are drawn, in five small fields: checked while they are typed, remembered from start to start."""

from __future__ import annotations

import random
from dataclasses import fields
from typing import Any, ClassVar, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import HorizontalScroll, Vertical
from textual.message import Message
from textual.widgets import Input, Static

from slmtui.config.values import setting_as_text, setting_from_text
from slmtui.console.ui_state import UIState
from slmtui.inference.streaming import Settings

WIDTHS = {"temperature": 6, "top_k": 7, "top_p": 6, "seed": 8, "tokens": 7}
NEW_SEEDS = 100_000
MOST_TEMPERATURES = 8


class SamplingField(Input):
    BINDING_GROUP_TITLE = "Sampling setting"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "submit", "complete with it")]


class SamplingFields(Vertical):
    DEFAULT_CSS = """
    SamplingFields { height: auto; }
    SamplingFields HorizontalScroll { height: 1; scrollbar-size: 0 0; }
    SamplingFields .label { width: auto; color: $quiet; padding: 0 0 0 1; }
    SamplingFields SamplingField { padding: 0 1; margin-right: 1; }
    SamplingFields SamplingField.-wrong { color: $error; }
    SamplingFields .problem { height: auto; color: $error; padding: 0 1; display: none; }
    """

    class Submitted(Message):
        """Enter was pressed in a field."""

    def __init__(self, ui_state: UIState, *, id: str) -> None:
        super().__init__(id=id)
        self.ui_state = ui_state

    def compose(self) -> ComposeResult:
        with HorizontalScroll(can_focus=False):
            for field in fields(Settings):
                name, usual = field.name, setting_as_text(field.name, field.default)  # type: ignore[arg-type]
                yield Static(name.replace("_", "-"), classes="label", markup=False)
                entry = SamplingField(
                    self.ui_state.text(f"complete.{name}", usual), id=f"set-{name}", select_on_focus=True
                )
                entry.cursor_blink = False
                entry.styles.width = WIDTHS[name]
                yield entry
        yield Static("", classes="problem", markup=False)

    def settings(self) -> Settings | None:
        """What the fields say; None, with words below them and the focus on it, if one of them is wrong."""
        self._check()
        for entry in self.query(SamplingField):
            if entry.has_class("-wrong"):
                entry.focus()
                return None
        values: dict[str, Any] = {_name(e): setting_from_text(_name(e), e.value) for e in self.query(SamplingField)}
        return Settings(**values)

    def new_seed(self) -> None:
        self.query_one("#set-seed", SamplingField).value = str(random.randrange(NEW_SEEDS))

    @on(Input.Changed)
    def _check(self) -> None:
        """Say what is wrong, or remember what is right."""
        problems = []
        for entry in self.query(SamplingField):
            try:
                value = setting_from_text(_name(entry), entry.value)
            except ValueError as error:
                problems.append(str(error))
                entry.add_class("-wrong")
            else:
                entry.remove_class("-wrong")
                self.ui_state.remember(f"complete.{_name(entry)}", setting_as_text(_name(entry), value))
        words = self.query_one(".problem", Static)
        words.display = bool(problems)
        words.update("\n".join(problems))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Submitted())


def _name(entry: SamplingField) -> str:
    return (entry.id or "").removeprefix("set-")


def temperatures(typed: str) -> list[float]:
    """Those that are typed, with blanks between, the lowest first. ValueError for what is none."""
    return sorted({cast("float", setting_from_text("temperature", word)) for word in typed.split()})


def wrong_temperatures(typed: str) -> str:
    """Why these cannot be compared, as a sentence; "" if they can."""
    try:
        n = len(temperatures(typed))
    except ValueError as error:
        return str(error)
    return "" if 2 <= n <= MOST_TEMPERATURES else f"two temperatures or more, up to {MOST_TEMPERATURES}"
