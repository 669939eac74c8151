"""Training without a screen: the events of each phase as lines on stdout, all else on stderr.

slmtui --headless phases/phase1.toml            the published log's lines, then a summary
slmtui --headless phases/phase1.toml --json     the events, one JSON line each
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn
from rich.progress import Progress as Bar

from slmtui.commands.outcomes import Outcome, report_outcomes
from slmtui.commands.together import hang_up
from slmtui.config.phase import Phase
from slmtui.errors import TrainingFailed
from slmtui.insight.rules.gate import limits_in_words
from slmtui.notices import failed, notice_of, sequence, start_command
from slmtui.output import ExitStatus, control, put, put_json, say, silence
from slmtui.runs.lines import line_of, outcome, summary, worst_first
from slmtui.runs.log_reader import last_event
from slmtui.runs.progress import Progress
from slmtui.runs.run import Run, runs_of_launch
from slmtui.runs.verdict import Course
from slmtui.session import Session, begin, resume, take_part, take_part_again
from slmtui.settings import Settings
from slmtui.training import events
from slmtui.training.control import CommandKind
from slmtui.training.events import Finding, to_json
from slmtui.training.ranks import Ranks, ranks_here
from slmtui.words import duration

Handler = Callable[[int, FrameType | None], object]
ShowProgress = Callable[[Progress], None]


Begin = Callable[["Interrupted"], Session]
ONE_SIGNAL = 2.0  # seconds within which two of them, one by way of torchrun, are one that was sent
TakePart = Callable[["Interrupted"], Iterator[events.Event]]


class Interrupted:
    """Set by the first SIGINT or SIGTERM; a second one is not waited for, and none before there is a training."""

    def __init__(self) -> None:
        self.by: signal.Signals | None = None
        self._since = 0.0
        self._preparing = False
        self.wants_checkpoint = False
        self.is_one_of_several = False  # then a signal that all get comes from torchrun, which gets it, too

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        again = self.by is not None and not (self.is_one_of_several and now - self._since < ONE_SIGNAL)
        if self.by is None:
            self.by, self._since = signal.Signals(number), now
        if again or self._preparing:
            raise KeyboardInterrupt

    @contextmanager
    def at_once(self, name: str) -> Iterator[None]:
        """While the training of that name is prepared, which may take minutes, there is nothing to save."""
        self._preparing = True
        try:
            if self.by is not None:
                raise KeyboardInterrupt
            yield
        except KeyboardInterrupt:
            tell(say, f"{name}: interrupted before its training began")
            raise
        finally:
            self._preparing = False

    def save(self, _number: int, _frame: FrameType | None) -> None:
        """For SIGUSR1, which batch systems send before they end a job."""
        self.wants_checkpoint = True

    def wish(self) -> CommandKind | None:
        if self.by is not None:
            return "interrupt"
        wanted, self.wants_checkpoint = self.wants_checkpoint, False
        return "checkpoint" if wanted else None


@contextmanager
def interrupts() -> Iterator[Interrupted]:
    """Let SIGINT and SIGTERM end a training after its step, with a checkpoint, rather than in the middle of it.

    SIGUSR1 saves a checkpoint after the step, and the training goes on.

    SIGHUP, a terminal that is gone, is no reason to end at all: there is only nobody to tell any more.
    """
    interrupted = Interrupted()
    handlers: dict[signal.Signals, Handler] = {
        signal.SIGINT: interrupted,
        signal.SIGTERM: interrupted,
        signal.SIGUSR1: interrupted.save,
    }
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup has seen to it already
        handlers[signal.SIGHUP] = hang_up
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield interrupted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def tell(how: Callable[[str], None], text: str) -> None:
    """Say or put something while training; that whoever read it has gone away is no reason to stop."""
    try:
        how(text)
    except OSError:  # a closed pipe, a terminal that hung up, a full disk under a redirection
        silence(2 if how is say else 1)


def preparing(name: str) -> Callable[[str], None]:
    """Says what takes a while before a training's first step."""
    return lambda words: tell(say, f"{name}: {words} …")


