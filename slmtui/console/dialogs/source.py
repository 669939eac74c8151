"""Choosing a text: one that is offered, such as a phase's, a folder or file with text, or a path typed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option
from textual.worker import get_current_worker

from slmtui.config.source_path import source_path
from slmtui.console.dialogs.dialog import Dialog
from slmtui.console.dialogs.text_folders import TextFolder, completions, text_below
from slmtui.console.text.columns import cut_left, fit
from slmtui.files import is_folder, is_there
from slmtui.output import visible
from slmtui.words import byte_size, plural

EXAMPLE = "data/chromadb"  # of a path, where there is one
MOST_LISTED = 200  # folders and files
MOST_NAMED = 8  # ways in which a path may go on
NAME_WIDTH = 34


class SourceOptions(OptionList):
    BINDING_GROUP_TITLE = "List of texts"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,l", "screen.into", "into the folder", show=False, tooltip="list what is in this folder"),
        Binding("left,h", "screen.out", "out of the folder", show=False, tooltip="list the folder above"),
        Binding("j", "cursor_down", "down", show=False),
        Binding("k", "cursor_up", "up", show=False),
        Binding("g", "first", "first", show=False),
        Binding("G", "last", "last", show=False),
    ]


class PathInput(Input):
    BINDING_GROUP_TITLE = "Path"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "screen.complete_path", "complete the path", show=False),
        Binding("down", "screen.to_list", "to the list", show=False),
    ]


class SourceDialog(Dialog[Path | None]):
    """Gives a path that is offered, a folder or a text file that exists; None if it is left.

    offers: by path, what stands in the list. only_files: no folder is given. nearby: where this folder has no text,
    list the one above.
    """

    DEFAULT_CSS = """
    SourceDialog SourceOptions {
        height: auto; max-height: 14; border: none; background: $surface; padding: 0; overflow-x: hidden;
    }
    SourceDialog .label { color: $quiet; margin-top: 1; }
    SourceDialog #wrong { color: $quiet; height: auto; max-height: 3; }
    SourceDialog #wrong.-wrong { color: $error; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "cancel"),
        Binding("slash", "type", "type a path", key_display="/"),
        Binding("question_mark", "app.help", "help", show=False),
    ]

    def __init__(
        self, title: str, *, offers: Mapping[Path, str] | None = None, current: Path | None = None,
        only_files: bool = False, nearby: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.heading, self.offers, self.current = title, dict(offers or {}), current
        self.only_files, self.nearby = only_files, nearby
        self.folder = Path()  # whose text is listed
        self._choices: list[Path] = []  # of the options that can be taken, in order
        self._listed: list[TextFolder] | None = None  # None: not known yet
        self._left: Path | None = None  # the folder that the cursor is to stand on when it is listed

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = Content(self.heading)
            box.border_subtitle = "enter takes it · → into a folder · ← out · / types a path"
            yield SourceOptions(markup=False, compact=True)
            kinds = "a text file" if self.only_files else "a folder, a text file or a phase"
            yield Static(f"{kinds}; tab completes:", classes="label", markup=False)
            path = PathInput(placeholder=EXAMPLE if is_folder(Path(EXAMPLE)) and not self.only_files else "")
            path.cursor_blink = False
            yield path
            yield Static("", id="wrong", markup=False)

    def on_mount(self) -> None:
        self._fill()
        self._list(self.folder)
        if not self.offers:
            self.action_type()  # what is listed is not known yet
            return
        options = self.query_one(SourceOptions)
        options.highlighted = list(self.offers).index(self.current) if self.current in self.offers else 0
        options.focus()

    def action_type(self) -> None:
        self.set_focus(self.query_one(PathInput))  # at once: the next letter of the path may be here already

    def action_to_list(self) -> None:
        self.query_one(SourceOptions).focus()

    def action_into(self) -> None:
        """List what is in the folder under the cursor."""
        path = self._chosen()
        if path is not None and is_folder(path) and path != self.folder:
            self._list(path)

    def action_out(self) -> None:
        """List the folder above, the cursor on the one that was left."""
        self._left = self.folder
        self._list(_parent(self.folder))

    def action_complete_path(self) -> None:
        """Complete what is typed as far as there is one way only; name the ways where there are several."""
        typed = self.query_one(PathInput)
        typed.value, names = completions(typed.value)
        typed.cursor_position = len(typed.value)
        shown = [visible(name) for name in names[:MOST_NAMED]] + ["…"] * (len(names) > MOST_NAMED)
        self._say("  ".join(shown))

    @on(Input.Changed)
    def follow(self, event: Input.Changed) -> None:
        """List the folder that has been typed so far."""
        self._say("")
        head = event.value[: event.value.rfind("/") + 1]
        folder = source_path(head or ".")
        if folder != self.folder and is_folder(folder):
            self._list(folder)

    def _list(self, folder: Path) -> None:
        """Look for text below a folder, in a thread, and list it when it is known."""
        self.folder, self._listed = folder, None
        self._fill()
        self.run_worker(partial(self._look, folder), thread=True, exclusive=True, group="folders", exit_on_error=False)

    def _look(self, folder: Path) -> None:
        worker = get_current_worker()
        try:
            found = list(text_below(folder, lambda: not worker.is_cancelled))
        except OSError:
            found = []
        self.call_later(self._show, folder, found)

    def _show(self, folder: Path, found: list[TextFolder]) -> None:
        if folder != self.folder:
            return
        if self.nearby and not found and folder == Path():
            self._list(_parent(folder))
        else:
            self._listed = [one for one in found if one.path != folder] if self.only_files else found
            self._fill()
            self._left = None

    def _fill(self) -> None:
        """What is offered, then what is known of the folder; the cursor stays on what it was on."""
        options = self.query_one(SourceOptions)
        before = self._left if self._left is not None and self._listed is not None else self._chosen()
        listed = (self._listed or [])[:MOST_LISTED]
        place = visible(cut_left(str(self.folder.resolve()), 52))
        words = "looking for text in" if self._listed is None else "text in" if listed else "no text in"
        self._choices = [*self.offers, *(one.path for one in listed)]
        options.set_options(
            [
                *(Option(visible(offer)) for offer in self.offers.values()),
                Option(Content.assemble((f"{words} {place}", "$quiet")), disabled=True),
                *(Option(_line(one)) for one in listed),
            ]
        )
        if before in self._choices:
            options.highlighted = self._option(self._choices.index(before))
        elif self._choices:
            first = len(self.offers) if listed and self.folder != Path() else 0
            options.highlighted = self._option(first)

    def _option(self, choice: int) -> int:
        """The place of a choice among the options, one of which is the heading of the folder."""
        return choice + (choice >= len(self.offers))

    def _chosen(self) -> Path | None:
        place = self.query_one(SourceOptions).highlighted
        if place is None or place == len(self.offers):
            return None
        choice = place - (place > len(self.offers))
        return self._choices[choice] if choice < len(self._choices) else None

    @on(OptionList.OptionSelected)
    def take_option(self) -> None:
        if (path := self._chosen()) is not None:
            self._take(path)

    @on(Input.Submitted)
    def take_path(self, event: Input.Submitted) -> None:
        text = event.value.strip()
        path = source_path(text) if text else None
        if path is not None and is_there(path):
            self._take(path)
        elif path is not None:
            self._say(f"{visible(text)}: no such file or folder", wrong=True)

    def _take(self, path: Path) -> None:
        if self.only_files and is_folder(path):
            self._list(path)
            self._say("a folder: choose a file in it")
            self.action_to_list()
        else:
            self.dismiss(path)

    def _say(self, words: str, *, wrong: bool = False) -> None:
        below = self.query_one("#wrong", Static)
        below.set_class(wrong, "-wrong")
        below.update(words)


def _line(one: TextFolder) -> str:
    """`notes/            31 files   120 KB`"""
    files = f"{plural(one.files, 'file')}{'+' * one.at_least}" if one.files > 1 or one.name.endswith("/") else ""
    return f"{fit(visible(one.name), NAME_WIDTH)} {files:>13} {byte_size(one.n_bytes):>7}"


def _parent(folder: Path) -> Path:
    """The folder above, as a person would name it from here."""
    if folder == Path():
        return Path("..")
    return folder / ".." if folder.name == ".." else folder.parent
