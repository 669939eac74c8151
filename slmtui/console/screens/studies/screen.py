"""Studies: the cells of each study as a heat map, its curves, its law, its table, its claims, and its trials."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, ScrollableContainer, Vertical
from textual.content import Content
from textual.events import DescendantFocus
from textual.message import Message
from textual.widget import Widget
from textual.widgets import DataTable, Static

from slmtui.console.base import ConsoleScreen
from slmtui.console.key_names import key
from slmtui.console.screens.studies.heat_map import HeatMap
from slmtui.console.screens.studies.lists import StudyList, TrialList
from slmtui.console.screens.studies.looking import Finder, Finding, StudiesReader, StudyListing
from slmtui.console.screens.studies.words import NO_FILES, NO_FOLDER, cell_words, no_study, to_open, why_not_yet
from slmtui.console.screens.studies.work import StudyWork
from slmtui.console.workers.rhythm import Rhythm
from slmtui.errors import UserError
from slmtui.files import is_folder
from slmtui.output import visible
from slmtui.project import STUDIES

if TYPE_CHECKING:
    from slmtui.studies.results import CellResult, TrialResult

LOOK = 0.7  # seconds between two looks
VIEWS = {  # and their titles
    "grid": "bits per byte, means over seeds",
    "curves": "validation loss over steps, bits per byte",
    "law": "the law: bits per byte over training tokens",
    "table": "the cells, the best first, in bits per byte",
    "claims": "claims",
    "trials": "what is running, and the trials of this cell",
}
ROOMY = (100, 32)  # columns and rows from which the grid and another view are seen together
LOW = 20  # rows below which the list has one row


class StudiesScreen(ConsoleScreen):
    CSS = """
    StudiesScreen #all { layout: vertical; height: 1fr; }
    StudiesScreen #upper { layout: vertical; height: auto; }
    StudiesScreen #studies-panel { height: 6; }
    StudiesScreen.-tiny #studies-panel { height: 4; }
    StudiesScreen.-tiny StudyList { height: 2; }
    StudiesScreen #grid-panel { height: 1fr; }
    StudiesScreen #view-panel { height: 1fr; }
    StudiesScreen #upper.-grid { height: 1fr; }
    StudiesScreen #cell { height: auto; max-height: 3; color: $quiet; }
    StudiesScreen #law-words { height: auto; max-height: 2; color: $quiet; }
    StudiesScreen ScrollableContainer { height: 1fr; }
    StudiesScreen #table-text { width: auto; }
    StudiesScreen #fault { display: none; height: 1fr; padding: 1 2; }
    StudiesScreen.-fault #fault { display: block; }
    StudiesScreen.-roomy #upper { layout: horizontal; height: 2fr; }
    StudiesScreen.-roomy #studies-panel { width: 48; height: 1fr; }
    StudiesScreen.-roomy #grid-panel { width: 1fr; }
    StudiesScreen.-roomy #view-panel { height: 3fr; }
    StudiesScreen #empty { display: none; height: 1fr; content-align: center middle; color: $quiet; }
    StudiesScreen.-none #all { display: none; }
    StudiesScreen.-none #empty { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right_square_bracket,full_stop", "view(1)", "view", key_display="]", tooltip="the next view of it"),
        Binding("left_square_bracket,comma", "view(-1)", "earlier view", show=False, tooltip="the view before"),
        Binding("s", "start", "start", tooltip="train what is missing, in a process that outlives slmtui (asks first)"),
        Binding("P,f8", "pause", "pause", tooltip="pause the trials that run, or let them go on"),
        Binding("s", "stop", "stop", tooltip="save and stop all trials that run on this machine"),
        Binding("plus,equals_sign", "seeds", "seeds", key_display="+", tooltip="add seeds to this study's file"),
        Binding("escape", "list", "list", show=False, tooltip="back to the list of studies"),
    ]

    @dataclass
    class Looked(Message):
        """The studies as they are now, or why that cannot be said."""

        studies: list[StudyListing]
        problem: str = ""

    @dataclass
    class Found(Message):
        """What the results of the study under the cursor say."""

        finding: Finding

    def __init__(self) -> None:
        super().__init__()
        self.studies: dict[str, StudyListing] = {}
        self.view = "grid"
        self.finding: Finding | None = None
        self.training = StudyWork(self)
        self._reader: StudiesReader | None = None
        self._finders: dict[str, Finder] = {}
        self._problem, self._looks = "", Rhythm(LOOK)
        self._entered = False  # the keys are for what is seen of a study, and not for the list
        self._seen: object = None  # what the panels show
        self._sought: object = None  # the results that are being worked out

    def body(self) -> ComposeResult:
        with Container(id="all"):
            with Container(id="upper"):
                with Vertical(id="studies-panel", classes="panel") as panel:
                    panel.border_title = "studies"
                    yield StudyList(id="studies-list")
                with Vertical(id="grid-panel", classes="panel") as panel:
                    panel.border_title = VIEWS["grid"]
                    yield HeatMap(id="grid")
                    yield Static("", id="cell", markup=False)
            with Vertical(id="view-panel", classes="panel"):
                yield Static("", id="law-words", markup=False)
                yield Vertical(id="chart-box")
                with ScrollableContainer(id="text-box"):
                    yield Static("", id="table-text", markup=False)
                with ScrollableContainer(id="claims-box"):
                    yield Static("", id="claims-text", markup=False)
                yield TrialList(id="trials-list")
            yield Static("", id="fault", markup=False)
        yield Static("Reading the studies …", id="empty", markup=False)

    def on_mount(self) -> None:
        self.set_class(True, "-none")
        self.query_one(StudyList).focus()
        self.app.theme_changed_signal.subscribe(self, lambda _: self.query_one(HeatMap).refresh())
        self._arrange()

    def on_resize(self) -> None:
        width, height = self.app.size
        self.set_class(width >= ROOMY[0] and height >= ROOMY[1], "-roomy")
        self.set_class(height < LOW, "-tiny")
        self._arrange()
        self.call_after_refresh(self._show)

    # ---- looking ----

    def pulse(self) -> None:
        self.training.look()
        if self._looks.begin():
            self._look()

    @work(thread=True, exclusive=True, group="look")
    def _look(self) -> None:
        if self._reader is None:
            self._reader = StudiesReader(self.host.checkpoints)
        with self._looks.look():
            try:
                found = self.Looked(self._reader.look())
            except (UserError, OSError) as error:
                found = self.Looked([], str(error))
        self.post_message(found)

    @on(Looked)
    def _show_news(self, message: Looked) -> None:
        self.studies, self._problem = {str(study.path): study for study in message.studies}, message.problem
        self._show()

    @work(thread=True, exclusive=True, group="find")
    def _find(self, study: StudyListing) -> None:
        assert study.results is not None
        finder = self._finders.setdefault(str(study.path), Finder())
        self.post_message(self.Found(finder.find(study.results)))

    @on(Found)
    def _show_finding(self, message: Found) -> None:
        if self.current is not None and self.current.results is message.finding.results:
            self.finding = message.finding
            self._show_view()

    # ---- showing ----

    @property
    def current(self) -> StudyListing | None:
        """The study under the cursor."""
        lists = self.query(StudyList)
        return self.studies.get(lists.first().current or "") if lists else None

    @property
    def cell(self) -> CellResult | None:
        """The cell under the cursor of the grid."""
        study, place = self.current, self.query_one(HeatMap).current
        if study is None or study.results is None or place is None or place >= len(study.results.cells):
            return None
        return study.results.cells[place]

    def _show(self) -> None:
        if not self._looks.has_looked:
            return
        none = not self.studies
        if self.has_class("-none") != none:
            self.set_class(none, "-none")
            self.call_after_refresh(self.refresh_bindings)
        if none:
            words = self._problem or (NO_FILES if is_folder(STUDIES) else NO_FOLDER)
            self.query_one("#empty", Static).update(visible(words))
            return
        studies, table = list(self.studies.values()), self.query_one(StudyList)
        width = self.query_one("#studies-panel").size.width or self.app.size.width - 4
        table.show(studies, self.training.starting(studies), width)
        self._show_current()

    @on(DataTable.RowHighlighted, "#studies-list")
    def _show_current(self) -> None:
        study = self.current
        if study is None:
            return
        if self.has_class("-fault") != (study.results is None):
            self.set_class(study.results is None, "-fault")
            self._arrange()
        if study.results is None or study.grid is None:
            self.query_one("#fault", Static).update(
                f"{visible(study.problem)}\n\nIt is read again when it changes; `slmtui check {study.path}` says more."
            )
            self.refresh_bindings()
            return
        heat_map = self.query_one(HeatMap)
        if self._seen != (study.path, study.grid):
            best = study.results.best
            at = next((place for place, cell in enumerate(study.results.cells) if cell is best), 0)
            heat_map.show(study.grid, study.results.cells, at=at)
            self._seen = (study.path, study.grid)
            self._show_whole_chart()
            self.query_one("#grid-panel").border_title = Content(f"{visible(study.name)} · {VIEWS['grid']}")
        heat_map.show(study.grid, study.results.cells)
        if self._sought is not study.results:
            self._sought = study.results
            self._find(study)
        self._show_cell()

    @on(HeatMap.Moved)
    def _show_cell(self) -> None:
        cell = self.cell
        if cell is not None:
            self.query_one("#cell", Static).update(visible(cell_words(cell)))
            self._show_view()

    def _arrange(self) -> None:
        """Which panels are seen."""
        roomy, view, well = self.has_class("-roomy"), self._lower, not self.has_class("-fault")
        self.query_one("#grid-panel").display = well and (roomy or self.view == "grid")
        self.query_one("#view-panel").display = well and (roomy or self.view != "grid")
        self.query_one("#upper").set_class(well and not roomy and self.view == "grid", "-grid")
        self.query_one("#view-panel").border_title = VIEWS[view]
        for panel, shown in (("#grid-panel", "grid"), ("#view-panel", view)):
            names = "".join(f"▌{name}▐" if name == shown else f" {name} " for name in self._views)
            self.query_one(panel).border_subtitle = "" if roomy and shown == "grid" else names
        for selector, views in PARTS.items():
            self.query_one(selector).display = view in views

    @property
    def _views(self) -> list[str]:
        """What the key goes through: without the grid where that has its own panel."""
        return [view for view in VIEWS if view != "grid" or not self.has_class("-roomy")]

    @property
    def _lower(self) -> str:
        """What the panel below shows where the grid has its own."""
        return "curves" if self.view == "grid" else self.view

    def _show_view(self) -> None:
        """Fill the panel of the view, if it is seen."""
        study, cell, view = self.current, self.cell, self._lower
        if study is None or study.results is None or cell is None or not self.query_one("#view-panel").display:
            return
        found = self.finding if self.finding is not None and self.finding.results.study is study.results.study else None
        if view == "curves":
            from slmtui.console.screens.studies.charts import curves_chart

            self._draw(curves_chart(study.results, cell), "No evaluation yet, so there is no curve.")
        elif view == "law":
            from slmtui.console.screens.studies.charts import law_chart

            said = "Fitting the law …" if found is None else found.law
            lines = () if found is None else found.law_lines
            self._draw(law_chart(lines, cell, study.name) if lines else None, said, said)
        elif view == "trials":
            self.query_one(TrialList).show(study, study.results.cells.index(cell))
        else:
            words = "Comparing …" if found is None else found.table if view == "table" else found.claims
            self.query_one(f"#{view}-text", Static).update(visible(words))

    def _draw(self, spec: object, instead: str, words: str = "") -> None:
        """A chart with a few words above it, or these instead."""
        from slmtui.console.charts.spec import ChartSpec
        from slmtui.console.charts.widget import Chart

        line, box = self.query_one("#law-words", Static), self.query_one("#chart-box")
        line.update(visible(words if isinstance(spec, ChartSpec) else instead))
        line.display = bool(words) or not isinstance(spec, ChartSpec)
        box.display = isinstance(spec, ChartSpec)
        if isinstance(spec, ChartSpec):
            if charts := box.query(Chart):
                charts.first().set_spec(spec)
            else:
                box.mount(Chart(spec, id="study-chart"))

    def _show_whole_chart(self) -> None:
        from slmtui.console.charts.widget import Chart

        for chart in self.query(Chart):
            chart.show_all()

    # ---- keys ----

    def why_not(self, action: str, parameters: tuple[object, ...]) -> str:  # noqa: ARG002
        if action not in ("view", "start", "pause", "stop", "seeds"):
            return ""
        study = self.current if self.is_mounted else None
        if study is None or study.results is None:
            return no_study() if study is None else f"{study.path} has a fault, which stands here: mend it first"
        return why_not_yet(study.name, action, at_work=self.training.is_at_work(study))

    def hinted(self, action: str) -> bool:
        return action != "pause" or (self.current is not None and self.training.is_at_work(self.current))

    def action_view(self, step: int) -> None:
        views = self._views
        here = self._lower if self.has_class("-roomy") else self.view
        self.view = views[(views.index(here) + step) % len(views)]
        self._arrange()
        self._show_view()
        if self._entered:
            self.call_after_refresh(self._focus_view)

    def action_list(self) -> None:
        self._entered = False
        self.query_one(StudyList).focus()

    @on(DataTable.RowSelected, "#studies-list")
    def _focus_view(self) -> None:
        """Go to what is seen of the study; to the list where that has nothing to move in."""
        self._entered = True
        from slmtui.console.charts.widget import Chart

        view = "grid" if self.view == "grid" else self._lower
        target: Widget | None
        if view in ("curves", "law"):
            target = self.query(Chart).first() if self.query_one("#chart-box").display and self.query(Chart) else None
        else:
            target = self.query_one({"grid": "#grid", "table": "#text-box", "claims": "#claims-box",
                                     "trials": "#trials-list"}[view])  # fmt: skip
        (target or self.query_one(StudyList)).focus()

    @on(DescendantFocus)
    def _keys_have_changed(self) -> None:
        self._entered = self._entered or not isinstance(self.focused, StudyList)  # a click or tab enters, too
        self.refresh_bindings()

    @on(HeatMap.Chosen)
    def _open_cell(self) -> None:
        if (cell := self.cell) is not None:
            self._open(to_open(cell))

    @on(DataTable.RowSelected, "#trials-list")
    def _open_trial(self) -> None:
        trials = self.query_one(TrialList)
        self._open(trials.trials.get(trials.current or ""))

    def _open(self, trial: TrialResult | None) -> None:
        if trial is None or trial.run is None:
            self.notify(
                f"nothing of this has been trained yet; {key('studies.start', 's')} starts the study",
                severity="warning",
            )
        else:
            self.host.watch_run(trial.run)

    @work
    async def action_start(self) -> None:
        if (study := self.current) is not None:
            await self.training.start(study)

    def action_pause(self) -> None:
        if (study := self.current) is not None:
            self.training.pause(study)

    @work
    async def action_stop(self) -> None:
        if (study := self.current) is not None:
            await self.training.stop(study)

    @work
    async def action_seeds(self) -> None:
        if (study := self.current) is not None:
            await self.training.add_seeds(study)


PARTS = {  # of the panel below, and the views that they belong to
    "#law-words": ("law",), "#chart-box": ("curves", "law"), "#text-box": ("table",), "#claims-box": ("claims",),
    "#trials-list": ("trials",),
}  # fmt: skip