def train_phases(
    phases: Sequence[Phase], checkpoints: Path, *, as_json: bool, junit: Path | None = None,
    settings: Settings | None = None,
) -> ExitStatus:  # fmt: skip
    """Train phases in order, each into a run of its own; the status is that of the worst.

    By all processes that torchrun has started, together. Where it has started them anew, what they had begun goes on,
    and what was over by then counts with what became of it.
    """

    def beginning(phase: Phase, before: Run | None, ranks: Ranks) -> Begin:
        def begun(interrupted: Interrupted) -> Session:
            if before is not None:
                return _resumed(before, interrupted, ranks)
            session = begin(phase, checkpoints, interrupted.wish, tell=preparing(phase.name), ranks=ranks)
            tell(say, f"{phase.name}: training into {session.run.folder}")
            return session

        return begun

    def taking_part(phase: Phase, before: Run | None, ranks: Ranks) -> TakePart:
        if before is not None:
            return lambda interrupted: take_part_again(before, interrupted.wish, ranks)
        return lambda interrupted: take_part(phase, checkpoints, interrupted.wish, ranks)

    with ranks_here() as ranks:
        before = _begun_before(phases, checkpoints, ranks)
        over = _over(before, ranks)
        if ranks.is_first:
            trainings = [
                (phase.name, over.get(i, beginning(phase, run, ranks)))
                for i, (phase, run) in enumerate(zip(phases, before, strict=True))
            ]
            return _train(trainings, ranks, as_json=as_json, junit=junit, settings=settings or Settings())
        parts = [taking_part(phase, run, ranks) for phase, run in zip(phases, before, strict=True)]
        return _attend([None if i in over else part for i, part in enumerate(parts)], ranks)


def resume_runs(
    runs: Sequence[Run], *, as_json: bool, junit: Path | None = None, settings: Settings | None = None
) -> ExitStatus:
    """Go on with runs that were stopped, interrupted, killed, or only just made; the status is that of the worst.

    Where torchrun has started the processes anew, those that are over since then count with what became of them.
    """

    def resuming(run: Run, ranks: Ranks) -> Begin:
        return lambda interrupted: _resumed(run, interrupted, ranks)

    def taking_part(run: Run, ranks: Ranks) -> TakePart:
        return lambda interrupted: take_part_again(run, interrupted.wish, ranks)

    with ranks_here() as ranks:
        over = _over(runs, ranks) if ranks.is_started_again else {}
        if ranks.is_first:
            trainings = [(run.name, over.get(i, resuming(run, ranks))) for i, run in enumerate(runs)]
            return _train(trainings, ranks, as_json=as_json, junit=junit, settings=settings or Settings())
        return _attend([None if i in over else taking_part(run, ranks) for i, run in enumerate(runs)], ranks)


def _begun_before(phases: Sequence[Phase], checkpoints: Path, ranks: Ranks) -> list[Run | None]:
    """For each phase, the run that these processes had begun before torchrun started them anew.

    Also if no torchrun counts that as a restart, as when another machine joins.
    """
    begun = ranks.told(runs_of_launch(checkpoints, ranks.launch) if ranks.launch and ranks.is_first else {})
    return [begun[phase.name].pop(0) if begun.get(phase.name) else None for phase in phases]


def _over(runs: Sequence[Run | None], ranks: Ranks) -> dict[int, Run]:
    """Those that have come to their end before torchrun started these processes anew, by their place."""
    over = [i for i, run in enumerate(runs) if run is not None and is_over(run)] if ranks.is_first else []
    return {i: run for i in ranks.told(over) if (run := runs[i]) is not None}


def is_over(run: Run) -> bool:
    """Whether nobody goes on with it unasked: it ended as meant, or diverged, or a person has stopped it."""
    last = last_event(run.log_file)
    return isinstance(last, events.RunFinished) and (not last.may_go_on or last.reason == "stopped")


def _resumed(run: Run, interrupted: Interrupted, ranks: Ranks) -> Session:
    session = resume(run, interrupted.wish, tell=preparing(run.name), ranks=ranks)
    tell(say, f"{run.name}: resuming from step {session.training.step:,}")
    return session


def _attend(parts: Sequence[TakePart | None], ranks: Ranks) -> ExitStatus:
    """Take part in trainings that the first process tells of, None for one that is over; with its status."""
    status = ExitStatus.DONE
    silence(1, 2)
    with interrupts() as interrupted:
        interrupted.is_one_of_several = True
        for part in parts:
            if part is not None:
                with interrupted.at_once(""):
                    stream = part(interrupted)
                for _ in stream:
                    pass
            status = max(status, ranks.told(status))
            if status == ExitStatus.INTERRUPTED:
                break
    return status


