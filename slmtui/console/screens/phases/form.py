"""The form: a phase's file one section at a time, a field for each key of the schema.

The form holds no values of its own. It shows those of a text, and makes of every change a new text.
"""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.style import Style
from textual.widgets import Static

from slmtui.config.editing import form_values, with_value
from slmtui.config.errors import Problem
from slmtui.config.schema import Key, describe_schema, keys, sections
from slmtui.console.screens.phases.field import KeyField
from slmtui.errors import UserError
from slmtui.output import visible


class Fields(VerticalScroll, can_focus=False, inherit_bindings=False):
    """It scrolls with the focus; the page keys belong to the form."""


class SectionNames(Static):
    """All sections; a click on one shows it."""

    async def on_click(self, event: Click) -> None:
        if name := event.style.meta.get("section"):
            await self.run_action(f"screen.show_section('{name}')")


class PhaseForm(Vertical):
    DEFAULT_CSS = """
    PhaseForm { height: 1fr; }
    PhaseForm #sections { height: auto; }
    PhaseForm #about { height: auto; color: $quiet; margin: 0 0 1 0; }
    PhaseForm #other-problems { height: auto; color: $error; display: none; margin-bottom: 1; }
    PhaseForm #fields { height: 1fr; scrollbar-gutter: stable; }
    .-low PhaseForm #about { margin: 0; }
    .-low PhaseForm KeyField { margin-bottom: 0; }
    """

    class Edited(Message):
        """The text that a change in a field makes."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self) -> None:
        super().__init__(id="form")
        self.section = next(iter(sections()))
        self.text = ""
        self.values: dict[tuple[str, str], str] = {}  # of the text, or as they were typed
        self._refused: dict[tuple[str, str], str] = {}  # what was typed that the text cannot take, and why
        self.problems: tuple[Problem, ...] = ()
        # What the field being edited had around it before the first change: what is typed in between, an empty field
        # say, leaves no trace in the comments and the order of the file.
        self._base: tuple[Key, str] | None = None
        self._names: tuple[str, frozenset[str]] | None = None  # what the line of sections shows: which, and broken ones

    def compose(self) -> ComposeResult:
        yield SectionNames(id="sections", markup=False)
        yield Static(id="about", markup=False)
        yield Static(id="other-problems", markup=False)
        yield Fields(id="fields")

    async def on_mount(self) -> None:
        await self.show_section(self.section)

    def load(self, text: str, problems: tuple[Problem, ...]) -> bool:
        """Show the values of a text; False, and nothing to edit, if it is no TOML."""
        if text != self.text:
            self._base = None
        self.text, self._refused = text, {}
        try:
            self.values = form_values(text)
        except ValueError:
            self.query_one(Fields).display = False
            self.mark(problems)
            return False
        self.query_one(Fields).display = True
        for field in self.query(KeyField):
            field.load(self.values.get((field.key.section, field.key.name), ""))
        self.mark(problems)
        return True

    def mark(self, problems: tuple[Problem, ...]) -> None:
        """Say what is wrong: under its field, above the fields, or at another section's name."""
        self.problems = problems
        self._mark()

    async def show_section(self, name: str) -> None:
        """Show the fields of one section. Only they exist: each widget more makes every change of focus slower."""
        self.section = name
        fields = self.query_one(Fields)
        mine = [key for key in describe_schema() if key.section == name and key.by_hand]
        width = max(len(key.name) for key in mine) + 2
        with self.app.batch_update():
            old, had_focus = list(fields.children), fields.has_focus_within
            await fields.mount(*(KeyField(key, width, self.values.get((name, key.name), "")) for key in mine))
            if had_focus:  # before the old ones go, or the focus would leave the form and come back
                self.focus_field(len(old))
            await fields.remove_children(old)
            fields.scroll_home(animate=False)
            self.query_one("#about", Static).update(sections()[self.section])  # another one was turned to by now, maybe
            self._mark()

    async def step_section(self, step: int) -> None:
        names = list(sections())
        await self.show_section(names[(names.index(self.section) + step) % len(names)])

    def focus_field(self, number: int = 0) -> None:
        """Put the focus on one of the section's fields."""
        fields = list(self.query(KeyField))
        if number < len(fields):
            self.screen.set_focus(fields[number].editor)

    @on(KeyField.Changed)
    def field_changed(self, event: KeyField.Changed) -> None:
        event.stop()
        if self._base is None or self._base[0] != event.key:
            self._base = event.key, self.text
        place = event.key.section, event.key.name
        self.values[place] = event.typed
        self._refused.pop(place, None)
        try:
            text = with_value(self._base[1], event.key, event.typed)
        except UserError as error:
            self._refused[place] = str(error)
            self._mark()
            return
        if text == self.text:
            self._mark()
        else:
            self.text = text
            self.post_message(self.Edited(text))

    def _mark(self) -> None:
        by_field = {place: [why] for place, why in self._refused.items()}
        elsewhere: list[str] = []
        broken = {section for section, _ in self._refused}
        for problem in self.problems:
            section, name = _place(problem.key)
            broken.add(section)
            if (section, name) in keys():
                by_field.setdefault((section, name), []).append(problem.message)
            elif section in (self.section, "") or section not in sections():
                where = f"line {problem.line}: " if problem.line else ""
                elsewhere.append(f"{where}{problem.key + ': ' if problem.key else ''}{problem.message}")
        for field in self.query(KeyField):
            field.complain("\n".join(by_field.get((field.key.section, field.key.name), [])))
        other = self.query_one("#other-problems", Static)
        other.display = bool(elsewhere)
        other.update(visible("\n".join(elsewhere)))
        names = self.section, frozenset(broken)
        if names == self._names:
            return
        self._names = names
        words = []
        for name in sections():
            here = name == self.section
            style = ("bold " if here else "") + ("$error" if name in broken else "$accent" if here else "$quiet")
            text = (f"▌{name}▐" if here else f" {name} ") + ("! " if name in broken else "")
            words.append(Content(text).stylize(style).stylize(Style.from_meta({"section": name})))
        self.query_one("#sections", Static).update(Content("").join(words))


def _place(key: str) -> tuple[str, str]:
    """The section and the name in `sampling.prompts[0]`."""
    section, _, rest = key.partition(".")
    return section, rest.partition(".")[0].partition("[")[0]
