"""Going on with a run that was stopped, interrupted or killed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from slmtui import __version__
from slmtui.config.phase import Phase
from slmtui.data.corpus import Corpus
from slmtui.data.dataset import Dataset
from slmtui.data.tokenizer import Tokenizer
from slmtui.files import is_there, open_to_read
from slmtui.runs.checkpoint import SavedModel, load_checkpoint
from slmtui.runs.log_reader import LogError, last_event, read_events
from slmtui.runs.run import Run, RunError
from slmtui.training import events
from slmtui.training.budget import Fitted
from slmtui.training.events import Event
from slmtui.training.hardware import Machine, choose_machine
from slmtui.training.parent import Parent
from slmtui.training.prepare import CorpusChanged, dataset_as_trained, prepare_dataset
from slmtui.training.ranks import ALONE, Ranks
from slmtui.training.state import Training
from slmtui.training.teacher import Teacher
from slmtui.training.tuning import tuned_machine

Fit = Callable[[Phase, Dataset, Machine, Parent | None], Fitted]


@dataclass(frozen=True)
class RestoredTraining:
    training: Training
    log_size: int  # bytes of the log that were there when the checkpoint was saved; what came after is repeated
    history: tuple[Event, ...]  # the events up to there
    notes: tuple[str, ...]  # what cannot be continued exactly
    fit: Fitted  # what was measured for it, if it begins only now


def restore_training(
    run: Run,
    parent_of: Callable[[Phase], Parent | None],
    fit: Fit,
    teacher: Teacher | None = None,
    corpus: Corpus | None = None,
    ranks: Ranks = ALONE,
) -> RestoredTraining:
    """The training of a run as its last checkpoint left it, or from its beginning if it died before it had one.

    parent_of: reads what a phase starts from, which only a beginning needs. fit: finds how many steps the phase of a
    run that was only made has time for; they are written into the run. teacher: what it learns from to its end. corpus:
    as for `prepare_dataset`. ranks: the processes that go on with it.

    For whoever holds the run's lock. Raises RunError when it cannot be continued: it is over or diverged, its
    checkpoint is gone or does not belong to its log, its phase or its corpus has changed.
    """
    if reason := run.why_not_resumed(last_event(run.log_file)):
        raise RunError(reason)
    phase, saved = run.phase(), load_checkpoint(run.last_file) if is_there(run.last_file) else None
    known = {"the run": run.name, "the step of its last checkpoint": None if saved is None else saved.step}
    ranks.refuse_differences(phase, known | {"the fingerprint of its text": None if saved is None else saved.data})
    if saved is None:
        return _from_the_beginning(run, parent_of, fit, teacher, corpus, ranks)
    if saved.training is None:
        raise RunError(f"{run.last_file} holds a model only, not the state of a training")
    if phase != saved.phase:
        raise RunError(f"{run.phase_file} is not the phase that {run.last_file.name} was trained with; put it back")
    history, log_size = _history(run, saved)
    started = history[0]
    assert isinstance(started, events.RunStarted)
    dataset = _dataset(run, phase, saved.data, saved.tokenizer, corpus)
    machine = _machine(phase, started, ranks)
    training = Training(phase, dataset, machine, saved.model, teacher=teacher, ranks=ranks)
    try:
        training.load_state_dict(saved.training)
        if training.step != saved.step:
            raise ValueError(f"it is at step {training.step:,}, its model at {saved.step:,}")
    except ValueError as error:
        raise RunError(f"{run.last_file}: {error}") from None
    differences = tuple(_differences(started, machine, ranks))
    return RestoredTraining(training, log_size, history, differences, Fitted(phase))


def _from_the_beginning(
    run: Run, parent_of: Callable[[Phase], Parent | None], fit: Fit, teacher: Teacher | None, corpus: Corpus | None,
    ranks: Ranks,
) -> RestoredTraining:  # fmt: skip
    """Nothing was saved, so nothing is lost by beginning again: the same seed gives the same training."""
    log = list(read_events(run.log_file)) if is_there(run.log_file) else []
    first = next((i for i, event in enumerate(log) if isinstance(event, events.Checkpoint)), len(log))
    phase = run.phase()
    # The event is written just before the file. Only what goes on after it shows that there was a file; not so for a
    # trial of a study, whose files come from a cluster, the log before the checkpoint that it leads to.
    goes_on = any(isinstance(event, events.Step | events.Evaluation | events.Checkpoint) for event in log[first + 1 :])
    if goes_on and not phase.phase.study:
        raise RunError(f"{run.last_file} is missing, so there is nothing to resume from; train its phase again")
    parent = parent_of(phase)
    tokenizer = None if parent is None else parent.tokenizer
    started = log[0] if log and isinstance(log[0], events.RunStarted) else None
    if started is None:
        dataset = prepare_dataset(phase, tokenizer, corpus)
    else:
        dataset = _dataset(run, phase, started.data.fingerprint, tokenizer, corpus)
    ranks.refuse_differences(phase, {"the fingerprint of the text": dataset.fingerprint})
    machine = tuned_machine(phase, dataset, ranks) if started is None else _machine(phase, started, ranks)
    found = Fitted(phase)
    if started is None and not phase.phase.study:  # a trial's steps are those that it began with, here or elsewhere
        found = fit(phase, dataset, machine, parent)
        if ranks.is_first and found.phase != phase:
            run.freeze(found.phase)
    return RestoredTraining(Training.start(found.phase, dataset, machine, parent, teacher, ranks), 0, (), (), found)


def _history(run: Run, saved: SavedModel) -> tuple[tuple[Event, ...], int]:
    """The events up to the checkpoint, and how many bytes of the log they take; RunError if the two do not match."""
    size = (saved.training or {}).get("log_size")
    history: tuple[Event, ...] = ()
    if type(size) is int and size > 0 and _ends_a_line(run.log_file, size):
        history = tuple(read_events(run.log_file, until=size))
    here = events.Checkpoint(step=saved.step, kind="last", file=run.last_file.name)
    if type(size) is int and history and isinstance(history[0], events.RunStarted) and history[-1] == here:
        return history, size
    raise RunError(
        f"{run.log_file} and {run.last_file.name} do not belong together: the log does not lead, unchanged, to step "
        f"{saved.step:,}, where the checkpoint was saved. The model can be used, the training cannot go on"
    )


def _ends_a_line(log: Path, position: int) -> bool:
    try:
        with open_to_read(log, follow=False) as file:
            file.seek(position - 1)
            return file.read(1) == b"\n"
    except FileNotFoundError:
        return False
    except OSError as error:
        raise LogError(log, f": cannot be read ({error.strerror})") from None


def _dataset(run: Run, phase: Phase, fingerprint: str, tokenizer: Tokenizer | None, corpus: Corpus | None) -> Dataset:
    try:
        return dataset_as_trained(phase, fingerprint, tokenizer, corpus)
    except CorpusChanged as error:
        raise RunError(f"{run.name}: {error}; restore it, or train the phase again") from None


def _machine(phase: Phase, started: events.RunStarted, ranks: Ranks) -> Machine:
    """As it was, but for the threads of as many processes as there were."""
    like = started.machine
    if like.get("processes", 1) != ranks.size:
        like = {key: value for key, value in like.items() if key not in ("threads", "choice")}
    return choose_machine(phase.training, like, ranks)


def _differences(started: events.RunStarted, machine: Machine, ranks: Ranks) -> list[str]:
    import torch

    now = machine.to_dict() | {"torch": torch.__version__, "slmtui": __version__, "processes": ranks.size}
    then = {"processes": 1} | started.machine | started.versions
    return [
        f"{key} was {then.get(key)} and is {now[key]}: the digits may differ from here on"
        for key in ("torch", "slmtui", "device", "precision", "threads", "processor", "processes")
        if then.get(key) != now[key]
    ]
