"""Every key of every screen, pressed in every state of a run: what becomes of it stands in tests/golden/keys/STATE.txt.

The tables are made from the bindings, so that a new one has no line in them, and fails. To give it one: REMAKE_GOLDEN=1
pytest tests/console/test_every_key.py, and read the difference. No key does nothing and says nothing, but for those
that move something, at its end, and for esc where there is nothing to leave; those are pressed in one state alone.
"""

from __future__ import annotations

import difflib
import os
import re
import shutil
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from slmtui.config.phase_file import dump_phase, load_phase
from slmtui.config.study import load_study
from slmtui.console.app import Console
from slmtui.console.base import MODES, ConsoleScreen
from slmtui.console.filtering.line import FilterLine
from slmtui.console.hints import Hints
from slmtui.console.host import ModeScreen
from slmtui.console.keymap import Owned, all_bindings
from slmtui.console.screens.runs.run_list import RunList
from slmtui.console.screens.train.view import TrainView
from slmtui.console.ui_state import UIState
from slmtui.notices import ENDED
from slmtui.runs.control import now, send
from slmtui.runs.run import Run, all_runs
from slmtui.studies.claims import CLAIMS
from slmtui.training.control import Command
from slmtui.training.events import Step
from tests.console.conftest import NARROW, Until
from tests.console.screen_text import rows_of, toasts
from tests.console.tiny_runs import tiny_phase, tiny_study, train_tiny, write_corpus
from tests.patience import painted, until, wait_for
from tests.processes import Processes

GOLDEN = Path(__file__).parents[1] / "golden" / "keys"
REMAKE = bool(os.environ.get("REMAKE_GOLDEN"))
QUICK, SLOW = "nothing", pytest.mark.soak  # the others take half a minute and more
STATES = ("empty", "nothing", "ended", "training", "evaluating", "paused", "elsewhere")
ELSEWHERE = ("evaluating", "elsewhere")  # trained by another process, which stands still: its state stays as it is
GROUPS = {"charts": "train", "filter": "runs", "everywhere": "train"}  # where what is on several screens is pressed
MOVES = re.compile(  # or goes somewhere, where it may be already
    r"(cursor|scroll|move|token|row|page|go|first|last|choose-|pick|pan-|document|border|up|down|focus|section|see-|"
    r"zoom|show-all|switch-mode|unfilter|leave|list|next-|clear)\b"
)
IN_FEW = dict.fromkeys(("data", "phases", "studies"), ("empty", "ended"))  # what they show does not depend on a run
# Pressed after all others, since there is another state, or less to press keys for, after each of them.
LAST = ("data.take", "runs.pause", "runs.resume", "runs.stop", "runs.archive", "train.start", "phases.start",
        "phases.start-this", "everywhere.leave")  # fmt: skip
SOON = 15.0  # seconds for what a key has begun to come to something

