"""slmtui watch RUN: print what a run does as it happens, wherever it is trained; ctrl+c stops watching, not the run.

To stop and save a run that was detached, press s on Runs in the console, or end its process with kill PID; slmtui
--detach has named it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import click

from slmtui.commands.options import Job, checkpoints_option, json_option, run_argument
from slmtui.insight.rules.gate import BestEvaluation, limits_in_words
from slmtui.output import ExitStatus, put, put_json, say
from slmtui.runs.lines import line_of, outcome, summary, worst_first
from slmtui.runs.log_reader import LogChunk, LogReader
from slmtui.runs.progress import Progress
from slmtui.runs.run import Run, find_run
from slmtui.runs.summary import SummaryFold
from slmtui.training import events
from slmtui.training.events import Event, to_json

PULSE = 0.25  # seconds between two looks
RESUMED = b'"after":"stop"'


@click.command(cls=Job, help=__doc__)
@run_argument
@json_option("the events, one JSON line each")
@checkpoints_option
def command(run: str, as_json: bool, checkpoints: Path) -> ExitStatus:
    watched = find_run(checkpoints, run)
    try:
        return watch(watched, as_json=as_json)
    except KeyboardInterrupt:
        say(f"{watched.name}: no longer watched; the run itself is not affected")
        return ExitStatus.INTERRUPTED


def watch(run: Run, *, as_json: bool) -> ExitStatus:
    """Print a run's events until it ends; the status is the one that its training would have ended with."""
    progress = Progress()
    best = BestEvaluation()
    test: events.FinalTest | None = None
    fold = SummaryFold(run.name)
    told = ""
    for event in follow(run) if as_json else worst_first(follow(run)):
        if event is None:
            state = run.state(fold.last, paused=fold.summary.paused)
            if state == "stalled" and told != state:
                say(f"{run.name}: stalled: its process is alive, but has written nothing for ten minutes")
            told = state
            continue
        fold.add(event)
        progress.add(event)
        best.add(event)
        if isinstance(event, events.FinalTest | events.Resumed):
            test = event if isinstance(event, events.FinalTest) else None
        if as_json:
            put_json(to_json(event))
        elif (line := line_of(event, progress)) is not None:
            put(line)
    last = fold.last
    if not isinstance(last, events.RunFinished):
        if reason := run.why_not_resumed(last):
            say(reason)
            return ExitStatus.FAILED
        step = "before its first step" if last is None else f"at step {last.step:,}"
        resume = run.command("--headless", "--resume")
        say(f"{run.name}: crashed {step}; its process is gone. Resume it with: {resume}")
        return ExitStatus.FAILED
    if best.started is not None and not as_json:
        for line in summary(run, best.started, last, best.evaluation, test, best.inherited, fold.course.verdict):
            put(line)
    status, sentences = outcome(run, last, limits_in_words(run.phase().gate, best))
    for sentence in sentences:
        say(sentence)
    return status


def follow(run: Run) -> Iterator[Event | None]:
    """The events of a log as they are written; None at each look that found none. It ends when nobody writes any more.

    A run that is resumed cuts its log back; then what was read stands, and reading goes on where the log goes on.
    """
    reader = LogReader(run.log_file)
    heard = False  # of anything
    while True:
        alive = run.is_alive()  # asked before the log is read: who is gone writes nothing more
        found = False
        chunks = reader.read()
        for chunk in chunks:
            if heard and chunk.is_start:
                say(f"{run.name}: was resumed from its last checkpoint, and its log cut back to it")
                yield from _since_resumed([chunk, *chunks])
            else:
                yield from chunk.events()
            found = True
            heard = bool(chunk.lines)
        if not found:
            if not alive:
                return
            yield None
            time.sleep(PULSE)


def _since_resumed(chunks: list[LogChunk]) -> Iterator[Event]:
    """The events from that on with which a log goes on after it was cut back: its last `resumed` after a stop."""
    lines = [(chunk, index) for chunk in chunks for index in range(len(chunk.lines))]
    places = (place for place, (chunk, index) in enumerate(lines) if RESUMED in chunk.lines[index])
    for chunk, index in lines[max(places, default=0) :]:
        yield chunk.event(index)
