"""The list of phases: name, file, parameters, title, verdict of the newest run; broken ones with what is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from rich.cells import cell_len
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from slmtui.console.filtering.expression import Field, number_of
from slmtui.console.filtering.line import FILTER_KEYS
from slmtui.console.key_names import key
from slmtui.console.phase_drafts import Draft
from slmtui.console.screens.phases.inspector import PhaseInspector
from slmtui.console.text.columns import cut, fit
from slmtui.insight.estimates import parameters
from slmtui.output import visible
from slmtui.words import compact

LEAST_WIDTH = 25  # of a row, in columns
MOST_WIDTH = 60


@dataclass(frozen=True)
class PhaseRow:
    """What one phase's two lines say; the file's name too, where it is not the phase's. mark: its place among those to
    be trained, 0 for none; above_baseline: counting does better than that run's network, so its verdict is no praise;
    advice: why it is the one to take.
    """

    path: Path
    name: str
    title: str
    parameters: str
    verdict: str
    wrong: str
    changed: bool
    mark: int = 0
    above_baseline: bool = False
    advice: str = ""

    def content(self, width: int) -> Content:
        sign = f"{self.mark} " if self.mark else "* " if self.changed else "◆ " if self.advice else "  "
        right = "" if self.wrong else self.parameters
        room = width - len(sign) - len(right) - 1
        file = "" if self.name == self.path.stem else f" · {visible(self.path.stem)}"
        name = cut(visible(self.name), room - min(cell_len(file), room // 2))
        first = Content.assemble(
            (sign, "$accent bold" if self.mark else "$warning" if self.changed else "$best"), (name, "bold"),
            (fit(file, room - cell_len(name)), "$quiet"), " ", (right, "$quiet"), "\n",
        )  # fmt: skip
        if self.wrong:
            return first + Content.assemble("  ", (cut("broken: " + visible(self.wrong), width - 2), "$error"))
        right, colour = self.verdict, "$quiet" if self.above_baseline or not self.verdict else f"${self.verdict}"
        if self.advice:
            right, colour = self.advice, "$best"
        title = fit(visible(self.title), width - 2 - len(right) - 1)
        return first + Content.assemble("  ", (title, "$quiet"), " ", (right, colour))


FIELDS: dict[str, Field[PhaseRow]] = {
    "phase": Field(lambda row: row.name),
    "file": Field(lambda row: row.path.stem),
    "title": Field(lambda row: row.title),
    "verdict": Field(lambda row: row.verdict),
    "wrong": Field(lambda row: f"broken: {row.wrong}" if row.wrong else ""),
    "parameters": Field(lambda row: number_of(row.parameters), is_number=True),
}


def phase_row(draft: Draft, inspector: PhaseInspector, mark: int, advice: str = "") -> PhaseRow:
    """The row of a phase file as it is now; of one with mistakes, what is wrong stands in the place of all else."""
    phase, path = draft.phase, draft.path
    if phase is None:
        problem = draft.problems[0] if draft.problems else None
        wrong = (problem.key or problem.message) if problem else "cannot be read"
        return PhaseRow(path, path.stem, "", "", "", wrong, draft.changed, mark)
    n_vocab = inspector.vocabulary_of(phase)
    count = "" if n_vocab is None else compact(sum(parameters(phase, n_vocab).values()))
    verdict, above_baseline = inspector.verdict_of(phase)
    return PhaseRow(
        path, phase.name, phase.phase.title, count, verdict, "", draft.changed, mark, above_baseline, advice
    )


def why_not_done(action: str, draft: Draft | None, any_there: bool) -> str:
    """Why nothing can be done with the phase in view, None for no phase, and what would be right; "" if it can."""
    if draft is not None:
        broken = action == "measure" and draft.phase is None
        return f"{draft.path} has mistakes: {key('phases.edit-form', 'e')} shows them" if broken else ""
    if any_there:
        return f"no phase is like that; {key('phases.unfilter', 'esc')} clears the filter"
    begin, new = key("phases.begin", "b"), key("phases.new", "n")
    return f"there are no phases yet: {begin} suggests one for a text, {new} begins an empty one"


class PhaseList(OptionList):
    DEFAULT_CSS = """
    PhaseList, PhaseList:focus { height: 1fr; background: $background; border: none; padding: 0;
        background-tint: $background 0%; }
    PhaseList > .option-list--option { padding: 0; }
    PhaseList > .option-list--option-highlighted { background: $accent 20%; color: $foreground; text-style: none; }
    PhaseList:focus > .option-list--option-highlighted { background: $accent 35%; color: $foreground; }
    """
    BINDING_GROUP_TITLE = "List of phases"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s,enter", "screen.start", "train", key_display="s", tooltip="train the marked phases, or this one"),
        Binding("space", "screen.mark", "mark", tooltip="mark to train, in this order"),
        Binding("e,l,right", "screen.edit('form')", "edit", key_display="e", tooltip="edit in the form"),
        Binding("f", "screen.edit('file')", "file", tooltip="edit the file itself"),
        Binding("o", "screen.meaning", "meaning", tooltip="what this phase means"),
        Binding("n", "screen.new", "new", tooltip="a new phase, with the defaults"),
        Binding("y", "screen.copy", "copy", tooltip="save as a new phase"),
        Binding("v", "screen.against", "versus", show=False, tooltip="compare with another phase"),
        Binding("m", "screen.measure", "measure", show=False, tooltip="measure a few steps"),
        Binding("u", "screen.undo", "undo", show=False, tooltip="undo what is not saved, or the last deletion"),
        Binding("x", "screen.delete", "delete", show=False, tooltip="delete the file"),
        Binding("b", "screen.begin", "begin", tooltip="choose a text, and have a phase suggested for it"),
        Binding("ctrl+s", "screen.save", "save", show=False, tooltip="save the changes"),
        Binding("j", "cursor_down", "down", show=False),
        Binding("k", "cursor_up", "up", show=False),
        Binding("g", "first", "first", show=False),
        Binding("G", "last", "last", show=False),
        *FILTER_KEYS,
    ]

    def __init__(self) -> None:
        super().__init__(id="phase-list", markup=False)
        self.rows: list[PhaseRow] = []

    @property
    def _width(self) -> int:
        return max(LEAST_WIDTH, min(MOST_WIDTH, self.size.width - 1))

    def on_resize(self) -> None:
        for index, row in enumerate(self.rows):
            self.replace_option_prompt_at_index(index, row.content(self._width))

    @property
    def path(self) -> Path | None:
        """The phase under the cursor."""
        return self.rows[self.highlighted].path if self.rows and self.highlighted is not None else None

    def show(self, rows: list[PhaseRow]) -> None:
        """Show these; only what has changed is drawn again, and the cursor stays."""
        if [row.path for row in rows] == [row.path for row in self.rows]:
            changed = [index for index, row in enumerate(rows) if row != self.rows[index]]
            self.rows = rows
            for index in changed:
                self.replace_option_prompt_at_index(index, rows[index].content(self._width))
            return
        self.rows = rows
        self.clear_options()
        self.add_options(Option(row.content(self._width)) for row in rows)

    def go_to(self, path: Path | None) -> None:
        places = [row.path for row in self.rows]
        self.highlighted = places.index(path) if path in places else None