pytestmark = pytest.mark.usefixtures("keys_do_not_wait_for_the_training")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a phase that does not end while it is looked at, a short one, and its study, which is trained."""
    folder = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_corpus(Path("corpus"), repeats=20)
        for part in ("phases", "studies"):
            Path(part).mkdir()
        long, base = tiny_phase(Path("corpus"), "quick", max_iters=1_000_000), tiny_phase(Path("corpus"), "base")
        for phase in (long, base):
            Path(f"phases/{phase.phase.name}.toml").write_text(dump_phase(phase))
        Path("studies/width.toml").write_text(tiny_study("width", "base"))
        for trial in load_study("studies/width.toml", CLAIMS).trials:
            train_tiny(Path("checkpoints"), trial.phase)
    return folder


@asynccontextmanager
async def console_in(state: str, processes: Processes) -> AsyncIterator[tuple[Console, Pilot[Any], Run | None]]:
    """A console in a project whose newest run is in this state, and that run."""
    memory, checkpoints = UIState(Path("memory.json")), Path("checkpoints")
    memory.remember("screen", "train")
    own = state in ("training", "paused")
    run = in_a_process(state, processes) if state in ELSEWHERE else None
    phases = [load_phase("phases/quick.toml")] if own else []
    app = Console(checkpoints, log=Path("console.log"), ui_state=memory, phases=phases)
    async with app.run_test(size=NARROW) as pilot:
        await until(pilot, lambda: app.backend.ready)
        if own:
            await until(pilot, lambda: (run := app.trainer.run_now) is not None and has_steps(run))
            run = app.trainer.run_now
        elif state == "ended":
            run = all_runs(checkpoints)[-1]
        try:
            yield app, pilot, run
        finally:
            app.trainer.leave()


def has_steps(run: Run) -> bool:
    return any(isinstance(event, Step) for event in run.events()) if run.log_file.exists() else False


def in_a_process(state: str, processes: Processes) -> Run:
    """A run of a process that is stopped while it evaluates, or while it makes steps."""
    before = len(all_runs(Path("checkpoints")))
    interval = 1 if state == "evaluating" else 1_000_000
    process = processes.start(
        "--headless", "phases/quick.toml", "--set", f"evaluation.interval={interval}", cwd=Path.cwd()
    )
    wait_for(lambda: len(all_runs(Path("checkpoints"))) > before)
    run = next(run for run in all_runs(Path("checkpoints")) if run.name.startswith("quick-"))
    wait_for(lambda: has_steps(run))

    def is_so() -> bool:
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.05)
        said = now(run.control_file)
        if said is not None and said.doing == ("evaluating" if state == "evaluating" else ""):
            return True
        process.send_signal(signal.SIGCONT)
        return False

    wait_for(is_so)
    return run


class Keys:
    """The keys of a console, pressed one after the other, each on its screen as it is without a dialog."""

    def __init__(self, app: Console, pilot: Pilot[Any], state: str, run: Run | None) -> None:
        self.app, self.pilot, self.state, self.run = app, pilot, state, run
        self.known: set[str] = set()  # screens that have been looked at before
        self.disturbed = False  # the last key has changed what its screen shows

    @property
    def screen(self) -> Any:
        assert isinstance(self.app.screen, ConsoleScreen)
        return self.app.screen

    async def go(self, mode: str) -> None:
        """Have the screen as it is when nobody has pressed a key on it, and stand still."""
        await self.leave_dialogs()
        if self.app.current_mode != mode:
            self.app.switch_mode(mode)
        await until(self.pilot, lambda: isinstance(self.app.screen, ConsoleScreen) and self.screen.ready)
        if mode not in self.known:  # the console may have begun on it, too
            self.known.add(mode)
            if mode == "train" and self.run is not None:
                await until(self.pilot, lambda: self.screen.history is not None)
            await self.settled()
        await self.leave_dialogs()  # Phases asks what to begin with where there is nothing
        self.screen._pulse.pause()  # what a running training changes is not what a key has done
        if toasts(self.app):
            self.app.clear_notifications()
            for hints in self.screen.query(Hints):
                hints.styles.height = 1
        if self.disturbed and (reset := RESET.get(mode)) is not None:
            reset(self.screen)
            await painted(self.pilot)
        self.disturbed = False
        if mode == "runs" and self.run is not None and self.run.name in (runs := self.screen.query_one(RunList)).names:
            runs.go_to(self.run.name)

    async def leave_dialogs(self) -> None:
        while self.app.screen.is_modal:
            await self.pilot.press("escape")

    async def settled(self) -> None:
        """Until what the screen has begun to find out is known."""
        end = time.monotonic() + 5
        while self.at_work() and not self.app.screen.is_modal and time.monotonic() < end:
            await self.pilot.pause(0.02)
        await self.pilot.pause(0.3)  # a pulse or two

    def at_work(self) -> set[Any]:
        return {worker for worker in self.app.workers if not worker.is_finished}

    async def press(self, one: Owned) -> str:
        """What becomes of a key."""
        await self.go(GROUPS.get(one.group, one.group))
        node = self.node_of(one.owner)
        if node is None and (show := SHOW.get(one.owner.__name__)) is not None:
            if (shown := show(self.screen)) is not None:
                await shown
            self.disturbed = True
            await painted(self.pilot)
            node = self.node_of(one.owner)
        if node is None:
            return "not there"
        if node is not self.app:
            inside = self.screen.query(LISTS) if node is self.screen else (node, *node.query("*"))
            self.screen.set_focus(next((one for one in inside if one.focusable and one.region), None))
        await painted(self.pilot)
        before, busy, asked = self.look(), self.at_work(), self.asked()
        await self.pilot.press(one.binding.key)
        end = time.monotonic() + SOON
        while self.at_work() - busy and not self.app.screen.is_modal and time.monotonic() < end:
            await self.pilot.pause(0.01)
        await painted(self.pilot)
        outcome = self.outcome(before, self.look(), self.asked()[len(asked) :])
        self.disturbed |= outcome != "nothing" and not outcome.startswith("says")
        await self.as_before(asked)
        return outcome

    def node_of(self, owner: type[Any]) -> Any:
        nodes = (self.app, self.screen, *self.screen.query(owner))
        return next((node for node in nodes if isinstance(node, owner) and (node is self.app or node.region)), None)

    def asked(self) -> str:
        return self.run.control_file.read_text() if self.run is not None and self.run.control_file.exists() else ""

    async def as_before(self, asked: str) -> None:
        """Have the run do what it did, whatever it was asked for."""
        if self.run is None or self.asked() == asked:
            return
        if self.state in ELSEWHERE:
            self.run.control_file.write_text("")
            return
        if '"stop"' in self.asked()[len(asked) :]:
            if self.run.is_alive():
                await until(self.pilot, lambda: any("is stopped" in toast for toast in toasts(self.app)))
            return
        file, paused = self.run.control_file, self.state == "paused"
        await until(self.pilot, lambda: (said := now(file)) is None or not said.asked)
        if (said := now(file)) is not None and said.paused != paused and self.run.is_alive():
            send(file, Command("pause" if paused else "resume"))
            await until(self.pilot, lambda: (said := now(file)) is not None and said.paused == paused)

    def look(self) -> tuple[Any, ...]:
        focus = "" if self.app.focused is None else self.app.focused.id or type(self.app.focused).__name__
        dialogs = [type(screen).__name__ for screen in self.app.screen_stack if not isinstance(screen, ModeScreen)]
        return self.app.current_mode, dialogs, toasts(self.app), self.app.clipboard, focus, rows_of(self.app)

    def outcome(self, before: tuple[Any, ...], after: tuple[Any, ...], asked: str) -> str:
        if self.app.return_value is not None:
            return "ends"
        parts = [f"goes to {after[0]}"] if after[0] != before[0] else []
        parts += [f"dialog {name}" for name in after[1][len(before[1]) :]]
        parts += [f"asks for {word}" for word in re.findall(r'"command": "(\w+)"', asked)]
        heard = after[2][len(before[2]) :]
        answers = [words for words in heard if not words.endswith(tuple(ENDED.values()))] or heard  # a run may just end
        parts += [f"says {plain(words)}" for words in answers[-1:] if not asked]
        parts += ["copies"] if after[3] != before[3] else []
        if not parts and after[4] != before[4]:
            parts.append(f"to {after[4]}")
        if not parts and after[5] != before[5]:
            parts.append("shows it")
        return ", ".join(parts) or "nothing"


LISTS = "#runs-list, #studies-list, #phase-list, #file-table, TokenText, #grid"
SHOW: dict[str, Callable[[Any], Any]] = {  # what is not seen before somebody asks for it
    "FilterInput": lambda screen: screen.action_filter(),
    "GroupList": lambda screen: screen.action_means(),
    "PhaseEditor": lambda screen: screen.action_edit("form"),
    "ValueInput": lambda screen: screen.action_edit("form"),
    "FileText": lambda screen: screen.action_edit("file"),
    "EvaluationTable": lambda screen: screen.action_table(),
    "MeaningPanel": lambda screen: screen.action_meaning(),
    "TokenView": lambda screen: screen.action_see("text"),
    "NumbersPanel": lambda screen: screen.action_see("validation"),
    "TrialList": lambda screen: show_trials(screen),
    "Choices": lambda screen: show_section(screen, "tokenizer"),
    "ValueArea": lambda screen: show_section(screen, "data"),
}


async def show_section(screen: Any, name: str) -> None:
    screen.action_edit("form")
    await screen.action_show_section(name)


def show_trials(screen: Any) -> None:
    screen.view = "trials"
    screen._arrange()
    screen._show_view()


def to_the_list(screen: Any) -> None:
    for line in screen.query(FilterLine):
        line.clear()


def reset_runs(screen: Any) -> None:
    to_the_list(screen)
    screen.panel.list_by(None)
    screen.marked = {}
    screen._show()


def reset_train(screen: Any) -> None:
    screen.set_class(False, "-table")
    screen._change_view(TrainView())


def reset_phases(screen: Any) -> None:
    to_the_list(screen)
    if screen.draft is not None and screen.draft.changed:
        screen.draft.reload()
        screen.refresh_all()
    screen.editor.set_view("form")
    screen.marked = []
    screen.action_list()


def reset_data(screen: Any) -> None:
    to_the_list(screen)
    if screen.found is not None:
        screen.action_see("files")


def reset_studies(screen: Any) -> None:
    screen.view = "grid"
    screen._arrange()
    screen.action_list()


RESET = {"train": reset_train, "runs": reset_runs, "phases": reset_phases, "data": reset_data, "studies": reset_studies}


def plain(words: str) -> str:
    return re.sub(r"\d[\d:.,]*", "#", re.sub(r"/\S+/", "", words).split("\n")[0])[:72].strip()


def keys_in_order() -> Iterator[tuple[str, Owned]]:
    """Each action of each class once; those of a screen together, and last those after which things are different."""
    found: dict[str, Owned] = {}
    for one in all_bindings():
        found.setdefault(f"{one.binding.id} ({one.owner.__name__})", one)
    modes = list(MODES)
    places = {name: modes.index(GROUPS.get(one.group, one.group)) for name, one in found.items()}
    yield from (
        (name, one)
        for name, one in sorted(
            found.items(),
            key=lambda item: (
                1 + LAST.index(item[1].binding.id) if item[1].binding.id in LAST else 0,
                places[item[0]],
                item[1].owner.__name__,
            ),
        )
    )


def moves(name: str) -> bool:
    return MOVES.match(name.partition(".")[2]) is not None and not name.startswith("everywhere.leave")


@pytest.mark.long
@pytest.mark.parametrize("state", [pytest.param(one, marks=SLOW if one != QUICK else ()) for one in STATES])
async def test_every_key_does_something_or_says_why_not(
    state: str, trained: Path, tmp_path: Path, processes: Processes, monkeypatch: pytest.MonkeyPatch, until: Until
) -> None:
    if state != "empty":
        shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    if state == "nothing":
        shutil.rmtree(tmp_path / "checkpoints")
    monkeypatch.chdir(tmp_path)
    found: dict[str, str] = {}
    async with console_in(state, processes) as (app, pilot, run):
        keys = Keys(app, pilot, state, run)
        if state == "paused" and run is not None:
            send(run.control_file, Command("pause"))
            await until(pilot, lambda: (said := now(run.control_file)) is not None and said.paused)
        for name, one in keys_in_order():
            if state not in IN_FEW.get(one.group, STATES) or (state != "ended" and moves(name)):
                continue
            outcome = await keys.press(one)
            found[name] = "moves, or is there" if moves(name) and outcome in ("nothing", "shows it") else outcome
    lines = [f"{name:<44} {outcome}".rstrip() for name, outcome in sorted(found.items())]
    table, golden = "\n".join(lines) + "\n", GOLDEN / f"{state}.txt"
    if REMAKE:
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(table)
    assert table == golden.read_text(), "\n".join(
        difflib.unified_diff(golden.read_text().splitlines(), table.splitlines(), golden.name, "now", lineterm="")
    )
    silent = {name for name, outcome in found.items() if outcome == "nothing" and not moves(name)}
    assert silent == set(), f"{state}: keys that do nothing and do not say why"


def test_every_key_is_pressed_somewhere() -> None:
    """There is no key that no state has on its screen."""
    lines = [line for path in GOLDEN.glob("*.txt") for line in path.read_text().splitlines()]
    there = {line[: line.index(")") + 1] for line in lines if not line.endswith("not there")}
    assert {name for name, _ in keys_in_order()} - there == set()
