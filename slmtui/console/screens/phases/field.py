"""One key of a phase in the form: its name, its value, a word of help, and what is wrong with it."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Input, Static, TextArea

from slmtui.config.editing import NO_ITEMS, shown_default
from slmtui.config.schema import Key
from slmtui.output import visible

LINES = ("list of strings", "table")
HOW = {"list of strings": "One on each line.", "table": "One name = 'expression' on each line."}


SECTION_KEYS: list[BindingType] = [
    Binding("pagedown", "screen.section(1)", "section", key_display="pgdn", tooltip="the next section"),
    Binding("pageup", "screen.section(-1)", "section before", show=False, tooltip="the section before"),
]
FIELD_KEYS: list[BindingType] = [
    Binding("down,enter", "app.focus_next", "next field", show=False),
    Binding("up", "app.focus_previous", "previous field", show=False),
]


class Choices(Widget, can_focus=True):
    """All there is to choose from, in a line; an empty value stands for the default."""

    DEFAULT_CSS = """
    Choices { height: 1; width: 1fr; background: $surface; padding: 0 1; }
    Choices:focus { background: $panel; }
    """
    BINDING_GROUP_TITLE = "Choice"
    BINDINGS: ClassVar[list[BindingType]] = [
        *SECTION_KEYS,
        *FIELD_KEYS,
        Binding("right,l,space", "choose(1)", "next", key_display="→", tooltip="choose the next"),
        Binding("left,h", "choose(-1)", "previous", show=False, tooltip="choose the one before"),
        Binding("backspace,delete", "clear", "default", show=False, tooltip="back to the default"),
    ]
    value = reactive("")

    class Changed(Message):
        pass

    def __init__(self, choices: tuple[str, ...], default: str) -> None:
        super().__init__()
        self.choices, self.default = choices, default

    def render(self) -> Content:
        chosen = self.value or self.default
        parts: list[str | tuple[str, str]] = []
        for choice in self.choices:
            here = choice == chosen
            style = ("$accent bold" if self.value else "$foreground") if here else "$quiet"
            parts.append((f"▌{choice}▐" if here else f" {choice} ", style))
        if chosen not in self.choices:
            parts.append((f" {visible(chosen)}", "$error"))
        return Content.assemble(*parts)

    def action_choose(self, step: int) -> None:
        chosen = self.value or self.default
        at = self.choices.index(chosen) + step if chosen in self.choices else 0
        self._set(self.choices[at % len(self.choices)])

    def action_clear(self) -> None:
        self._set("")

    def on_click(self, event: Click) -> None:
        column = event.get_content_offset_capture(self).x
        for choice in self.choices:
            column -= len(choice) + 2
            if column < 0:
                self._set(choice)
                return

    def _set(self, value: str) -> None:
        if value != self.value:
            self.value = value
            self.post_message(self.Changed())


class ValueInput(Input):
    """A value of one line; the keys that would scroll it belong to the form."""

    BINDING_GROUP_TITLE = "Value"
    BINDINGS: ClassVar[list[BindingType]] = [*SECTION_KEYS, *FIELD_KEYS]


class ValueArea(TextArea):
    """A value of several lines; the page keys belong to the form."""

    BINDING_GROUP_TITLE = "Value"
    BINDINGS: ClassVar[list[BindingType]] = SECTION_KEYS


class KeyField(Vertical):
    DEFAULT_CSS = """
    KeyField { height: auto; margin-bottom: 1; }
    KeyField Horizontal { height: auto; }
    KeyField .key { height: 1; width: auto; }
    KeyField .note { padding-left: 1; }
    KeyField.-wrong .key { color: $error; }
    KeyField Input { width: 1fr; }
    KeyField.-tall Horizontal { layout: vertical; }
    KeyField ValueArea { height: auto; min-height: 1; max-height: 8; border: none; padding: 0 1; background: $surface; }
    KeyField ValueArea:focus { border: none; background: $panel; }
    .-tight KeyField { margin-bottom: 0; }
    """

    class Changed(Message):
        """A person has changed the value."""

        def __init__(self, field: KeyField, typed: str) -> None:
            super().__init__()
            self.key, self.typed = field.key, typed

    def __init__(self, key: Key, width: int, value: str) -> None:
        """width: of the column of names."""
        super().__init__()
        self.key, self.width, self.value, self.wrong = key, width, value, ""
        self.set_class(_is_tall(key), "-tall")
        # Made here, since a field may be told something before it is composed, or when it is about to go.
        self.editor = self._editor()
        self._below = Static(self._note(), classes="note", markup=False)

    def compose(self) -> ComposeResult:
        name = Static(self.key.name, classes="key", markup=False)
        name.styles.width = self.width
        with Horizontal():
            yield name
            yield self.editor
        yield self._below

    def load(self, value: str) -> None:
        """Show a value that came from elsewhere."""
        if value == self.value:
            return
        self.value = value
        editor = self.editor
        if isinstance(editor, TextArea):
            editor.load_text(value)
        else:
            editor.value = value

    def complain(self, wrong: str) -> None:
        """Say what is wrong, under the help; nothing, if that is empty."""
        if wrong != self.wrong:
            self.wrong = wrong
            self.set_class(bool(wrong), "-wrong")
            self._below.update(self._note())

    @on(Input.Changed)
    @on(TextArea.Changed)
    @on(Choices.Changed)
    def changed(self, event: Message) -> None:
        event.stop()
        typed = self.editor.text if isinstance(self.editor, TextArea) else self.editor.value
        if typed != self.value:  # and not what was loaded
            self.value = typed
            self.post_message(self.Changed(self, typed))

    def _editor(self) -> ValueInput | ValueArea | Choices:
        default = shown_default(self.key)
        choices = ("true", "false") if self.key.kind == "true or false" else self.key.choices
        if choices:
            chooser = Choices(choices, default)
            chooser.set_reactive(Choices.value, self.value)
            return chooser
        if _is_tall(self.key):
            area = ValueArea(self.value, soft_wrap=True, compact=True, highlight_cursor_line=False)
            area.cursor_blink = False
            return area
        field = ValueInput(self.value, placeholder="required" if self.key.required else default, select_on_focus=False)
        field.cursor_blink = False
        return field

    def _note(self) -> Content:
        help_ = Content(_help(self.key)).stylize("$quiet")
        return Content("\n").join([help_, Content(visible(self.wrong)).stylize("$error")]) if self.wrong else help_


def _help(key: Key) -> str:
    default = shown_default(key).replace("\n", ", ")
    if key.required:
        default = "Required."
    elif key.default is None:
        default = ""  # the description says it: "unset: …"
    else:
        default = f"Default: {default if default not in ('', NO_ITEMS) else 'empty'}."
    return " ".join(part for part in (key.description, HOW.get(key.kind, ""), default) if part)


def _is_tall(key: Key) -> bool:
    """Does its value want lines of its own?"""
    return key.kind in LINES or key.name in ("description", "hypothesis")
