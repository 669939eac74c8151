"""slmtui study FILE: train the trials of a study, several at once, and say what they tell together.

What is done is left out, what was cut off is resumed, so a study can be stopped and started again at any time, and
several processes may work on one.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from slmtui.commands.options import PATH, Job, checkpoints_option, json_option, whole
from slmtui.output import ExitStatus, put, put_json, say
from slmtui.words import duration

if TYPE_CHECKING:
    from slmtui.commands.headless import Interrupted
    from slmtui.config.study import Study
    from slmtui.studies.results import StudyResults, TrialResult
    from slmtui.studies.runner import Worker

POLL = 0.5  # seconds between two looks at what other processes have done
OVER = ("done", "failed")


@click.command(cls=Job, help=__doc__)
@click.argument("file", type=PATH, metavar="FILE")
@click.option("--at-once", type=whole(1, 1024), metavar="N", help="trials at a time (default: as many as fit)")
@click.option("--on", metavar="ADDRESS", help="train on the Dask cluster with this scheduler: tcp://HOST:8786")
@click.option("--show", is_flag=True, help="train nothing; say what is known")
@json_option("one JSON line for each cell")
@checkpoints_option
def command(
    file: Path, at_once: int | None, on: str | None, show: bool, as_json: bool, checkpoints: Path
) -> ExitStatus:
    from slmtui.config.study import load_study
    from slmtui.studies.claims import CLAIMS
    from slmtui.studies.reading import numbered, read_results

    study = numbered(load_study(file, CLAIMS), checkpoints)
    status = ExitStatus.DONE
    if not show:
        status = _train(study, file, at_once, on, checkpoints)
    results = read_results(study, checkpoints)
    for result in results.trials:
        if result.status == "failed":
            say(f"{result.trial.label}: {_what_to_do(result)}")
    _tell(results, as_json=as_json)
    if status != ExitStatus.INTERRUPTED and not show and results.count("failed"):
        status = ExitStatus.FAILED
    return status


def _train(study: Study, file: Path, at_once: int | None, on: str | None, checkpoints: Path) -> ExitStatus:
    from slmtui.commands.headless import interrupts, tell
    from slmtui.studies.capacity import workers_for
    from slmtui.studies.reading import read_results
    from slmtui.studies.runner import FAILURE, Work, progress_words

    workers = workers_for(study) if at_once is None else min(at_once, len(study.trials))
    before = read_results(study, checkpoints).trials
    if all(result.status in ("done", "failed") for result in before):
        say(f"{study.name}: {progress_words(before)}")
        return ExitStatus.DONE
    if on is None:
        say(f"{study.name}: {progress_words(before)}; {workers} at a time into {checkpoints}")
    deadline = None if study.max_minutes is None else time.time() + 60 * study.max_minutes
    with interrupts() as interrupted:
        if on is not None:
            from slmtui.studies.cluster import ClusterWork
            from slmtui.studies.dask_client import connect, unlike

            with connect(on) as client:
                say(f"{study.name}: {progress_words(before)}; trained on {on}, into {checkpoints}")
                for note in unlike(client):
                    say(note)
                there = ClusterWork(
                    study, checkpoints, interrupted.wish, deadline,
                    client=client, at_once=at_once, tell=lambda text: tell(say, text),
                )  # fmt: skip
                for result in there.run():
                    _say_trial(result)
            refused = [*there.refused.values(), *there.failures.values()]
        elif workers == 1:
            work = Work(study, checkpoints, interrupted.wish, deadline)
            for result in work.run():
                _say_trial(result)
            refused = [*work.refused.values(), *work.failures.values()]
        else:
            refused = _watch(study, file, workers, checkpoints, interrupted)
    for reason in refused:
        say(reason)
    if interrupted.by is not None:
        say(f"{study.name}: interrupted; the same command goes on with it")
        return ExitStatus.INTERRUPTED
    if deadline is not None and time.time() > deadline:
        say(f"{study.name}: max_minutes are over; the same command goes on with it")
    if any(FAILURE in reason for reason in refused):
        return ExitStatus.FAILED
    return ExitStatus.USAGE if refused else ExitStatus.DONE


def _watch(study: Study, file: Path, workers: int, checkpoints: Path, interrupted: Interrupted) -> list[str]:
    """Have other processes work on the study, and say what becomes of its trials; returns what they complained of."""
    from slmtui.studies.reading import StudyFollower
    from slmtui.studies.runner import Worker

    follower = StudyFollower(study, checkpoints)
    told = {result.trial.label for result in follower.look().trials if result.status in OVER}
    processes = [Worker.start(file, checkpoints) for _ in range(workers)]
    passed_on = False
    try:
        while True:
            alive = any(worker.alive for worker in processes)
            for result in follower.look().trials:
                if result.status in OVER and result.trial.label not in told:
                    told.add(result.trial.label)
                    _say_trial(result)
            if not alive:
                break
            if interrupted.by is not None and not passed_on:
                _end(processes)
                passed_on = True
            time.sleep(POLL)
    except BaseException:
        _end(processes)
        raise
    return list(dict.fromkeys(line for worker in processes for line in worker.complaint()))


def _end(workers: Sequence[Worker]) -> None:
    for worker in workers:
        if worker.alive:
            worker.process.terminate()


def _say_trial(result: TrialResult) -> None:
    summary = result.summary
    if summary is None:
        return  # its log was damaged, as is said at the end
    bits = result.bits_per_byte
    loss = "no loss" if bits is None else f"{bits:.3f} bits per byte at step {summary.best_step:,}"
    how = "" if result.status == "done" else f", {result.status if summary.reason is None else summary.reason}"
    say(f"{result.trial.label}: {loss}, {duration(summary.seconds)}{how}")


def _what_to_do(result: TrialResult) -> str:
    """Why a trial has failed, and what to do about it."""
    run, summary = result.run, result.summary
    assert run is not None
    if summary is None:
        return f"{run.log_file} is damaged; delete {run.folder}, and the same command trains it anew"
    return f"{run.name} diverged at step {summary.step:,}, as it would again; try a lower training.learning_rate"


def _tell(results: StudyResults, *, as_json: bool) -> None:
    from slmtui.studies.tables import cell_record, claims_lines, table, test_lines, text_notes

    for line in text_notes(results):
        say(line)
    if as_json:
        for cell in results.cells:
            put_json(json.dumps(cell_record(results, cell), ensure_ascii=False))
        return
    for line in [*table(results), *test_lines(results), *claims_lines(results)]:
        put(line)
