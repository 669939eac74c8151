"""Training without a screen: the events of each phase as lines on stdout, all else on stderr.

slmtui --headless phases/phase1.toml            the published log's lines, then a summary
slmtui --headless phases/phase1.toml --json     the events, one JSON line each
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn
from rich.progress import Progress as Bar

from slmtui.errors import TrainingFailed
from slmtui.insight.gate import broken_limits
from slmtui.output import ExitStatus, duration, put, say, visible
from slmtui.runs.control import ControlFile
from slmtui.runs.progress import Progress
from slmtui.runs.run import Run
from slmtui.session import Session, begin, go_on
from slmtui.training import events
from slmtui.training.control import Command
from slmtui.training.events import Event, to_json
from slmtui.training.phase import Phase

ShowProgress = Callable[[Progress], None]


class Interrupted:
    """Set by the first SIGINT or SIGTERM; a second one is not waited for."""

    def __init__(self) -> None:
        self.by: signal.Signals | None = None

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        if self.by is not None:
            raise KeyboardInterrupt
        self.by = signal.Signals(number)


@contextmanager
def interrupts() -> Iterator[Interrupted]:
    """Let SIGINT and SIGTERM end a training after its step, with a checkpoint, rather than in the middle of it."""
    interrupted = Interrupted()
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, interrupted) for number in numbers}
    try:
        yield interrupted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass(frozen=True)
class InterruptibleControl:
    """The run's control file, and the signals of this process."""

    file: ControlFile
    interrupted: Interrupted

    def poll(self) -> list[Command]:
        return [Command("interrupt")] if self.interrupted.by else self.file.poll()

    def wait(self) -> list[Command]:
        return [Command("interrupt")] if self.interrupted.by else self.file.wait()


def train_phases(phases: Sequence[Phase], checkpoints: Path, *, as_json: bool) -> ExitStatus:
    """Train phases in order, each into a run of its own; the status is that of the worst."""
    status = ExitStatus.DONE
    with interrupts() as interrupted:
        for phase in phases:
            session = begin(phase, checkpoints, lambda file: InterruptibleControl(file, interrupted))
            say(f"{phase.phase.name}: training into {session.run.folder}")
            status = max(status, follow(session, as_json=as_json))
            if status == ExitStatus.INTERRUPTED:
                break
    return status


def resume_run(run: Run, *, as_json: bool) -> ExitStatus:
    """Go on with a run that was stopped, interrupted or killed, from its last checkpoint."""
    with interrupts() as interrupted:
        session = go_on(run, lambda file: InterruptibleControl(file, interrupted))
        say(f"{run.name}: going on from step {session.training.step:,}")
        return follow(session, as_json=as_json)


def follow(session: Session, *, as_json: bool) -> ExitStatus:
    """Print events as they come; sum up when they end."""
    run, phase = session.run, session.training.phase
    for note in session.notes:
        say(f"{run.name}: {note}")
    progress = Progress()
    best: events.Evaluation | None = None
    started: events.RunStarted | None = None
    finished: events.RunFinished | None = None
    for event in session.history:
        progress.add(event)
        started = event if isinstance(event, events.RunStarted) else started
        best = event if isinstance(event, events.Evaluation) and event.best else best
    try:
        with progress_bar(phase) as bar:
            for event in session.events:
                progress.add(event)
                bar(progress)
                line = to_json(event) if as_json else line_of(event, progress)
                if line is not None:
                    put(line)
                if isinstance(event, events.Evaluation) and event.best:
                    best = event
                if isinstance(event, events.RunStarted):
                    started = event
                if isinstance(event, events.RunFinished):
                    finished = event
    except TrainingFailed as error:
        say(f"{run.name}: training failed: {error}")
        return ExitStatus.FAILED
    assert started is not None, "a training begins with run_started"
    assert finished is not None, "and ends with run_finished"
    if not as_json:
        for line in summary(run, started, finished, best):
            put(line)
    return _status(run, finished, broken_limits(phase.gate, best))


