"""Runs: all runs with their verdicts, the curves of the marked ones on one chart, and what can be done with a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message
from textual.widgets import DataTable, Static

from slmtui.console.asking import asked_words, doing_words, pause_or_resume
from slmtui.console.base import ConsoleScreen
from slmtui.console.charts.palette import RUN_ROLES, Role, chart_palette
from slmtui.console.dialogs.serving import ServingDialog
from slmtui.console.filtering.line import FilterLine
from slmtui.console.key_names import key
from slmtui.console.screens.runs import words
from slmtui.console.screens.runs.columns import FIELDS
from slmtui.console.screens.runs.curves_panel import CurvesPanel
from slmtui.console.screens.runs.deleting import bring_back_last, delete_runs, empty_the_trash
from slmtui.console.screens.runs.exporting import export_run
from slmtui.console.screens.runs.keys import KEYS, NEED_A_RUN, NEED_RUNS
from slmtui.console.screens.runs.naming import Done, archive, ask_note, ask_steps, ask_tags, turn_baseline
from slmtui.console.screens.runs.reporting import report_on
from slmtui.console.screens.runs.run_list import RunList
from slmtui.console.screens.runs.runs_panel import RunsPanel
from slmtui.console.screens.runs.side_by_side import compare
from slmtui.console.workers.rhythm import Rhythm
from slmtui.errors import UserError
from slmtui.files import is_there
from slmtui.output import visible
from slmtui.project import how_to_train
from slmtui.runs.continuing import continued, why_not_continued
from slmtui.runs.control import now
from slmtui.runs.groups import RunGroup, group_words
from slmtui.runs.index import RunIndex, RunListing
from slmtui.runs.run import Run
from slmtui.training.control import CommandKind
from slmtui.words import capitalized

LOOK = 0.5  # seconds between two looks into the folder


class RunsScreen(ConsoleScreen):
    CSS = """
    RunsScreen #about { height: auto; padding: 0 2; }
    RunsScreen #curves { height: 1fr; min-height: 6; }
    RunsScreen #empty { display: none; height: 1fr; content-align: center middle; text-align: center; color: $quiet; }
    RunsScreen.-no-runs #runs-panel, RunsScreen.-no-runs #about, RunsScreen.-no-runs #curves { display: none; }
    RunsScreen.-no-runs #empty { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = KEYS

    @dataclass
    class Looked(Message):
        """What the folder holds now, or why that cannot be said."""

        runs: list[RunListing]
        problem: str = ""

    def __init__(self) -> None:
        super().__init__()
        self.runs: dict[str, RunListing] = {}
        self.marked: dict[str, Role] = {}
        self._problem = ""  # why there are none
        self._shown_once = False
        self._can: set[str] = set()  # what can be done with the run under the cursor: the bottom line names it
        self._watched: Run | None = None  # when this screen was shown last
        self._index: RunIndex | None = None
        self._looks = Rhythm(LOOK)
        self._writing = Lock()  # tags: each time said once it stands there

    def body(self) -> ComposeResult:
        yield RunsPanel(self.host.ui_state, id="runs-panel")
        yield FilterLine(FIELDS, "#runs-panel DataTable")
        yield Static("", id="about", markup=False)
        yield CurvesPanel(id="curves")
        yield Static("", id="empty", markup=False)

    def on_mount(self) -> None:
        self.set_class(True, "-no-runs")
        self.query_one(RunList).focus()
        self.app.theme_changed_signal.subscribe(self, lambda _: self._show())
        self._show()

    @property
    def panel(self) -> RunsPanel:
        return self.query_one(RunsPanel)

    @property
    def ready(self) -> bool:
        return self._shown_once

    # ---- looking ----

    def pulse(self) -> None:
        if self._looks.begin():
            self._look()

    @work(thread=True, exclusive=True, group="look")
    def _look(self) -> None:
        import slmtui.console.charts.widget  # noqa: F401  (numpy, which the first frame does not wait for)

        if self._index is None:
            self._index = RunIndex(self.host.checkpoints)
        with self._looks.look():
            try:
                found = self.Looked(self._index.look())
            except UserError as error:
                found = self.Looked([], str(error))
        self.post_message(found)

    @on(Looked)
    def _show_news(self, message: Looked) -> None:
        runs = {run.name: run for run in message.runs}
        # The comparison is quick, since a run that did not change is the same object.
        if self._shown_once and runs == self.runs and message.problem == self._problem:
            self.panel.go_to_wanted(self.runs)
            self._show_current()
            return
        self.runs, self._problem, self._shown_once = runs, message.problem, True
        self.marked = {name: role for name, role in self.marked.items() if name in self.runs}
        self._show()
        self.panel.go_to_wanted(self.runs)

    def on_screen_resume(self) -> None:
        """The cursor comes with the run that is watched, if it is another than the last time."""
        if self.host.watched != self._watched:
            self._watched = self.host.watched
            self.panel.want(None if self._watched is None else self._watched.name)
            self.panel.go_to_wanted(self.runs)

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    def _show(self) -> None:
        if self.has_class("-no-runs") == bool(self.runs):
            self.set_class(not self.runs, "-no-runs")
            self.call_after_refresh(self.refresh_bindings)
        if not self._looks.has_looked:
            self.query_one("#empty", Static).update("Reading the runs …")
            return
        if self._problem:
            self.query_one("#empty", Static).update(visible(self._problem))
            return
        if not self.runs:
            train = "\n".join(how_to_train(self.host.checkpoints))
            phases = key("everywhere.switch-mode-phases", "p")
            self.query_one("#empty", Static).update(
                f"There are no runs in {visible(str(self.host.checkpoints))} yet.\n\n"
                f"Press {phases}, choose a phase and start it,\nor train one without a screen:\n{visible(train)}"
            )
            return
        self.panel.show(self.runs, self.query_one(FilterLine), self._mark_colours())
        self._show_current()

    @on(FilterLine.Changed)
    def _filtered(self) -> None:
        self._show()

    @on(DataTable.RowHighlighted)
    def _show_current(self) -> None:
        run = self.current
        can = {action for action in NEED_A_RUN | NEED_RUNS if not self.why_not(action, ())}
        if can != self._can:
            self._can = can
            self.refresh_bindings()
        if self.panel.grouped is not None:
            self._show_group(self.panel.group)
            return
        if run is None:
            if self.runs:
                self.query_one("#about", Static).update(f"{capitalized(self._none)}.")
                self.query_one(CurvesPanel).show([self.runs[name] for name in self.marked], self.marked, "")
            return
        said = now(run.run.control_file) if run.alive else None
        about = filter(None, (run.name, doing_words(said), asked_words(said, words.steering()), words.sentence(run)))
        self.query_one("#about", Static).update(visible(" · ".join(about) + words.told_of(run)))
        roles = self._roles(run)
        self.query_one(CurvesPanel).show([self.runs[name] for name in roles], roles, run.name)

    def _show_group(self, group: RunGroup | None) -> None:
        """What is known of the group under the cursor, and the curves of its best runs."""
        none = f"{capitalized(words.no_group(self._none))}."
        self.query_one("#about", Static).update(visible(none if group is None else group_words(group)))
        runs = [] if group is None else (group.counted or group.runs)[: len(RUN_ROLES)]
        roles = {run.name: role for run, role in zip(runs, RUN_ROLES, strict=False)}
        self.query_one(CurvesPanel).show(runs, roles, runs[0].name if runs else "")

    def _roles(self, current: RunListing) -> dict[str, Role]:
        """The marked runs, each with the colour it got when it was marked, and the run under the cursor."""
        roles = dict(self.marked)
        roles.setdefault(current.name, next(role for role in RUN_ROLES if role not in roles.values()))
        return roles

    def _mark_colours(self) -> dict[str, str]:
        palette = chart_palette(self.app.theme_variables)
        return {name: palette[role] for name, role in self.marked.items()}

    @property
    def current(self) -> RunListing | None:
        """The run under the cursor."""
        return self.runs.get(self.panel.current or "")

    @property
    def _none(self) -> str:
        return self.panel.why_empty(len(self.runs), self.query_one(FilterLine))

    def why_not(self, action: str, parameters: tuple[object, ...]) -> str:  # noqa: ARG002
        if action not in NEED_A_RUN and action not in NEED_RUNS:
            return ""
        if not self.is_mounted or not self.runs:
            return words.no_runs()
        panel = self.panel
        if action in NEED_RUNS:
            return words.no_group(self._none) if action == "open_group" and panel.group is None else ""
        return words.why_not_done(action, self.current, self._none) if panel.grouped is None else words.of_one_run()

    # ---- keys ----

    def action_means(self) -> None:
        self.panel.regroup()
        self._show()

    @on(DataTable.RowSelected, "#groups-list")
    def action_open_group(self) -> None:
        """Its runs: the filter that takes them is seen, and can be changed."""
        self.panel.open_group(self.query_one(FilterLine))
        self._show()

    @work
    async def action_columns(self) -> None:
        await self.panel.choose_columns()
        self._show()

    @on(DataTable.RowSelected, "#runs-list")
    def action_watch(self) -> None:
        if run := self.current:
            self.host.watch_run(run.run)

    def action_mark(self) -> None:
        if (run := self.current) is None:
            return
        if run.name in self.marked:
            del self.marked[run.name]
        elif len(self.marked) == len(RUN_ROLES) - 1:
            self._say(f"{len(self.marked)} runs are marked, as many as can be told apart; unmark one first", wrong=True)
        else:
            self.marked |= self._roles(run)
        self._show()

    def action_metric(self) -> None:
        self.query_one(CurvesPanel).next_metric()

    def action_sort(self) -> None:
        self.panel.sort()
        self._show()

    def action_turn(self) -> None:
        self.panel.turn()
        self._show()

    def action_copy(self) -> None:
        if run := self.current:
            path = str(run.run.folder.resolve())
            self.app.copy_to_clipboard(path)
            self._say(f"copied: {path}")

    def action_resume(self) -> None:
        if (run := self.current) is None:
            return
        if self._is_queued(run):
            self._say(f"{run.name} is already in the queue", wrong=True)
        else:
            self.host.train(run.run)

    @work
    async def action_continue(self) -> None:
        """Ask how many steps more, and train them after what is queued."""
        if (run := self.current) is None:
            return
        if reason := why_not_continued(run.run):
            self._say(reason, wrong=True)
            return
        answer = await ask_steps(self.app, run)
        if answer is None:
            return
        try:
            self.host.train(continued(run.run, self.host.checkpoints, answer))
        except UserError as error:  # such as a phase that can no longer be read
            self._say(str(error), wrong=True)

    def action_complete(self) -> None:
        if (run := self.current) is None:
            return
        if not (is_there(run.run.best_file) or is_there(run.run.last_file)):
            self._say(f"{run.name} has no model yet: one is saved at its first evaluation", wrong=True)
            return
        self.host.talk(run.run)

    def action_pause(self) -> None:
        if run := self.current:
            self._ask(run, pause_or_resume(run.run, paused=run.state == "paused"))

    def action_stop(self) -> None:
        if run := self.current:
            self._ask(run, "stop")

    def _ask(self, run: RunListing, kind: CommandKind) -> None:
        """Ask the process that trains a run, whichever it is, for something."""
        if self.ask_trainer(run.run, kind):
            self._show_current()

    @work
    async def action_delete(self) -> None:
        if run := self.current:
            await delete_runs(self.app, run, [self.runs[name] for name in self.marked], self._why_kept, self._say)

    def _why_kept(self, run: RunListing) -> str | None:
        return f"{run.name} is waiting to be trained" if self._is_queued(run) else words.why_not_deleted(run)

    def action_undo(self) -> None:
        if back := bring_back_last(self.host.checkpoints, self._say):
            self.panel.want(back.name)

    @work
    async def action_empty_trash(self) -> None:
        await empty_the_trash(self.app, self.host.checkpoints, self._say)

    @work
    async def action_tag(self) -> None:
        if (run := self.current) is not None:
            self._write(await ask_tags(self.app, run, list(self.runs), self.host.checkpoints))

    def action_archive(self) -> None:
        """This run or, if several are marked, all of them: out of the list, or into it again."""
        if (run := self.current) is None:
            return
        chosen, self.marked = self._chosen(run), {}
        self._write(partial(archive, self.host.checkpoints, chosen, not run.archived))

    def _chosen(self, run: RunListing) -> list[RunListing]:
        """The marked runs, if there are several; else this one."""
        return [self.runs[name] for name in self.marked] if len(self.marked) > 1 else [run]

    def action_baseline(self) -> None:
        """Have the tag that the gate and the command line know name this run, or none if it does already."""
        if run := self.current:
            self._write(partial(turn_baseline, self.host.checkpoints, run))

    @work
    async def action_compare(self) -> None:
        """The marked run beside the one under the cursor, or the two marked ones; else the baseline beside it."""
        if (run := self.current) is not None:
            await compare(self.app, run, [self.runs[name] for name in self.marked], list(self.runs.values()), self._say)

    @work
    async def action_note(self) -> None:
        if run := self.current:
            self._write(await ask_note(self.app, run, self.host.checkpoints))

    @work(thread=True, group="tags")
    def _write(self, what: Callable[[], Done | None] | None) -> None:
        try:
            with self._writing:
                done = what() if what is not None else None
        except UserError as error:
            done = Done(str(error), wrong=True)
        if done is not None:
            self.app.call_from_thread(self._say, done.words, wrong=done.wrong)

    @work
    async def action_report(self) -> None:
        if run := self.current:
            await report_on(self.app, [one.run for one in self._chosen(run)], self.host.checkpoints, self._say)

    @work
    async def action_export(self) -> None:
        if run := self.current:
            await export_run(self.app, run.run, self._say)

    def action_serve(self) -> None:
        if run := self.current:
            self.app.push_screen(ServingDialog(self.host.server, run.run))

    def _is_queued(self, run: RunListing) -> bool:
        trainer = self.host.trainer
        return run.name in (trainer.preparing, *trainer.waiting())

    def _say(self, text: str, run: RunListing | None = None, *, wrong: bool = False) -> None:
        text = visible(f"{run.name} {text}" if run else text)
        self.notify(text, severity="warning" if wrong else "information")