def _train(
    trainings: Sequence[tuple[str, Begin | Run]], ranks: Ranks, *, as_json: bool, junit: Path | None, settings: Settings
) -> ExitStatus:
    """Each in its turn, by its name, a run being over; at the end, whatever it is, the files for those who were not
    there."""
    status, outcomes = ExitStatus.DONE, [Outcome(name) for name, _ in trainings]
    try:
        with interrupts() as interrupted:
            interrupted.is_one_of_several = ranks.size > 1
            for told, (name, begun) in zip(outcomes, trainings, strict=True):
                told.has_begun = True
                try:
                    if isinstance(begun, Run):
                        status = max(status, recall(begun, told))
                    else:
                        with interrupted.at_once(name):
                            session = begun(interrupted)
                        status = max(status, follow(session, told, as_json=as_json))
                        notify(session.run, told, settings)
                    if told.finished is None and ranks.size > 1:
                        break  # the others are in the middle of it, and end when this process does
                    ranks.told(status)
                except BaseException as error:  # whatever it was: what did not end has not passed
                    told.failure = _why(error)
                    raise
                if status == ExitStatus.INTERRUPTED:
                    break
    finally:
        for fault in report_outcomes(outcomes, junit):  # no reason for another exit status
            tell(say, fault)
    return status


def notify(run: Run, told: Outcome, settings: Settings) -> None:
    """The end of a training is noticed, in the terminal and by a command; not of one that was interrupted."""
    notice = failed(run.name, told.failure, run) if told.finished is None else notice_of(run)
    if notice is None:
        return
    if sys.stderr.isatty():
        tell(control, sequence(notice.words, settings))
    if settings.on_finish:
        try:
            status = start_command(settings.on_finish, notice).wait()
        except OSError as error:
            tell(say, f"{run.name}: the command for its end cannot be run: {error.strerror}")
            return
        if status:
            tell(say, f"{run.name}: the command for its end gave exit status {status}")


def _why(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    return str(error) or type(error).__name__


def follow(session: Session, told: Outcome, *, as_json: bool) -> ExitStatus:
    """Print events as they come; sum up when they end, and take down in `told` what became of it."""
    run, phase = session.run, session.training.phase
    told.name = run.name
    for note in session.notes:
        tell(say, f"{run.name}: {note}")
    progress = Progress()
    best, course = told.best, Course()
    finished: events.RunFinished | None = None
    test: events.FinalTest | None = None
    findings: list[Finding] = []
    for event in session.history:
        progress.add(event)
        best.add(event)
        course.add(event)
    try:
        with progress_bar(phase) as bar:
            for event in session.events if as_json else worst_first(session.events):
                progress.add(event)
                bar(progress)
                if as_json:
                    tell(put_json, to_json(event))
                elif (line := line_of(event, progress)) is not None:
                    tell(put, line)
                best.add(event)
                course.add(event)
                if isinstance(event, events.Warned) and event.finding is not None and event.of_the_run:
                    findings.append(event.finding)
                if isinstance(event, events.FinalTest):
                    test = event
                if isinstance(event, events.RunFinished):
                    finished = event
    except TrainingFailed as error:
        tell(say, f"{run.name}: training failed: {error}")
        told.failure = str(error)
        return ExitStatus.FAILED
    assert best.started is not None, "a training begins with run_started"
    assert finished is not None, "and ends with run_finished"
    if not as_json:
        for line in summary(run, best.started, finished, best.evaluation, test, best.inherited, course.verdict):
            tell(put, line)
    told.findings = findings[::-1] if as_json else findings  # a log has the worst last
    return _concluded(run, phase, finished, told)


def recall(run: Run, told: Outcome) -> ExitStatus:
    """Take down in `told` what became of a run that is over, by its log; the status is that of its training."""
    told.name = run.name
    findings: list[Finding] = []
    for event in run.events():
        told.best.add(event)
        if isinstance(event, events.Warned) and event.finding is not None and event.of_the_run:
            findings.append(event.finding)
    told.findings = findings[::-1]
    assert isinstance(event, events.RunFinished), "the run is over"
    return _concluded(run, run.phase(), event, told)


def _concluded(run: Run, phase: Phase, finished: events.RunFinished, told: Outcome) -> ExitStatus:
    """Say what becomes of the gate, and take down how the training ended."""
    limits = limits_in_words(phase.gate, told.best)
    status, sentences = outcome(run, finished, limits)
    for sentence in sentences:
        tell(say, sentence)
    told.finished = finished
    if finished.as_meant:
        told.limits = limits
    else:
        told.failure = " ".join(sentence.removeprefix(f"{run.name}: ") for sentence in sentences)
    return status


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
