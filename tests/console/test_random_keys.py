"""Random keys, resizes and mouse events on a console that trains: no fault, no lost run, no key that waits long.

What a person has to mean, and takes several keys, is kept from them: a command of the shell in the settings, processes
of a study, the trash emptied, a path that leads out of the project.
"""

from __future__ import annotations

import random
import time
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pytest
from textual.app import App
from textual.events import Key, MouseScrollDown, MouseScrollUp
from textual.keys import REPLACED_KEYS, _character_to_key, _get_unicode_name_from_key
from textual.pilot import Pilot
from textual.widgets import Input

from slmtui.console.dialogs.source import SourceDialog
from slmtui.console.keymap import all_bindings
from slmtui.errors import UserError
from slmtui.runs.checkpoint import load_checkpoint
from slmtui.runs.run import Run, all_runs
from slmtui.studies.processes import StudyProcess
from slmtui.training.events import RunStarted
from slmtui.trash import TRASH, thrown_in
from tests.conftest import MakePhase
from tests.console.conftest import MakeConsole, Until
from tests.console.screens.studies.written_studies import write_study, write_trials

LONG = ("training.max_iters=20000", "evaluation.interval=500", "sampling.when=end")
SIZES = ((60, 15), (80, 24), (120, 40), (200, 60), (100, 30), (40, 12), (20, 5))
MOVES = ("tab", "shift+tab", "enter", "escape", "up", "down", "left", "right", "home", "end", "pageup", "pagedown",
         "backspace", "delete", "ctrl+p", "f1", "space")  # fmt: skip
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEF0123456789.,;:-_=+*#'\"()[]{}!?<>äöüß€ "
KEPT_FROM_THEM = {"X", "f2"}  # the trash emptied, the settings with their command
SLOWEST = 0.25  # seconds, of 99 keys in 100
MOST_QUEUED = 3
QUICK, LONG_NIGHT = 60, 10_000


class Wait(NamedTuple):
    """For all that a key asks for to be done and drawn."""

    seconds: float
    computed: float  # seconds of CPU time of the console's thread, which other processes add nothing to
    key: str


@dataclass
class Asleep:
    """Who presses keys, and what came of it."""

    pilot: Pilot[str]
    draw: random.Random
    keys: list[str]
    waits: list[Wait] = field(default_factory=list)

    async def act(self) -> None:
        what = self.draw.random()
        if what < 0.92:
            await self.press()
        elif what < 0.96:
            await self.pilot.resize_terminal(*self.draw.choice(SIZES))
        else:
            await self.use_the_mouse()

    async def press(self) -> None:
        kind = self.draw.random()
        key = self.draw.choice(self.keys if kind < 0.5 else MOVES if kind < 0.8 else LETTERS)
        app = self.pilot.app
        if app.screen.is_modal and self.draw.random() < 0.2:
            key = "escape"  # else nearly all is pressed in dialogs
        leads_out = isinstance(app.screen, SourceDialog) and key in ("left", "h")
        if leads_out or (isinstance(app.focused, Input) and key in ("/", "slash", "~", ".")):
            return
        where = f"{key} on {type(app.screen).__name__}, {type(app.focused).__name__}"
        began, computed = time.perf_counter(), time.thread_time()
        send(app, key)
        await self.pilot.pause(0)
        self.waits.append(Wait(time.perf_counter() - began, time.thread_time() - computed, where))

    async def wake_up(self) -> None:
        """Leave the dialog that is open."""
        send(self.pilot.app, "escape")
        await self.pilot.pause(0.05)

    async def use_the_mouse(self) -> None:
        width, height = self.pilot.app.size
        at, there = ((self.draw.randrange(width), self.draw.randrange(height)) for _ in range(2))
        match self.draw.randrange(3):
            case 0:
                await self.pilot.click(offset=at, times=self.draw.choice((1, 2)))
            case 1:
                await self.pilot.mouse_down(offset=at)
                await self.pilot.hover(offset=there)
                await self.pilot.mouse_up(offset=there)
            case _:
                roll = self.draw.choice((MouseScrollDown, MouseScrollUp))
                self.pilot.app.post_message(roll(None, *at, 0, 0, 0, False, False, False))
                await self.pilot.pause(0)


def send(app: App[str], key: str) -> None:
    """As a terminal does; Textual's pilot waits between keys, for as long as the process is busy."""
    name = _character_to_key(key) if len(key) == 1 else key
    try:
        character: str | None = unicodedata.lookup(_get_unicode_name_from_key(REPLACED_KEYS.get(name, name)))
    except KeyError:
        character = key if len(key) == 1 else None
    event = Key(name, character)
    event.set_sender(app)
    assert app._driver is not None
    app._driver.send_message(event)


def runs_left(checkpoints: Path) -> list[Run]:
    """Those that are there, and those in the trash."""
    return [*all_runs(checkpoints), *(Run(thrown.path) for thrown in thrown_in(checkpoints))]


@pytest.mark.parametrize("events", [QUICK, pytest.param(LONG_NIGHT, marks=pytest.mark.soak)])
async def test_nothing_breaks_and_nothing_waits_whatever_is_pressed(
    make_console: MakeConsole, make_phase: MakePhase, project: Path, until: Until, monkeypatch: pytest.MonkeyPatch,
    events: int,
) -> None:  # fmt: skip
    def refused(*_: object) -> StudyProcess:
        raise UserError("no study is trained here")

    monkeypatch.setattr(StudyProcess, "start", refused)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(project / "config"))
    write_trials(Path("checkpoints"), write_study(project), lambda trial: trial.seed < 2)
    draw = random.Random(19)
    keys = sorted({key for owned in all_bindings() for key in owned.binding.key.split(",")} - KEPT_FROM_THEM)
    begun, waits, done = set[str](), list[Wait](), 0
    while done < events:  # again and again, as keys may have it quit
        app = make_console()
        async with app.run_test(size=draw.choice(SIZES)) as pilot:
            await until(pilot, lambda app=app: app.backend.ready)  # type: ignore[misc]
            asleep = Asleep(pilot, draw, keys)
            while done < events and app._exit is False:
                done += 1
                if not app.trainer.busy:
                    app.trainer.put(make_phase(*LONG))
                for job in app.trainer.queue()[MOST_QUEUED:]:
                    app.trainer.remove(job)
                begun |= {run.name for run in app.trainer.finished} | {
                    run.name for run in (app.trainer.run_now, app.trainer.last_run) if run is not None
                }
                await asleep.act()
            while app.screen.is_modal and app._exit is False:
                await asleep.wake_up()  # the palette searches on while Textual takes it away
            waits += asleep.waits
            assert app._exception is None
        app.trainer.leave()
        app.trainer.join(60)
        assert not app.trainer.is_alive()
    log = project / "console.log"
    assert "Traceback" not in (log.read_text() if log.exists() else "")
    left = {run.name.partition("~")[2] or run.name: run for run in runs_left(project / "checkpoints")}
    assert sorted(begun - set(left)) == [], f"of {sorted(p.name for p in (project / 'checkpoints' / TRASH).glob('*'))}"
    for run in (left[name] for name in begun):
        happened = list(run.events())
        assert isinstance(happened[0], RunStarted)
        if run.last_file.exists():
            load_checkpoint(run.last_file)
    if events == LONG_NIGHT:  # else most of the time is that of screens that are shown for the first time
        last = int(0.99 * len(waits))
        computed, slow = sorted(waits, key=lambda wait: wait.computed)[last:], sorted(waits)[last:]
        assert computed[0].computed <= SLOWEST, computed
        assert slow[0].seconds <= SLOWEST, f"on a busy machine? {slow}"
