"""What a person sets for all projects: a list whose lines enter changes, saved as they are changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from slmtui.console.dialogs.dialog import Dialog
from slmtui.console.dialogs.input import InputDialog
from slmtui.console.text.columns import cut, cut_left, fit
from slmtui.errors import UserError
from slmtui.output import visible
from slmtui.settings import ABOUT, CHOICES, Settings, save_setting, settings_file, why_wrong

TITLE, THEME = "settings", "theme"
NEXT_START = ("glyphs", "refresh")  # which take effect when the console is started again
NAME_WIDTH, VALUE_WIDTH = 14, 44


class SettingsDialog(Dialog[None]):
    """The theme is shown with the rest, though the console remembers it by itself, as it does one from `ctrl+p`."""

    DEFAULT_CSS = """
    SettingsDialog OptionList { height: auto; max-height: 14; border: none; background: $surface; padding: 0; }
    SettingsDialog #about { color: $quiet; margin-top: 1; height: 3; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", "close"),
        Binding("space", "change", "change", show=False),
        Binding("j", "move('cursor_down')", "down", show=False),
        Binding("k", "move('cursor_up')", "up", show=False),
        Binding("question_mark", "app.help", "help", show=False),
    ]

    def __init__(self, settings: Settings, themes: Sequence[str], changed: Callable[[Settings], None]) -> None:
        """themes: names to choose from, one after the other. changed: called with what holds from now on."""
        super().__init__()
        self.settings, self.themes, self.changed = settings, themes, changed

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = Content(TITLE)
            box.border_subtitle = "enter changes · esc closes"
            yield OptionList(*self._lines(), markup=False, compact=True)
            yield Static("", id="about", markup=False)

    @property
    def _keys(self) -> list[str]:
        return [THEME, *asdict(self.settings)]

    def _lines(self) -> list[Option]:
        values = {THEME: self.app.theme.removeprefix("slmtui-"), **asdict(self.settings)}
        return [Option(fit(key.replace("_", " "), NAME_WIDTH) + " " + _shown(value)) for key, value in values.items()]

    def action_move(self, how: str) -> None:
        getattr(self.query_one(OptionList), f"action_{how}")()

    def action_change(self) -> None:
        self.query_one(OptionList).action_select()

    @on(OptionList.OptionHighlighted)
    def explain(self, event: OptionList.OptionHighlighted) -> None:
        key = self._keys[event.option_index]
        if key == THEME:
            words = "the colours of the console"
        else:
            words = ABOUT[key] + ("; from the next start on" if key in NEXT_START else "")
        self.query_one("#about", Static).update(f"{words}\n{visible(cut_left(str(settings_file()), 62))}")

    @on(OptionList.OptionSelected)
    def change(self, event: OptionList.OptionSelected) -> None:
        key = self._keys[event.option_index]
        if key == THEME:
            self.app.theme = _after(self.app.theme, self.themes)
            self._show()
        elif key in CHOICES:
            self._save(key, _after(getattr(self.settings, key), CHOICES[key]))
        elif isinstance(value := getattr(self.settings, key), bool):
            self._save(key, not value)
        else:
            self._ask(key)

    @work
    async def _ask(self, key: str) -> None:
        """Type the value of a setting."""
        before = getattr(self.settings, key)
        is_number = isinstance(before, float)

        def wrong(typed: str) -> str:
            return why_wrong(key, _number(typed) if is_number else typed)

        dialog = InputDialog(f"{ABOUT[key]}:", title=key.replace("_", " "), value=f"{before}", wrong=wrong)
        if (typed := await self.app.push_screen_wait(dialog)) is not None:
            self._save(key, _number(typed) if is_number else typed)

    def _save(self, key: str, value: Any) -> None:
        try:
            save_setting(key, value)
        except UserError as error:
            self.app.notify(visible(str(error)), severity="error")
            return
        self.settings = type(self.settings)(**{**asdict(self.settings), key: value})
        self.changed(self.settings)
        self._show()

    def _show(self) -> None:
        options = self.query_one(OptionList)
        at = options.highlighted
        options.set_options(self._lines())
        options.highlighted = at


def _after(value: str, choices: Sequence[str]) -> str:
    return choices[(choices.index(value) + 1) % len(choices)] if value in choices else choices[0]


def _number(typed: str) -> Any:
    try:
        return float(typed)
    except ValueError:
        return typed


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return cut(visible(f"{value:g}" if isinstance(value, float) else value), VALUE_WIDTH) or "none"