def _status(run: Run, finished: events.RunFinished, broken: list[str]) -> ExitStatus:
    if finished.reason in ("interrupted", "stopped"):
        say(f"{run.name}: {finished.reason} at step {finished.step:,}; go on: slmtui --headless --resume {run.name}")
        return ExitStatus.INTERRUPTED
    if finished.reason == "diverged":
        say(
            f"{run.name}: training failed: the loss is not a number at step {finished.step:,}; "
            "try a lower training.learning_rate"
        )
        return ExitStatus.FAILED
    for sentence in broken:
        say(f"{run.name}: gate failed: {sentence}")
    return ExitStatus.GATE if broken else ExitStatus.DONE


def line_of(event: Event, progress: Progress) -> str | None:
    """What the log on stdout says of an event; None for the many that it leaves out."""
    match event:
        case events.RunStarted():
            data, parameters = event.data, event.parameters
            return (
                f"{event.phase['phase']['name']}: {parameters['total']:,} parameters "
                f"({parameters['token_embedding']:,} of them for {data['n_vocab']:,} tokens), "
                f"{data['train_tokens']:,} tokens to train on, {data['val_tokens']:,} to validate, "
                f"{event.machine['device']}, {event.machine['precision']}, {event.machine['threads']} threads"
            )
        case events.Evaluation():
            speed, to_go = progress.steps_per_second, progress.seconds_to_go
            tail = "" if speed is None or to_go is None else f", {speed:.1f} it/s, eta {duration(to_go)}"
            return (
                f"step {event.step}: train loss {event.train_loss:.4f}, val loss {event.val_loss:.4f}, "
                f"gap {event.gap:+.2f} {event.verdict}, {event.bits_per_byte:.2f} bits/byte{tail}"
            )
        case events.Sample():
            return f"sample at step {event.step}: {visible(event.prompt + event.text)}"
        case events.Warned():
            advice = f" → {event.advice}" if event.advice else ""
            return visible(f"{event.level} at step {event.step}: {event.message}{advice}")
        case events.Changed():
            return f"step {event.step}: {event.key} {event.was:g} -> {event.value:g}"
        case events.Paused() | events.Resumed():
            return f"step {event.step}: {event.event}"
    return None


def summary(
    run: Run, started: events.RunStarted, finished: events.RunFinished, best: events.Evaluation | None
) -> list[str]:
    """The lines that stand under a finished run."""
    lines = [f"{run.name}: {finished.reason} at step {finished.step:,} after {duration(finished.seconds)}"]
    if best is not None:
        lines.append(
            f"best: step {best.step:,}, val loss {best.val_loss:.4f}, gap {best.gap:+.2f} {best.verdict}, "
            f"{best.bits_per_byte:.2f} bits/byte, kept in {run.best}"
        )
        if (baseline := started.data.get("baseline")) is not None:
            distance = best.val_loss - baseline
            lines.append(
                f"baseline: a {started.data['baseline_order']}-gram model has {baseline:.4f} on the same split; "
                f"the best is {abs(distance):.2f} nats {'below it' if distance < 0 else 'above it, so not earned yet'}"
            )
        lines.append(f'try it: slmtui complete {run.name} "your prompt"')
    return lines


@contextmanager
def progress_bar(phase: Phase) -> Iterator[ShowProgress]:
    """A bar on stderr, if that is a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    bar = Bar(
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[speed]}"),
        console=console, transient=True, refresh_per_second=4,
        redirect_stdout=sys.stdout.isatty(), redirect_stderr=True,
    )  # fmt: skip
    with bar:
        task = bar.add_task(phase.phase.name, total=phase.training.max_iters, speed="")

        def show(progress: Progress) -> None:
            speed, to_go = progress.steps_per_second, progress.seconds_to_go
            text = "" if speed is None or to_go is None else f"{speed:.1f} it/s, eta {duration(to_go)}"
            bar.update(task, completed=progress.step, speed=text)

        yield show
