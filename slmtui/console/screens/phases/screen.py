"""Phases: the list of phase files, one of them as a form or as the file it is, and what it means, live."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.events import DescendantFocus
from textual.timer import Timer
from textual.widgets import OptionList, Static

from slmtui.config.phase import Phase
from slmtui.console.base import ConsoleScreen
from slmtui.console.dialogs.input import SelectDialog
from slmtui.console.filtering.line import FilterLine
from slmtui.console.key_names import key
from slmtui.console.phase_drafts import Draft, Drafts
from slmtui.console.screens.phases.diagnosis import diagnosis_lines
from slmtui.console.screens.phases.editor import EditorView, PhaseEditor
from slmtui.console.screens.phases.files import PhaseFiles
from slmtui.console.screens.phases.inspector import PhaseInspector
from slmtui.console.screens.phases.meaning import difference_lines, meaning, problem_lines
from slmtui.console.screens.phases.meaning_panel import MeaningPanel
from slmtui.console.screens.phases.phase_list import FIELDS, PhaseList, PhaseRow, phase_row, why_not_done
from slmtui.files import is_folder
from slmtui.project import DEFAULT_PHASE
from slmtui.words import byte_size

FILE_BEATS = 4  # beats between two looks at the files
RUN_BEATS = 20  # beats between two looks at the runs
WIDE = 100  # columns from which the three panels stand side by side, as in HORIZONTAL_BREAKPOINTS
TYPING = 0.6  # seconds without a key after which the data of an edited phase is read
NEED_A_PHASE = {"start", "start_this", "mark", "edit", "other_view", "meaning", "copy", "measure", "delete", "save",
                "against", "filter"}  # fmt: skip
NOTHING = """\
No phases here yet.

A phase is a TOML file
in phases/ that says what
to train, and on what.

