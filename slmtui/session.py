"""A session: a phase becomes a training, its events are watched and recorded, whoever asked for it reads them.

Here the packages meet: data → training → insight → runs. Headless and the console begin and resume trainings alike.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from slmtui.atomic_files import clear_drafts
from slmtui.config.phase import Phase
from slmtui.data.baseline import Baseline
from slmtui.data.corpus import Corpus
from slmtui.data.dataset import Dataset
from slmtui.data.reading import at_start
from slmtui.data.split_stats import whole_baseline
from slmtui.errors import UserError
from slmtui.inference.sample_set import with_prompts
from slmtui.insight.estimates import memory_needed, parameters
from slmtui.insight.lines_completed import seconds_of_lines, with_lines_completed
from slmtui.insight.rules.gate_check import refuse_impossible
from slmtui.insight.watch import watch
from slmtui.model.compiled import tell_of_compiling
from slmtui.parents import with_parent, with_teacher
from slmtui.runs.control import ControlFile, Wish, Wishes, nothing
from slmtui.runs.final_test import seconds_of_final_test, with_final_test
from slmtui.runs.recorder import record
from slmtui.runs.reference import refuse_other_text, started_with, with_reference
from slmtui.runs.resume import Fit, restore_training
from slmtui.runs.run import Run, RunError, create_run
from slmtui.training import events
from slmtui.training.budget import Fitted, fitted
from slmtui.training.control import BrokenOff
from slmtui.training.events import Event, Reference
from slmtui.training.hardware import Machine, choose_machine
from slmtui.training.out_of_memory import translate_oom
from slmtui.training.parent import Parent
from slmtui.training.prepare import prepare_dataset
from slmtui.training.ranks import ALONE, Ranks
from slmtui.training.speed import measure_step
from slmtui.training.state import Training
from slmtui.training.teacher import Teacher
from slmtui.training.trainer import train
from slmtui.training.tuning import is_measured, tuned_machine
from slmtui.words import byte_size, duration

Tell = Callable[[str], None]
READING = "reading and tokenizing its text"
LARGE = 5_000_000  # parameters from which on a child's price is told: a step may take seconds


def _nobody(words: str) -> None:
    """Hears of what takes a while, and does nothing."""


@dataclass(frozen=True)
class Session:
    """A training under way; nothing happens until its events are asked for.

    history: the earlier events of a run that is resumed. notes: what a person should know.
    """

    run: Run
    training: Training
    history: tuple[Event, ...]
    events: Iterator[Event]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Brought:
    """What a phase names, from another machine: its text, the models that it starts from and learns from, and what its
    gate judges it against. None: it names none, or goes on from a checkpoint and needs it no more."""

    corpus: Corpus
    parent: Parent | None
    teacher: Teacher | None
    reference: Reference | None


def begin(
    phase: Phase, checkpoints: Path, wish: Wish = nothing, brought: Brought | None = None, tell: Tell = _nobody,
    ranks: Ranks = ALONE,
) -> Session:  # fmt: skip
    """Prepare a phase and open a run for it. UserError before there is a run, if the phase cannot be trained here.

    wish: asked between two steps whether this process wants something of the training, such as its end. brought: in
    place of what the phase names, whose keys are settled then. tell: hears, before it begins, of what takes a while.
    ranks: this process, the first, among those that train together; the others `take_part`.
    """
    prepared = _prepared(phase, checkpoints, brought, tell, ranks)
    training, dataset = prepared.training, prepared.training.dataset
    run = create_run(checkpoints, training.phase)
    lock = run.lock()
    commands = _control_file(run, wish)
    happens = started_with(train(training, commands), prepared.reference)
    baseline = _waited_for(lambda: prepared.fit.baseline or whole_baseline(dataset), commands)
    stream = watch(_with_last_looks(happens, run, training), dataset, baseline=baseline)
    notes = *_at_start(dataset), *prepared.price, *prepared.fit.said
    return Session(run, training, (), record(run, lock, training, stream), notes)


def take_part(phase: Phase, checkpoints: Path, wish: Wish, ranks: Ranks) -> Iterator[Event]:
    """Train as one of several processes of which another one, the first, begins the run and keeps its events."""
    return _part(_prepared(phase, checkpoints, None, _nobody, ranks).training, wish)


def _part(training: Training, wish: Wish) -> Iterator[Event]:
    """What the first process is told if this one goes away says what would help, as `record` says it of the first."""
    with translate_oom(training.phase):
        yield from train(training, Wishes(wish))


class _Prepared(NamedTuple):
    training: Training
    reference: Reference | None
    price: list[str]
    fit: Fitted


def refuse_more_than_rows(phase: Phase, ranks: Ranks) -> None:
    """UserError for processes that no window of a batch is left for."""
    if phase.training.batch_size < ranks.size:
        raise UserError(
            f"training.batch_size: {phase.training.batch_size} windows are too few for {ranks.size} processes, each of "
            f"which computes one or more; use {ranks.size} or more, or fewer processes"
        )


def _prepared(phase: Phase, checkpoints: Path, brought: Brought | None, tell: Tell, ranks: Ranks) -> _Prepared:
    began = time.monotonic()
    refuse_more_than_rows(phase, ranks)
    with translate_oom(phase):
        choose_machine(phase.training, ranks=ranks)  # a device that is not there is told before the corpus is read
        if brought is None:
            phase, reference = with_reference(with_prompts(phase), checkpoints)
            phase, parent = with_parent(phase, checkpoints)
            phase, teacher = with_teacher(phase, checkpoints)
        else:
            parent, teacher, reference = brought.parent, brought.teacher, brought.reference
        tokenizer = None if parent is None else parent.tokenizer
        tell(READING)
        dataset = prepare_dataset(phase, tokenizer, None if brought is None else brought.corpus)
        refuse_impossible(phase, dataset)
        refuse_other_text(phase, reference, dataset)
        ranks.refuse_differences(phase, {"the fingerprint of the text": dataset.fingerprint})
        price = _price_of_child(phase, dataset)
        if is_measured(phase, ranks):
            tell("timing its steps with different threads and precisions: seconds")
        machine = tuned_machine(phase, dataset, ranks)
        _tell_of_counts(phase, tell)
        fit = _fit(began, tell, teacher, ranks)(phase, dataset, machine, parent)
        training = Training.start(fit.phase, dataset, machine, parent, teacher, ranks)
    ranks.wait_for_all()  # the run that the first makes now would be the "latest" for one that still reads
    return _Prepared(training, reference, price, fit)


def _fit(began: float, tell: Tell, teacher: Teacher | None, ranks: Ranks) -> Fit:
    """Gives a phase that has a time as many steps as there is time for; it began to run with `began`."""

    def fit(phase: Phase, dataset: Dataset, machine: Machine, parent: Parent | None) -> Fitted:
        if phase.training.max_minutes is None:
            return Fitted(phase)
        tell("measuring what counting reaches")
        baseline = whole_baseline(dataset) if ranks.is_first else None
        tell("timing its steps and an evaluation, to see how many fit into its time")
        tried = None if parent is None else parent.copied()
        found = fitted(
            phase, lambda: Training.start(phase, dataset, machine, tried, teacher, ranks), began, _seconds_of_last_looks
        )
        return dataclasses.replace(found, baseline=baseline)

    return fit


def _seconds_of_last_looks(training: Training) -> float:
    return seconds_of_final_test(training) + seconds_of_lines(training)


def resume(
    run: Run, wish: Wish = nothing, brought: Brought | None = None, tell: Tell = _nobody, ranks: Ranks = ALONE
) -> Session:
    """Take up a run where its last checkpoint left it; RunError if that cannot be done. The arguments: as for `begin`.

    The lock comes first: what another process is still writing must not be read as if it were the end.
    """
    began = time.monotonic()
    lock = run.lock()
    try:
        refuse_more_than_rows(run.phase(), ranks)
        clear_drafts(run.folder)
        commands = _control_file(run, wish)
        with translate_oom(run.phase()):
            teacher = with_teacher(run.phase(), run.folder.parent)[1] if brought is None else brought.teacher
            tell(READING)
            tell_of_compiling(tell)
            parent = _parent_of(run) if brought is None else lambda _: brought.parent
            corpus = None if brought is None else brought.corpus
            resumed = restore_training(run, parent, _fit(began, tell, teacher, ranks), teacher, corpus, ranks)
            reference = None if brought is None else brought.reference
            if not resumed.history:  # it begins only now
                reference = with_reference(run.phase(), run.folder.parent)[1] if brought is None else reference
                refuse_other_text(run.phase(), reference, resumed.training.dataset)
        ranks.wait_for_all()  # they still read the log, which is cut off next
    except BaseException:
        lock.release()
        raise
    happens = started_with(train(resumed.training, commands), reference)
    looked_at = _with_last_looks(happens, run, resumed.training)
    known = resumed.fit.baseline
    stream = watch(looked_at, resumed.training.dataset, resumed.history, None if known is None else lambda: known)
    stream = _with_notes(stream, resumed.notes)
    recorded = record(run, lock, resumed.training, stream, keep=resumed.log_size)
    notes = *_at_start(resumed.training.dataset), *resumed.fit.said
    return Session(run, resumed.training, resumed.history, recorded, notes)


def take_part_again(run: Run, wish: Wish, ranks: Ranks) -> Iterator[Event]:
    """`take_part` in a run that another process, the first, has taken up again."""
    began = time.monotonic()
    refuse_more_than_rows(run.phase(), ranks)
    with translate_oom(run.phase()):
        teacher = with_teacher(run.phase(), run.folder.parent)[1]
        fit = _fit(began, _nobody, teacher, ranks)
        training = restore_training(run, _parent_of(run), fit, teacher, None, ranks).training
    ranks.wait_for_all()
    return _part(training, wish)


def _parent_of(run: Run) -> Callable[[Phase], Parent | None]:
    return lambda phase: with_parent(phase, run.folder.parent)[1]


def _with_last_looks(stream: Iterator[Event], run: Run, training: Training) -> Iterator[Event]:
    """With what is asked of the best model once, before the training's last event, which has the time after that.

    A training that is to end at once meanwhile is interrupted. What the looks have found comes after its last
    checkpoint and is found again.
    """
    for event in stream:
        if not isinstance(event, events.RunFinished):
            yield event
            continue
        looks = with_final_test(with_lines_completed([event], run, training), run, training)
        try:
            yield from (look for look in looks if look is not event)
        except BrokenOff:
            event = dataclasses.replace(event, reason="interrupted" if event.as_meant else event.reason)
        yield dataclasses.replace(event, time=time.time())


def _tell_of_counts(phase: Phase, tell: Tell) -> None:
    """Before it is measured what counting reaches, and counts that are mixed into the predictions are fitted."""
    tell_of_compiling(tell)
    long = ", or a minute for megabytes" if phase.model.context_mixing else ""
    tell(f"counting contexts in the training text: seconds{long}")


def _waited_for(baseline: Callable[[], Baseline | None], commands: ControlFile) -> Callable[[], Baseline | None]:
    """Whoever looks at the run sees what it waits for."""

    def found() -> Baseline | None:
        commands.tell("measuring what counting reaches")
        return baseline()

    return found


def _at_start(dataset: Dataset) -> tuple[str, ...]:
    return (*at_start(dataset.corpus), *dataset.notes)


def _price_of_child(phase: Phase, dataset: Dataset) -> list[str]:
    """What the training of a model that was made elsewhere takes: it may be of any size."""
    n_vocab = dataset.tokenizer.n_vocab
    if phase.model.init_from is None or sum(parameters(phase, n_vocab).values()) < LARGE:
        return []
    memory = byte_size(sum(memory_needed(phase, n_vocab, len(dataset.train.tokens)).values()))
    step = measure_step(phase, dataset) if phase.training.max_minutes is None else None  # else it is measured anyway
    time = "" if step is None else f", and {duration(step * phase.training.max_iters)} without evaluations"
    return [f"this training takes about {memory} of memory{time}"]


def _control_file(run: Run, wish: Wish) -> ControlFile:
    try:
        return ControlFile(run.control_file, wish)
    except OSError as error:
        raise RunError(f"{run.control_file}: cannot be made ({error.strerror})") from None


def _with_notes(stream: Iterator[Event], notes: tuple[str, ...]) -> Iterator[Event]:
    """What cannot be continued exactly is said in the log, where everybody sees it, right after `resumed`."""
    for event in stream:
        yield event
        for note in notes:
            yield events.Warned(step=event.step, code="elsewhere", message=note)
        notes = ()
