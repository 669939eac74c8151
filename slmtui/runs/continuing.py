"""Phases made from runs that are over: one network that learns from several, and more steps for one, as a run of their
own whose parent it is. Resuming is another thing: it is exact.

The optimizer is new, and so is the learning rate's course. The parent's has fallen to next to nothing by its end, where
more steps would change nothing; from the whole rate, they first undo what the end of the course had gained. So it rises
to half of the parent's rate, and goes from there as the parent's did.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from slmtui.config.overrides import Override
from slmtui.config.phase import Phase
from slmtui.config.phase_file import dump_phase, parse_phase
from slmtui.runs.log_reader import last_event
from slmtui.runs.run import Run, RunError
from slmtui.runs.summary import summarise
from slmtui.training import events
from slmtui.words import percent, plural

SHARE_OF_RATE = 0.5  # of the parent's learning rate, with a cosine; measured in docs/log.md
LONGEST_NAME = 54  # of what a distilled run is named after, in characters
WARM_UP, LONGEST_WARM_UP = 0.05, 100  # of the steps, and at most


def continued(run: Run, checkpoints: Path, steps: int | None = None, target: float | None = None) -> Phase:
    """The phase of a run, to go on from its best model for so many steps, as many as it had by default.

    target: the validation loss at which that may end sooner. RunError for a run that is not over, or has reached it.
    """
    if reason := why_not_continued(run):
        raise RunError(reason)
    reached = None if target is None else summarise(run)[0].judged_loss
    if target is not None and reached is not None and reached <= target:
        raise RunError(f"{run.name} has a validation loss of {reached:.4f}, so it need not go on until {target:g}")
    values = run.phase().values()
    values["phase"]["study"] = ""  # whose trial it is no longer
    training = values["training"]
    values["model"]["init_from"] = run.source(checkpoints)
    training["max_iters"] = steps or training["max_iters"]
    training.pop("max_minutes", None)  # so many steps, however long they take
    training["warmup_iters"] = min(LONGEST_WARM_UP, int(WARM_UP * training["max_iters"]))
    if training["schedule"] == "cosine":
        training["learning_rate"] *= SHARE_OF_RATE
        training["min_lr"] = min(training["min_lr"], training["learning_rate"])
    values["early_stopping"]["target"] = target  # not its parent's, which that may have reached
    return Phase.model_validate(values)


def distilled(teachers: Sequence[Run], name: str, source: str, overrides: Sequence[str] = ()) -> Phase:
    """The phase of these runs, to learn from the predictions of their networks. name: of the run or cell; source: as
    `training.distill_from` finds it. PhaseError for overrides that are wrong."""
    given = {
        ("phase", "name"): f"{name.replace('/', '-')[:LONGEST_NAME]}-distilled",
        ("phase", "title"): f"distilled from {name}",
        ("phase", "study"): "",
        ("training", "distill_from"): [source],
    }
    own = [Override(path, value, "") for path, value in given.items()]
    return parse_phase(dump_phase(teachers[0].phase()), name, [*own, *overrides])


def why_not_continued(run: Run) -> str | None:
    """Why a run cannot be given more steps; None if it can."""
    last = last_event(run.log_file)
    if isinstance(last, events.RunFinished) and last.as_meant:
        return None
    if run.is_alive():
        return f"{run.name} is being trained; it can be continued when it is over"
    return run.why_not_resumed(last) or (
        f"{run.name} is not over, so it needs no run of its own to go on: {run.command('--headless', '--resume')}"
    )


def rate_in_words(phase: Phase) -> str:
    """What becomes of the learning rate in a phase that `continued` made."""
    training = phase.training
    rate = f"the learning rate rises to {training.learning_rate:.3g} in {plural(training.warmup_iters, 'step')}"
    if training.warmup_iters == 0:
        rate = f"the learning rate begins at {training.learning_rate:.3g}"
    if training.schedule == "constant":
        return f"{rate} and stays there, as in its parent"
    return f"{rate}, {percent(SHARE_OF_RATE)} of its parent's, and falls to {training.min_lr:g} along a cosine"
