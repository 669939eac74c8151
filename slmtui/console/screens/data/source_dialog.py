"""Choosing what the Data screen describes: one of the project's phases, or a path typed in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from slmtui.config.source_path import source_path
from slmtui.files import is_there
from slmtui.output import visible

EXAMPLE = "data/chromadb"  # of a path, where there is one


class PhaseOptions(OptionList):
    BINDING_GROUP_TITLE = "List of phases"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "cursor_down", "down", show=False),
        Binding("k", "cursor_up", "up", show=False),
        Binding("g", "first", "first", show=False),
        Binding("G", "last", "last", show=False),
    ]


class SourceDialog(ModalScreen[Path | None]):
    """Gives a phase file, a folder or a text file that exists; None if it is left."""

    DEFAULT_CSS = """
    SourceDialog { align: center middle; background: $background 60%; }
    SourceDialog PhaseOptions { height: auto; max-height: 12; border: none; background: $surface; padding: 0; }
    SourceDialog .label { color: $quiet; margin-top: 1; }
    SourceDialog #wrong { color: $error; height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "cancel"),
        Binding("slash", "type", "type a path", key_display="/"),
        Binding("question_mark", "app.help", "help", show=False),
    ]

    def __init__(self, phases: Sequence[Path], current: Path | None) -> None:
        super().__init__()
        self.phases, self.current = phases, current

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = "show the data of"
            box.border_subtitle = "enter takes it · / types a path · esc cancels"
            if self.phases:
                yield PhaseOptions(*(Option(visible(str(path))) for path in self.phases), markup=False, compact=True)
            yield Static("a folder, a text file or a phase:", classes="label", markup=False)
            path = Input(placeholder=EXAMPLE if Path(EXAMPLE).is_dir() else "")
            path.cursor_blink = False
            yield path
            yield Static("", id="wrong", markup=False)

    def on_mount(self) -> None:
        if not self.phases:
            self.action_type()
            return
        options = self.query_one(PhaseOptions)
        options.highlighted = self.phases.index(self.current) if self.current in self.phases else 0
        options.focus()

    def action_type(self) -> None:
        self.set_focus(self.query_one(Input))  # at once: the next letter of the path may be here already

    @on(OptionList.OptionSelected)
    def take_phase(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self.phases[event.option_index])

    @on(Input.Submitted)
    def take_path(self, event: Input.Submitted) -> None:
        text = event.value.strip()
        path = source_path(text) if text else None
        if path is not None and is_there(path):
            self.dismiss(path)
        elif path is not None:
            self.query_one("#wrong", Static).update(f"{visible(text)}: no such file or folder")
