"""Asking a run's trainer for something, whoever it is, and what becomes of it, in words."""

from __future__ import annotations

import time
from collections.abc import Mapping

from slmtui.runs.control import Now, now, send
from slmtui.runs.run import Run
from slmtui.training.control import Command, CommandKind

NAMES: dict[CommandKind, str] = {
    "pause": "pause", "resume": "going on", "stop": "stop", "interrupt": "end", "checkpoint": "checkpoint",
    "evaluate": "evaluation", "sample": "sample", "learning_rate": "learning rate",
}  # fmt: skip
DONE: dict[CommandKind, str] = {"evaluate": "evaluated", "sample": "sample drawn", "checkpoint": "checkpoint saved"}
AFTER = {  # what the trainer does before it looks at what it was asked
    "": "after this step", "evaluating": "after this evaluation", "sampling": "after this sample",
    "saving": "when that is saved",
}  # fmt: skip
DONE_SHOWN = 4.0  # seconds


def ask(run: Run, kind: CommandKind, value: float | None = None, *, twice_undoes: bool = True) -> None:
    """Ask for something; UserError if it cannot be written.

    If it was asked for already and has not begun, it is taken back (twice_undoes), or asked for once only.
    """
    waiting = waits(run, kind)
    if twice_undoes or not waiting:
        send(run.control_file, Command(kind, value), take_back=waiting)


def waits(run: Run, kind: CommandKind) -> bool:
    """Was it asked for and has not begun, so that asking once more would take it back? Rates are asked for again."""
    said = now(run.control_file)
    return said is not None and kind != "learning_rate" and said.waits_for(kind)


def pause_or_resume(run: Run, *, paused: bool) -> CommandKind:
    """What the key that pauses is to ask for. paused: is it so, as far as the log says?"""
    said = now(run.control_file)
    return "resume" if (paused if said is None else said.paused) else "pause"


def doing_words(said: Now | None) -> str:
    """`evaluating 24 of 96 windows`; "" where only steps are made, or nobody says."""
    return f"{said.doing} {said.how_far}".strip() if said is not None else ""


def asked_words(said: Now | None, keys: Mapping[CommandKind, str]) -> str:
    """`pause asked for, after this evaluation · space undoes it`; "" for nothing. keys: which ones ask for it."""
    if said is None or not said.asked:
        return ""
    first = said.asked[0]
    names = dict.fromkeys(_named(command) for command in said.asked)
    after = AFTER.get(said.doing, f"after {said.doing}")
    key = keys.get(first.kind) if len(names) == 1 else None
    return f"{', '.join(names)} asked for, {after}" + (f" · {key} undoes it" if key else "")


def _named(command: Command) -> str:
    factor = "" if command.value is None else f" × {command.value:.3g}"
    return f"{NAMES[command.kind]}{factor}"


class LastAsked:
    """What was asked for last at this screen: said until it has begun, and once more when it is done."""

    def __init__(self) -> None:
        self._run: Run | None = None
        self._kind: CommandKind | None = None
        self._shown_since = 0.0

    def note(self, run: Run | None, kind: CommandKind | None) -> None:
        """kind: None where what was asked for was taken back."""
        self._run, self._kind, self._shown_since = run, kind, 0.0

    def words(self, run: Run, said: Now | None, keys: Mapping[CommandKind, str]) -> str:
        """What a run is asked for, by whomever; else what was done of it, for a few seconds."""
        if waiting := asked_words(said, keys):
            return waiting
        kind = self._kind if run == self._run else None
        if kind is None or (said is not None and said.doing):
            return ""
        told = f"{NAMES[kind]} asked for" if said is None else DONE.get(kind, "")
        self._shown_since = self._shown_since or time.monotonic()
        if not told or time.monotonic() - self._shown_since > DONE_SHOWN:
            self._kind = None
            return ""
        return told
