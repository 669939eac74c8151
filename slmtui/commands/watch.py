"""slmtui watch RUN: print what a run does as it happens, wherever it is trained; ctrl+c stops watching, not the run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import click

from slmtui.commands.options import Job, checkpoints_option, json_option, run_argument
from slmtui.insight.rules.gate import BestEvaluation, limits_in_words
from slmtui.output import ExitStatus, put, put_json, say
from slmtui.runs.lines import line_of, outcome, summary
from slmtui.runs.log import LogError
from slmtui.runs.progress import Progress
from slmtui.runs.run import Run, find_run
from slmtui.training import events
from slmtui.training.events import Event, from_json, to_json

PULSE = 0.25  # seconds between two looks
CHUNK = 1 << 20  # bytes read at a time
OVERLAP = 256  # bytes before the place where reading goes on, which must still be the same


@click.command(cls=Job, help=__doc__)
@run_argument
@json_option("the events, one JSON line each")
@checkpoints_option
def command(run: str, as_json: bool, checkpoints: Path) -> ExitStatus:
    watched = find_run(checkpoints, run)
    try:
        return watch(watched, as_json=as_json)
    except KeyboardInterrupt:
        say(f"{watched.name}: no longer watched; what becomes of it is not changed by that")
        return ExitStatus.INTERRUPTED


def watch(run: Run, *, as_json: bool) -> ExitStatus:
    """Print a run's events until it ends; the status is the one that its training would have ended with."""
    progress = Progress()
    best = BestEvaluation()
    started: events.RunStarted | None = None
    last: Event | None = None
    told = ""
    for event in follow(run):
        if event is None:
            state = run.state(last)
            if state == "stalled" and told != state:
                say(f"{run.name}: stalled: its process is alive, but nothing has been heard of it for a while")
            told = state
            continue
        last = event
        progress.add(event)
        best.add(event)
        if isinstance(event, events.RunStarted):
            started = event
        if as_json:
            put_json(to_json(event))
        elif (line := line_of(event, progress)) is not None:
            put(line)
    if not isinstance(last, events.RunFinished):
        step = "before its first step" if last is None else f"at step {last.step:,}"
        resume = run.command("--headless", "--resume")
        say(f"{run.name}: crashed {step}; its process is gone. Go on: {resume}")
        return ExitStatus.FAILED
    if started is not None and not as_json:
        for line in summary(run, started, last, best.evaluation):
            put(line)
    status, sentences = outcome(run, last, limits_in_words(run.phase().gate, best))
    for sentence in sentences:
        say(sentence)
    return status


def follow(run: Run) -> Iterator[Event | None]:
    """The events of a log as they are written; None at each look that found none. It ends when nobody writes any more.

    A run that is resumed cuts its log back; then what was read stands, and reading goes on where the log goes on.
    """
    position, before = 0, b""  # how far it was read, and the bytes just before that place
    while True:
        alive = run.is_alive()  # asked before the log is read: who is gone writes nothing more
        text = _read(run.log_file, position - len(before))
        if not text.startswith(before):
            say(f"{run.name}: goes on from its last checkpoint; its log was cut back to there")
            position, before = _place_of_resuming(run.log_file), b""
            continue
        whole = text[len(before) : text.rfind(b"\n") + 1]
        for line in whole.splitlines():
            try:
                yield from_json(line)
            except ValueError as error:
                raise LogError(f"{run.log_file}: a line at byte {position:,} is no event of a run ({error})") from None
            position += len(line) + 1
        before = (before + whole)[-OVERLAP:]
        if not whole:
            if not alive:
                return
            yield None
            time.sleep(PULSE)


def _read(log: Path, position: int) -> bytes:
    try:
        with log.open("rb") as file:
            file.seek(position)
            return file.read(CHUNK)
    except FileNotFoundError:  # not begun yet
        return b""


def _place_of_resuming(log: Path) -> int:
    """Where the line stands with which the log goes on after it was cut back: its last `resumed` after a stop."""
    text = log.read_bytes()
    found = text.rfind(b'"after":"stop"')
    return text.rfind(b"\n", 0, found) + 1 if found >= 0 else 0
