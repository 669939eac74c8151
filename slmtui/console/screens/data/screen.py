"""Data: what a corpus holds, how the model sees it, whether its validation side can be trusted, what it suggests."""

from __future__ import annotations

from asyncio import to_thread
from typing import ClassVar, Literal

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.events import DescendantFocus
from textual.widgets import DataTable, Static

from slmtui.console.base import ConsoleScreen
from slmtui.console.beginning import begin
from slmtui.console.dialogs.question import Message
from slmtui.console.dialogs.source import SourceDialog
from slmtui.console.filtering.line import FilterLine
from slmtui.console.key_names import key
from slmtui.console.screens.data import panel_text
from slmtui.console.screens.data.file_table import FIELDS, FileRow, FilesTable, file_rows
from slmtui.console.screens.data.file_tokens import FileTokens
from slmtui.console.screens.data.numbers_panel import NumbersPanel
from slmtui.console.screens.data.reader import DataReader, nothing_to_see
from slmtui.console.screens.data.saving import save_suggestion
from slmtui.console.screens.data.selecting import change_selection
from slmtui.console.screens.data.token_view import TokenView
from slmtui.console.screens.data.token_words import token_words
from slmtui.console.workers.overview import DataOverview
from slmtui.errors import UserError
from slmtui.files import is_folder
from slmtui.output import visible
from slmtui.project import PHASES, project_phases
from slmtui.words import capitalized, percent, plural

PAGES = {"files": "reading", "text": "reading", "holds": "counts", "frequent": "counts",
         "validation": "meaning", "suggestion": "meaning"}  # fmt: skip
NEED_DATA = {"again", "see", "next", "save", "repeat", "take", "preview", "read_text", "filter"}  # to be shown
PREVIEWED = 8_000  # tokens of a document that is shown as plain text