{begin}  begin: choose a text
{new}  an empty phase"""


class PhasesScreen(ConsoleScreen):
    DEFAULT_CSS = """
    PhasesScreen #phases { width: 20%; min-width: 29; }
    PhasesScreen #editor { width: 1fr; }
    PhasesScreen #meaning { width: 30%; min-width: 46; }
    PhasesScreen #nothing { display: none; color: $quiet; height: auto; margin: 1 0; }
    PhasesScreen.-empty #nothing { display: block; }
    PhasesScreen.-empty #phase-list { height: 1; }
    PhasesScreen.-narrow #phases, PhasesScreen.-narrow #editor, PhasesScreen.-narrow #meaning {
        display: none; width: 1fr; min-width: 0;
    }
    PhasesScreen.-narrow.-see-phases #phases, PhasesScreen.-narrow.-see-editor #editor,
    PhasesScreen.-narrow.-see-meaning #meaning { display: block; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.drafts, self.editor = Drafts(), PhaseEditor()
        self.inspector = PhaseInspector(self, self._show_known)
        self.marked: list[Path] = []  # to be trained, in this order
        self.other: Path | None = None  # compared with; None: the one before in the list
        self._seen_panel = "phases"
        self._beats = 0
        self._offered = False
        self._begun: Path | None = None  # the phase that was suggested for a text in this session
        self._typing: Timer | None = None

    def body(self) -> ComposeResult:
        with Horizontal():
            with Vertical(id="phases", classes="panel") as box:
                box.border_title = "phases"
                words = NOTHING.format(begin=key("phases.begin", "b"), new=key("phases.new", "n"))
                yield Static(words, id="nothing", markup=False)
                yield PhaseList()
                yield FilterLine(FIELDS, "#phase-list")
            yield self.editor
            yield MeaningPanel()

    def on_mount(self) -> None:
        self.files = PhaseFiles(self.host, self.drafts, self.refresh_all)
        self.see("phases")
        self.query_one(PhaseList).focus()

    def on_screen_resume(self) -> None:
        self.inspector.forget_faults()
        self._beats = 0
        if not is_folder(self.drafts.folder) and not self._offered:
            self._offered = True
            self.action_begin()

    def pulse(self) -> None:
        if self._beats and self.is_active and self.editor.has_focus_within:
            self._stay()
        if self._beats % FILE_BEATS == 0 and (self.drafts.look() or self._beats == 0):
            self.refresh_all()
            self._find_facts()
        if self._beats % RUN_BEATS == 0:
            self._find_runs()
        self._beats += 1

    def hinted(self, action: str) -> bool:
        if action == "screen.begin":
            return not is_folder(self.drafts.folder)
        return True

    def why_not(self, action: str, parameters: tuple[object, ...]) -> str:  # noqa: ARG002
        return why_not_done(action, self.draft, bool(self.drafts.paths())) if action in NEED_A_PHASE else ""

    @property
    def draft(self) -> Draft | None:
        """What is seen, and what the keys are about."""
        return self.editor.draft

    def _stay(self) -> None:
        """Whoever types is not taken to another phase, because work that began on another screen has made it."""
        if (draft := self.draft) is not None and self.drafts.by_path.get(draft.path) is draft:
            self.host.phase_file = draft.path

    def refresh_all(self) -> None:
        """Show the files as they are now, and the one that is chosen; the first, if none is."""
        paths = self.drafts.paths()
        if self.host.phase_file not in paths:
            self.host.phase_file = self._first(self._matching())
        self.marked = [path for path in self.marked if path in paths]
        if self.has_class("-empty") != (not paths):
            self.set_class(not paths, "-empty")
            self.refresh_bindings()
        self.show_list()
        self.query_one(PhaseList).go_to(self.host.phase_file)
        self.editor.show(self.drafts.by_path.get(self.host.phase_file or Path()))
        self.show_meaning()

    def _first(self, paths: Sequence[Path]) -> Path | None:
        """The one of these to begin with: the last one that a person chose, or the first."""
        named = self.drafts.folder / self.host.ui_state.text("phase", "quick.toml")
        return named if named in paths else paths[0] if paths else None

    def _matching(self) -> list[Path]:
        """The phases that the filter takes."""
        return [row.path for row in self.query_one(FilterLine).keep(self._rows())]

    @on(FilterLine.Changed)
    def _filtered(self) -> None:
        """The phase in view is among those that are listed; none is, if none is listed."""
        matching = self._matching()
        if self.host.phase_file not in matching:
            self.host.phase_file = self._first(matching)
        self.refresh_all()
        self._find_facts()

    def _rows(self) -> list[PhaseRow]:
        marks = {path: place for place, path in enumerate(self.marked, start=1)}
        best, advice = self._best()
        return [
            phase_row(self.drafts[path], self.inspector, marks.get(path, 0), advice if path == best else "")
            for path in self.drafts.paths()
        ]

    def show_list(self) -> None:
        """What the filter takes, and the phase in view, which may be new or have been edited since it was typed."""
        rows, (best, advice) = self._rows(), self._best()
        kept = self.query_one(FilterLine).keep(rows)
        self.query_one(PhaseList).show([row for row in rows if row in kept or row.path == self.host.phase_file])
        below = f"{len(self.marked)} marked · {key('phases.start', 's')} trains" if self.marked else ""
        if not below and best is not None:
            bits = self.inspector.best.judged_bits_per_byte if self.inspector.best is not None else None
            below = f"◆ {advice}" if bits is None else f"◆ {advice}: {bits:.2f} bits/byte"
        self.query_one("#phases").border_subtitle = below
        self.host.unsaved = tuple(str(path) for path in self.drafts.paths() if self.drafts[path].changed)

    def show_meaning(self) -> None:
        panel, phase = self.query_one(MeaningPanel), self.draft.phase if self.draft is not None else None
        panel.border_subtitle = phase.name if phase is not None else ""
        if phase is None:
            panel.show(problem_lines(self.draft.problems) if self.draft is not None else (), "", ())
            return
        known = self.inspector.counts_of(phase)
        lines = meaning(phase, known, self.inspector.speed_of(phase), memory_here=self.inspector.memory_here)
        lines += diagnosis_lines(phase, known)
        other = self._compared()
        panel.show(lines, other.name if other else "", difference_lines(phase, other) if other else ())

    def _best(self) -> tuple[Path | None, str]:
        """The phase to begin with, and why: its run is the best so far; or there is no run, and it is the default."""
        if not self.inspector.runs_known:
            return None, ""
        paths = self.drafts.paths()
        if (best := self.inspector.best) is None:
            default = self.drafts.folder / DEFAULT_PHASE.name
            start = self._begun if self._begun in paths else default if default in paths else None
            return start, "begin here"
        named = (path for path in paths if (phase := self.drafts[path].phase) and phase.name == best.phase)
        return next(named, None), "best"

    def _go_to_the_best(self) -> None:
        """Where nobody has chosen a phase yet, the best one is under the cursor."""
        best, _ = self._best()
        if best is None or best == self.host.phase_file or self.host.ui_state.text("phase", ""):
            return
        if self.query_one(FilterLine).in_force or self.editor.has_focus_within:
            return
        self.host.phase_file = best
        self.refresh_all()
        self._find_facts()

    def _show_known(self) -> None:
        self._go_to_the_best()
        self.show_list()
        self.show_meaning()

    def _find_facts(self) -> None:
        """Read the datasets that are not known yet, that of the phase in view first."""
        drafts = [self.draft, *(self.drafts[path] for path in self.drafts.paths())]
        self.inspector.find_facts([draft.phase for draft in drafts if draft is not None and draft.phase is not None])

    def _find_runs(self) -> None:
        phases = [self.drafts[path].phase for path in self.drafts.paths()]
        self.inspector.find_runs({phase.name for phase in phases if phase is not None})

    def see(self, panel: str) -> None:
        """On a narrow terminal, show this one of the three panels."""
        self._seen_panel = panel
        if self.app.size.width < WIDE:  # else it would restyle everything to no effect
            self._apply_seen()

    def on_resize(self) -> None:
        self._apply_seen()

    def _apply_seen(self) -> None:
        for name in ("phases", "editor", "meaning"):
            self.set_class(name == self._seen_panel, f"-see-{name}")

    @on(DescendantFocus)
    def follow_focus(self, event: DescendantFocus) -> None:
        for node in event.widget.ancestors_with_self:
            if node.id in ("phases", "editor", "meaning"):
                self.see(node.id)

    @on(OptionList.OptionHighlighted, "#phase-list")
    def chosen(self) -> None:
        path = self.query_one(PhaseList).path
        if path is not None and path != self.host.phase_file:
            self.host.phase_file = path
            self.host.ui_state.remember("phase", path.name)
            self.editor.show(self.drafts.by_path.get(self.host.phase_file or Path()))
            self.show_meaning()
            self._find_facts()

    @on(PhaseEditor.Edited)
    def edited(self, event: PhaseEditor.Edited) -> None:
        event.draft.text = event.text
        self.editor.say()
        self.show_list()
        self.show_meaning()
        if self._typing is not None:
            self._typing.stop()
        self._typing = self.set_timer(TYPING, self._find_facts)

    def action_start(self) -> None:
        """Train the marked phases in their order, or the one under the cursor."""
        self._train(list(self.marked) or ([self.draft.path] if self.draft is not None else []))

    def action_start_this(self) -> None:
        if self.draft is not None:
            self._train([self.draft.path])

    @work
    async def _train(self, paths: list[Path]) -> None:
        if await self.files.train(paths):
            self.marked.clear()
            self.show_list()

    @work
    async def action_save(self) -> None:
        if self.draft is not None:
            await self.files.save_and_say(self.draft)

    @work
    async def action_copy(self) -> None:
        """Save what is in the editor as a new phase."""
        if self.draft is not None:
            await self.files.copy(self.draft)

    @work
    async def action_new(self) -> None:
        """Begin a phase with the defaults of the schema."""
        await self.files.new()

    @work
    async def action_delete(self) -> None:
        if self.draft is not None:
            await self.files.delete(self.draft)

    @work
    async def action_undo(self) -> None:
        """Undo what was not saved; else bring back what was deleted last."""
        await self.files.undo(self.draft)

    @work
    async def action_begin(self) -> None:
        """Choose a text, and have a phase suggested for it."""
        await self.files.begin()
        self._begun = self.host.phase_file

    def action_list(self) -> None:
        self.see("phases")
        self.query_one(PhaseList).focus()

    def action_edit(self, view: EditorView) -> None:
        if self.draft is None:
            return
        self.editor.set_view(view)
        self.see("editor")
        self.call_after_refresh(self.editor.focus_view)

    def action_other_view(self) -> None:
        self.action_edit("form" if self.editor.view == "file" else "file")

    def action_meaning(self) -> None:
        self.see("meaning")
        self.query_one(MeaningPanel).focus()

    async def action_section(self, step: int) -> None:
        await self.editor.form.step_section(step)
        self.editor.form.focus_field()

    async def action_show_section(self, name: str) -> None:
        await self.editor.form.show_section(name)
        self.editor.form.focus_field()

    def action_next_problem(self) -> None:
        self.editor.go_to_next_problem()

    def action_mark(self) -> None:
        """Mark the phase under the cursor to be trained, or no longer, and go on to the next."""
        phases = self.query_one(PhaseList)
        if phases.path is None:
            return
        if phases.path in self.marked:
            self.marked.remove(phases.path)
        else:
            self.marked.append(phases.path)
        if phases.highlighted != len(phases.rows) - 1:
            phases.action_cursor_down()
        self.show_list()

    @work
    async def action_against(self) -> None:
        """Choose the phase to compare with."""
        paths = [path for path in self.drafts.paths() if path != self.host.phase_file and self.drafts[path].phase]
        if not paths:
            self.notify("there is no other phase to compare with")
            return
        start = paths.index(self.other) if self.other in paths else 0
        answer = await self.host.push_screen_wait(
            SelectDialog([p.stem for p in paths], title="compare with", start=start)
        )
        if answer is not None:
            self.other = paths[answer]
            self.show_meaning()
            self._see_meaning()

    def _see_meaning(self) -> None:
        """Where only one panel is seen, the one that has the answer."""
        if self.app.size.width < WIDE:
            self.action_meaning()

    def action_measure(self) -> None:
        """Measure a few steps of this phase, if nothing else needs the machine."""
        phase = self.draft.phase if self.draft is not None else None
        if phase is None:
            return
        if not self.host.backend.ready:
            self.notify(self.host.backend.words())
        elif self.host.trainer.busy:
            self.notify("a training is running: its steps and these would slow each other down", severity="warning")
        elif (need := self.inspector.memory_of(phase)) > (here := self.inspector.memory_here):
            self.notify(f"it would need {byte_size(need)}; the machine has {byte_size(here)}", severity="warning")
        else:
            self.inspector.measure(phase)
            self._see_meaning()

    def _compared(self) -> Phase | None:
        """The phase that was chosen to compare with, or the one before in the list; the one after for the first."""
        paths = self.drafts.paths()
        if self.other in paths and self.other != self.host.phase_file:
            return self.drafts[self.other].phase
        at = paths.index(self.host.phase_file) if self.host.phase_file in paths else 0
        near = paths[at - 1 : at] or paths[at + 1 : at + 2]
        return self.drafts[near[0]].phase if near else None
