"""The middle of the Phases screen: a phase as a form or as its file, two views of one text."""

from __future__ import annotations

from typing import ClassVar, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static, TextArea

from slmtui.console.key_names import key
from slmtui.console.phase_drafts import Draft
from slmtui.console.screens.phases.form import Fields, PhaseForm
from slmtui.output import visible
from slmtui.words import plural

EditorView = Literal["form", "file"]
SHOWN_PROBLEMS = 6


class FileText(TextArea):
    BINDING_GROUP_TITLE = "File"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+g", "screen.next_problem", "next mistake", tooltip="go to the next mistake"),
    ]

    def on_resize(self) -> None:
        """Where mistakes take rows from it, the line that is being typed stays in view."""
        self.call_after_refresh(self.scroll_cursor_visible)


class PhaseEditor(Vertical):
    DEFAULT_CSS = """
    PhaseEditor #file { height: 1fr; border: none; padding: 0; background: $background; display: none; }
    PhaseEditor #file:focus { border: none; }
    PhaseEditor #file .text-area--gutter { color: $quiet; }
    PhaseEditor #problems { height: auto; max-height: 8; color: $error; display: none; }
    PhaseEditor.-file #file { display: block; }
    PhaseEditor.-file #form { display: none; }
    PhaseEditor.-empty #form, PhaseEditor.-empty #file { display: none; }
    """

    BINDING_GROUP_TITLE = "Editor"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "screen.save", "save", tooltip="save the changes"),
        Binding("ctrl+r", "screen.start_this", "train", tooltip="train this phase"),
        Binding("escape", "screen.list", "list", tooltip="back to the list"),
        Binding("ctrl+t", "screen.other_view", "form/file", tooltip="the form, or the file itself"),
        Binding("ctrl+o", "screen.meaning", "meaning", tooltip="what this phase means"),
    ]

    class Edited(Message):
        """The text that a person has made of a draft."""

        def __init__(self, draft: Draft, text: str) -> None:
            super().__init__()
            self.draft, self.text = draft, text

    def __init__(self) -> None:
        super().__init__(id="editor", classes="panel")
        self.view: EditorView = "form"
        self.draft: Draft | None = None
        self._shown = ""  # the text of the view that is seen

    def compose(self) -> ComposeResult:
        yield PhaseForm()
        file = FileText(id="file", show_line_numbers=True, soft_wrap=False)
        file.cursor_blink = False
        yield file
        yield Static("", id="problems", markup=False)

    @property
    def form(self) -> PhaseForm:
        return self.query_one(PhaseForm)

    @property
    def file(self) -> TextArea:
        return self.query_one("#file", TextArea)

    def show(self, draft: Draft | None) -> None:
        """Show a draft as it is now: another one, or the same with a text that came from elsewhere."""
        other = draft is not self.draft
        self.draft = draft
        self.set_class(draft is None or (draft.unreadable is not None and not draft.changed), "-empty")
        if draft is not None and (other or draft.text != self._shown):
            self._load(keep_place=not other)
        self.say()

    def set_view(self, view: EditorView) -> None:
        if view != self.view:
            self.view = view
            self.set_class(view == "file", "-file")
            self._load()
        self.say()

    def _load(self, *, keep_place: bool = False) -> None:
        """Bring the view that is seen up to date; the other one is, when it is turned to."""
        if self.draft is None:
            return
        self._shown = self.draft.text
        if self.view == "form":
            self.form.load(self.draft.text, self.draft.problems)
            return
        place = self.file.cursor_location
        self.file.load_text(self.draft.text)
        if keep_place:
            self.file.move_cursor(place)

    def focus_view(self) -> None:
        if self.view == "file":
            self.file.focus()
        else:
            self.form.focus_field()

    def say(self) -> None:
        """Title and mistakes of the draft."""
        draft = self.draft
        problems = self.query_one("#problems", Static)
        if draft is None:
            self.border_title, self.border_subtitle = "no phase", ""
            problems.display = False
            return
        self.border_title = Content(visible(f"{draft.path}{' *' if draft.changed else ''}"))
        count = len(draft.problems)
        mistakes = plural(count, "mistake") if count else "valid"
        saved = "not saved" if draft.changed else "saved"
        self.border_subtitle = f"{self.view} · {mistakes} · {saved}"
        if self.view == "form":
            self.form.mark(draft.problems)
        broken_form = self.view == "form" and not self.form.query_one(Fields).display
        show = bool(draft.problems) and (self.view == "file" or self.has_class("-empty"))
        lines = [str(problem).removeprefix(f"{draft.path}:") for problem in draft.problems[:SHOWN_PROBLEMS]]
        if count > SHOWN_PROBLEMS:
            lines.append(f"… and {count - SHOWN_PROBLEMS} more")
        if broken_form:
            show, lines = True, [f"{key('phases.other-view', 'ctrl+t')} shows the file, where it can be fixed"]
        problems.display = show
        problems.update(visible("\n".join(lines)))

    def go_to_next_problem(self) -> None:
        """Put the cursor on the first mistake after it, from the beginning again after the last."""
        if self.draft is None or not self.draft.problems:
            self.notify("this phase is valid")
            return
        spots = sorted((p.line - 1, (p.column or 1) - 1) for p in self.draft.problems if p.line is not None)
        after = [spot for spot in spots if spot > self.file.cursor_location]
        if spots:
            self.file.move_cursor((after or spots)[0])

    @on(PhaseForm.Edited)
    def form_edited(self, event: PhaseForm.Edited) -> None:
        event.stop()
        if self.draft is None:
            return
        self._shown = event.text
        self.post_message(self.Edited(self.draft, event.text))

    @on(TextArea.Changed, "#file")
    def file_edited(self, event: TextArea.Changed) -> None:
        event.stop()
        text = self.file.text
        if self.draft is None or _same(text, self._shown):
            return  # what was loaded
        self._shown = text
        self.post_message(self.Edited(self.draft, text))


def _same(text: str, other: str) -> bool:
    """The same but for the kind of line end, of which the editor knows only one in a text."""
    return text.replace("\r\n", "\n") == other.replace("\r\n", "\n")