class DataScreen(ConsoleScreen):
    DEFAULT_CSS = """
    DataScreen #where { height: 1; padding: 0 1; color: $quiet; }
    DataScreen #trouble { display: none; height: auto; margin: 1 2; }
    DataScreen.-trouble #trouble { display: block; }
    DataScreen.-trouble #pages { display: none; }
    DataScreen #reading { width: 1fr; }
    DataScreen #counts { width: 32; }
    DataScreen #meaning { width: 27%; min-width: 36; }
    DataScreen #files { height: 2fr; }
    DataScreen #reader { height: 3fr; }
    DataScreen #token { height: auto; max-height: 2; color: $quiet; }
    DataScreen #holds, DataScreen #validation { height: auto; max-height: 60%; }
    DataScreen #frequent, DataScreen #suggestion { height: 1fr; }
    DataScreen.-narrow #reading, DataScreen.-narrow #counts, DataScreen.-narrow #meaning {
        display: none; width: 1fr; min-width: 0;
    }
    DataScreen.-narrow.-see-reading #reading, DataScreen.-narrow.-see-counts #counts,
    DataScreen.-narrow.-see-meaning #meaning { display: block; }
    DataScreen.-narrow #counts, DataScreen.-narrow #meaning { layout: horizontal; }
    DataScreen.-narrow #counts .panel, DataScreen.-narrow #meaning .panel {
        width: 1fr; height: 1fr; max-height: 100%;
    }
    DataScreen.-slim #counts, DataScreen.-slim #meaning { layout: vertical; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "see('files')", "files", tooltip="the files, and which side of the split each is on"),
        Binding("2", "see('text')", "text", tooltip="the text as the model sees it, token by token"),
        Binding("3", "see('holds')", "counts", tooltip="what the corpus holds, in numbers"),
        Binding("4", "see('validation')", "validation", tooltip="can the validation side be trusted"),
        Binding("5", "see('suggestion')", "suggests", tooltip="the phase that this corpus suggests"),
        Binding("o", "source", "open", tooltip="show another phase's data, or a folder or file"),
        Binding("b", "begin", "begin", tooltip="choose a text, and have a phase suggested for it"),
        Binding("n", "save", "save", tooltip="save the suggestion as a new phase"),
        Binding("e", "repeat", "longest repeat", show=False, tooltip="the longest repeat, in validation and training"),
        Binding("ctrl+r", "again", "read again", show=False, tooltip="read the corpus again"),
        Binding("tab", "next(1)", "next panel", show=False),
        Binding("shift+tab", "next(-1)", "panel before", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.reader = DataReader(self)
        self.found: DataOverview | None = None  # None: there is nothing to see
        self._repeat_side: Literal["train", "val"] = "train"
        self._shown_file: str | None = None
        self._rows: list[FileRow] = []
        self._saving = False  # a suggestion, which may take measuring

    def body(self) -> ComposeResult:
        yield Static("", id="where", markup=False)
        yield Static("", id="trouble", markup=False)
        with Horizontal(id="pages"):
            with Vertical(id="reading"):
                with Vertical(id="files", classes="panel") as files:
                    files.border_title = "files"
                    yield FilesTable()
                    yield FilterLine(FIELDS, "#file-table")
                with Vertical(id="reader", classes="panel") as reader:
                    reader.border_title = "as the model sees it"
                    yield TokenView()
                    yield Static("", id="token", markup=False)
            with Vertical(id="counts"):
                yield NumbersPanel("holds", "what it holds", panel_text.holds)
                yield NumbersPanel("frequent", "most frequent tokens", panel_text.frequent)
            with Vertical(id="meaning"):
                yield NumbersPanel("validation", "validation", panel_text.validation)
                yield NumbersPanel("suggestion", "what this suggests", panel_text.suggestion)

    def on_mount(self) -> None:
        self.query_one("#validation").border_subtitle = f"{key('data.repeat', 'enter')}: longest repeat"
        self.query_one("#files").border_subtitle = f"{key('data.take', 'space')}: in or out"
        self.query_one("#suggestion").border_subtitle = f"{key('data.save', 'n')} saves it as a phase"
        self._page("files")
        self.query_one(FilesTable).focus()

    def hinted(self, action: str) -> bool:
        if action == "begin":
            return not is_folder(PHASES)
        return True

    def why_not(self, action: str, parameters: tuple[object, ...]) -> str:  # noqa: ARG002
        return nothing_to_see() if action in NEED_DATA and (self.found is None or self.has_class("-trouble")) else ""

    def on_resize(self) -> None:
        self.set_class(self.app.size.width < 64, "-slim")

    def on_screen_resume(self) -> None:
        self.reader.look_soon()

    def pulse(self) -> None:
        self.reader.beat()
        if self.focused is None and self.found is not None and not self.has_class("-trouble"):
            self.action_see(self._panel)  # its panel was hidden for as long as there was nothing to see

    def _show_words(self, words: str) -> None:
        """One line on what is shown or being done."""
        self.query_one("#where", Static).update(words)

    def _show_trouble(self, words: str) -> None:
        """Say why there is nothing to see; no words: there is something."""
        if self.has_class("-trouble") != bool(words):
            if words:
                self.set_focus(None)  # else Textual would give it to another panel, if this one is soon seen again
            self.set_class(bool(words), "-trouble")
            self.refresh_bindings()
        self.query_one("#trouble", Static).update(words)

    @on(DataReader.Heard)
    def _show_progress(self, heard: DataReader.Heard) -> None:
        if heard.job == self.reader.job:
            self._show_words(heard.words)
            if heard.instead and (self.found is None or self.found.origin != self.reader.origin):
                self._show_trouble(heard.instead)

    @on(DataReader.Failed)
    def _show_failure(self, failed: DataReader.Failed) -> None:
        if failed.job == self.reader.job:
            self.found = None
            self._show_words(failed.words)
            self._show_trouble(failed.trouble)

    @on(DataReader.Found)
    def _show_overview(self, message: DataReader.Found) -> None:
        """Show what is known so far."""
        if message.job != self.reader.job:
            return
        found, before = message.overview, self.found
        self.found = found
        if message.words:
            self._show_words(message.words)
        self._show_trouble("")
        characters = found.counted.inspection.frequent_characters
        self.query_one("#frequent").border_title = f"most frequent {'characters' if characters else 'tokens'}"
        for panel in self.query(NumbersPanel):
            panel.show(found)
        if before is None or before.counted is not found.counted:
            self.query_one("#files").border_title = Content(self._title(found))
            self._shown_file = None
            self._rows = file_rows(found.counted, found.left_out)
            self._show_files()
        self._describe_token()
        if found.near_copies and (row := self.query_one(FilesTable).row_at_cursor()) is not None:
            self._reader_title(row.name)

    @on(FilterLine.Changed)
    def _show_files(self) -> None:
        self.query_one(FilesTable).show(self.query_one(FilterLine).keep(self._rows))
        self._show_file_at_cursor()

    def _title(self, found: DataOverview) -> str:
        n = found.counted.inspection.files
        n_out = sum(not item.records for item in found.left_out)
        out = f" · {n_out:,} left out" if n_out else ""
        return f"{visible(', '.join(found.phase.data.source))} · {plural(n, 'file')}{out}"

    @on(DataTable.RowHighlighted)
    def _file_chosen(self) -> None:
        self._show_file_at_cursor()

    def _show_file_at_cursor(self) -> None:
        row, dataset = self.query_one(FilesTable).row_at_cursor(), self.found.dataset if self.found else None
        if self.found is None:
            return
        if row is not None and row.file is not None and dataset is not None:
            if self._shown_file != (key := f"{row.name}\n{row.file.train}{row.file.val}{row.file.test}"):
                self._shown_file = key
                self._show_file(FileTokens(dataset, row.file))
            return
        self._shown_file = None
        why = panel_text.no_text(row, self.found) if row is not None else f"{capitalized(self._no_file())}."
        self.query_one(TokenView).show_message(visible(why))
        self._reader_title("" if row is None else row.name)
        self.query_one("#token", Static).update("")
        self.query_one("#reader").border_subtitle = ""

    def _no_file(self) -> str:
        """Why there is no file under the cursor."""
        if not self.query_one(FilesTable).row_count:
            return f"no file is like that; {key('data.unfilter', 'esc')} clears the filter"
        return f"this row stands for several files: {key('data.filter', '/')} filters the list for one of them"

    def _show_file(self, file: FileTokens, token: int = 0, repeat: range = range(0)) -> None:
        self._reader_title(file.file.name)
        self.query_one(TokenView).show_file(file, token, repeat)

    def _reader_title(self, name: str) -> None:
        copies = self.found.near_copies if self.found is not None else None
        like = next((copy for copy in copies.pairs if copy.copy == name), None) if copies is not None else None
        words = f" · {percent(like.similarity)} like {like.of} ({like.of_side})" if like is not None else ""
        of = f"{name}, " if name else ""
        self.query_one("#reader").border_title = Content(visible(f"{of}as the model sees it{words}"))

    @on(TokenView.Moved)
    def _describe_token(self) -> None:
        """The token under the cursor: id, text, bytes, how often it occurs."""
        view = self.query_one(TokenView)
        if (file := view.file) is None or self.found is None:
            return
        words, place = token_words(file, view.cursor, self.found.counts, view.region.width - 4)
        self.query_one("#token", Static).update(words)
        self.query_one("#reader").border_subtitle = Content(place)

    def action_repeat(self) -> None:
        """Show the longest repeat: in validation first, then in training, and so on by turns."""
        leakage, dataset = (self.found.leakage, self.found.dataset) if self.found is not None else (None, None)
        if leakage is None or dataset is None or not leakage.longest:
            self.notify("no token of validation occurs in training" if leakage is not None else "not known yet")
            return
        side: Literal["train", "val"] = "train" if self._repeat_side == "val" else "val"
        self._repeat_side = side
        repeat = leakage.longest_val_range if side == "val" else leakage.longest_train_range
        file = next(file for file in dataset.files if repeat.start in getattr(file, side))
        token = repeat.start - getattr(file, side).start + (len(file.train) if side == "val" else 0)
        table = self.query_one(FilesTable)
        shown = FileTokens(dataset, file)
        self._shown_file = f"{file.name}\n{file.train}{file.val}{file.test}"
        table.go_to(file)
        self._show_file(shown, token, range(token, token + len(repeat)))
        self.action_see("text")

    def action_see(self, panel: str) -> None:
        """Give a panel the focus; on a narrow terminal show its page."""
        self._page(panel)
        widget = {"files": "#file-table", "text": "#text"}.get(panel, f"#{panel}")
        self.query_one(widget).focus()

    def action_preview(self) -> None:
        """The document under the cursor as plain text."""
        view = self.query_one(TokenView)
        if (file := view.file) is None:
            self.notify("there is no text of this file to show")
        else:
            place = f"{file.file.name}:{file.line(int(file.documents[file.document_of(view.cursor)]))}"
            text = file.document_text(view.cursor, PREVIEWED)
            self.host.push_screen(Message(visible(text) or "an empty document", title=visible(place)))

    def action_read_text(self) -> None:
        self.action_see("text")

    def action_next(self, step: int) -> None:
        names = list(PAGES)
        at = names.index(self._panel) if self._panel in names else 0
        self.action_see(names[(at + step) % len(names)])

    _panel = "files"

    def _page(self, panel: str) -> None:
        self._panel = panel
        for page in set(PAGES.values()):
            self.set_class(PAGES[panel] == page, f"-see-{page}")

    @on(DescendantFocus)
    def _follow_focus(self, event: DescendantFocus) -> None:
        name = {"file-table": "files"}.get(event.widget.id or "", event.widget.id or "")
        if name in PAGES:
            self._page(name)

    @work
    async def action_source(self) -> None:
        phases = {path: str(path) for path in project_phases()}
        dialog = SourceDialog("show the data of", offers=phases, current=self.reader.origin)
        path = await self.host.push_screen_wait(dialog)
        if path is not None:
            self.reader.open(path)

    @work
    async def action_take(self) -> None:
        """Take in what is left out, or leave out the file under the cursor: in the phase file that is shown."""
        row, found = self.query_one(FilesTable).row_at_cursor(), self.found
        if row is None or found is None:
            self.notify(self._no_file())
            return
        if found.origin.suffix != ".toml":
            save, mark = key("data.save", "n"), key("data.take", "space")
            self.notify(
                f"there is no phase to write it in: {save} saves the suggestion as one, and there {mark} takes files "
                "in and out",
                severity="warning",
            )
            return
        try:
            words = await to_thread(change_selection, found, row)
        except UserError as error:
            self.notify(visible(str(error)), severity="warning")
            return
        self.notify(visible(words))
        self.reader.again(self.found)

    @work
    async def action_save(self) -> None:
        """Save the suggestion as a phase, and show that phase."""
        if self.found is None or self.found.suggestion is None:
            self.notify("there is no suggestion yet")
            return
        if self._saving:
            self.notify("the suggestion is being saved already")
            return
        found, self._saving = self.found, True
        try:
            path = await save_suggestion(self.host, found, self.found.suggestion)
        finally:
            self._saving = False
        if path is not None and self.app.current_mode == self.mode and self.reader.origin == found.origin:
            self.reader.open(path)

    @work
    async def action_begin(self) -> None:
        if await begin(self.host):
            self.action_again()

    def action_again(self) -> None:
        self.reader.again(self.found)
