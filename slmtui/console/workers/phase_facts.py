"""What has to be found out about phases, in a worker: the numbers of their datasets, and what their last runs tell.

Called in threads; everything heavy is imported there. Nothing here knows a widget.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from slmtui.config.phase import Phase
from slmtui.config.recorded_phase import recorded_phase
from slmtui.config.source_path import source_path
from slmtui.console.key_names import key
from slmtui.errors import TrainingFailed, UserError
from slmtui.files import is_folder
from slmtui.insight.estimates import DatasetCounts, NoCounts, Speed
from slmtui.project import DEFAULT_CHECKPOINTS

if TYPE_CHECKING:
    from slmtui.data.dataset import Dataset
    from slmtui.runs.preview import RunPreview
    from slmtui.runs.run import Run
    from slmtui.runs.summary import RunSummary

MOST_COMPARED = 500_000  # tokens whose two sides are compared without being asked to: a few seconds
LARGEST_UNASKED = 20_000_000  # bytes of corpus that are read without being asked to


def data_key(phase: Phase) -> str:
    """Phases with the same key have the same dataset."""
    data = phase.data.model_dump_json(exclude={"patterns"}) + phase.tokenizer.model_dump_json()
    if phase.model.init_from is None:
        return data
    asked = (section.model_dump_json(exclude_unset=True) for section in (phase.model, phase.tokenizer))
    return "".join((data, *asked))  # what it leaves out is its parent's


def shape_key(phase: Phase) -> tuple[object, ...]:
    """Phases with the same key take the same time for a step."""
    training = phase.training
    machine = (training.precision, training.device, training.threads)
    return data_key(phase), phase.model, training.batch_size, phase.optimizer.decay_on, machine


def read_counts(phase: Phase, checkpoints: Path = DEFAULT_CHECKPOINTS) -> DatasetCounts | NoCounts:
    """The dataset's numbers, or why there are none. checkpoints: where a parent may be."""
    try:
        return _unless_too_large(phase) or _counts(*_prepared(phase, checkpoints))
    except UserError as error:
        return NoCounts(str(error))
    except OSError as error:
        return NoCounts(f"the data cannot be read: {error}")


def find_previews(
    checkpoints: Path, names: set[str], known: dict[str, tuple[int, RunPreview]]
) -> dict[str, RunPreview]:
    """The newest run of each phase, looked at; `known` keeps what was seen, by run, until its log has grown."""
    from slmtui.runs.preview import newest_of, preview
    from slmtui.runs.run import newest_runs

    found: dict[str, RunPreview] = {}
    runs = newest_runs(checkpoints)
    for name in names:
        if (run := newest_of(runs, name)) is None:
            continue
        try:
            size = run.log_file.stat().st_size
            if run.name not in known or known[run.name][0] != size:
                known[run.name] = size, preview(run)
            found[name] = known[run.name][1]
        except (OSError, ValueError):  # a run that has not begun, or a torn log, tells nothing
            continue
    return found


def find_best(checkpoints: Path, known: dict[str, tuple[int, RunSummary]]) -> RunSummary | None:
    """The best run of a project; `known` keeps what was seen, by run, until its log has grown."""
    from slmtui.runs.best import best_run
    from slmtui.runs.run import newest_runs
    from slmtui.runs.summary import summarise

    def summary_of(run: Run) -> RunSummary:
        size = run.log_file.stat().st_size
        if run.name not in known or known[run.name][0] != size:
            known[run.name] = size, summarise(run)[0]
        return known[run.name][1]

    best = best_run(newest_runs(checkpoints), summary_of)
    return None if best is None else summary_of(best)


def speed_from_run(phase: Phase, seen: RunPreview | None) -> Speed | None:
    """How long the phase takes, from its last run, if that was of the same shape."""
    if seen is None or seen.started is None or (speed := seen.progress.steps_per_second) is None:
        return None
    try:
        if shape_key(recorded_phase(seen.started.phase)) != shape_key(phase):
            return None
    except ValueError:  # of a version with other keys
        return None
    total = seen.progress.seconds_for(phase.training.max_iters, phase.evaluation.interval)
    return None if total is None else Speed(1 / speed, seconds_limited(phase, total), f"measured in {seen.run.name}")


def seconds_limited(phase: Phase, seconds: float) -> float:
    """What a training takes: the time of its steps, unless the phase says how long."""
    return seconds if phase.training.max_minutes is None else phase.training.max_minutes * 60


def measure(
    phase: Phase, stop: Callable[[], bool], checkpoints: Path = DEFAULT_CHECKPOINTS
) -> tuple[DatasetCounts | NoCounts, Speed | str]:
    """Read the dataset and train a few steps; what cannot be done is said in words. checkpoints: as above."""
    from slmtui.training.speed import measure_step

    try:
        phase, dataset = _prepared(phase, checkpoints)
    except UserError as error:
        return NoCounts(str(error)), "cannot be measured: the data cannot be read"
    counts = _counts(phase, dataset, asked=True)
    try:
        seconds = measure_step(phase, dataset, stop)
    except (UserError, TrainingFailed, RuntimeError, MemoryError) as error:  # torch's out of memory is a RuntimeError
        return counts, f"cannot be measured: {str(error).splitlines()[0] if str(error) else 'out of memory'}"
    if seconds is None:
        return counts, "not measured: a training was running"
    return counts, Speed(
        seconds, seconds_limited(phase, seconds * phase.training.max_iters), "measured now, without evaluations"
    )


def _prepared(phase: Phase, checkpoints: Path) -> tuple[Phase, Dataset]:
    """The phase with what it takes from its parent, if it has one, and its dataset."""
    from slmtui.training.prepare import prepare_dataset

    if phase.model.init_from is None:
        return phase, prepare_dataset(phase)
    from slmtui.parents import with_parent  # torch

    phase, parent = with_parent(phase, checkpoints)
    return phase, prepare_dataset(phase, None if parent is None else parent.tokenizer)


def _unless_too_large(phase: Phase) -> NoCounts | None:
    total = 0
    for source in phase.data.source:
        path = source_path(source)
        folders = os.walk(path) if is_folder(path) else [(str(path.parent), [], [path.name])]
        for folder, _, names in folders:
            for name in names:
                with suppress(OSError):  # such as a link that leads nowhere; reading the corpus says so
                    status = Path(folder, name).stat()
                    total += status.st_size if stat.S_ISREG(status.st_mode) else 0
            if total > LARGEST_UNASKED:
                limit = LARGEST_UNASKED // 1_000_000
                measure = key("phases.measure", "m")
                return NoCounts(f"a large corpus, over {limit} MB: {measure} reads and measures it", fault=False)
    return None


def _counts(phase: Phase, dataset: Dataset, *, asked: bool = False) -> DatasetCounts:
    from slmtui.insight.rules.data_facts import facts_of

    n_train, n_val = dataset.train.n_text_tokens, dataset.val.n_text_tokens
    sides = facts_of(dataset) if asked or n_train + n_val <= MOST_COMPARED else None
    length = None if dataset.train.lines is None else len(dataset.train.tokens)
    model = phase.model if phase.model.init_from else None
    return DatasetCounts(dataset.tokenizer.n_vocab, n_train, n_val, tuple(dataset.notes), sides, length, model)
