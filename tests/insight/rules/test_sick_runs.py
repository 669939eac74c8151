"""Illnesses are named, and named first, in logs of real trainings; healthy runs get nothing.

`make soak` trains them anew.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from slmtui.insight.rules.diagnosis import before_the_start
from slmtui.insight.watch import Watcher
from slmtui.training.data_record import DataFacts
from slmtui.training.events import Evaluation, Event, RunFinished, RunStarted, Warned
from tests.insight.sick import LOGS, TRIALS, Trial, read_log, train_trial
from tests.insight.sound import diagnose, knowing

NOTES = {("above_baseline", "note"), ("tiny_validation", "note")}
HEALTHY = [name for name, trial in TRIALS.items() if trial.first is None]


def check(trial: Trial, facts: DataFacts, happened: Sequence[Event]) -> None:
    findings = diagnose(happened, facts)
    if trial.first is None:
        # Counting still does better, or the validation text is small: notes, and no fault of the training.
        assert {(finding.code, finding.level) for finding in findings} <= NOTES
        return
    assert findings, "nothing was found"
    assert findings[0].code == trial.first, [finding.code for finding in findings]
    if trial.first == "diverged":  # when it does hangs on the last bit of every sum, and so on the machine
        *_, end = happened
        assert isinstance(end, RunFinished)
        assert end.reason == "diverged"
        *_, evaluated = (event.step for event in happened if isinstance(event, Evaluation))
        assert findings[0].step in (evaluated, end.step)  # where it was seen
    if trial.step is not None:
        assert findings[0].step == trial.step
    if trial.number is not None:
        assert findings[0].number == pytest.approx(trial.number, rel=0.05)


@pytest.mark.parametrize("name", TRIALS)
def test_the_log_of_a_real_training(name: str) -> None:
    check(TRIALS[name], *read_log(LOGS / f"{name}.jsonl"))


def warnings_of(facts: DataFacts, happened: Sequence[Event]) -> list[Warned]:
    """All that is said of a run, from before its first step to its end."""
    watcher = Watcher()
    said: list[Warned] = []
    for event in happened:
        if isinstance(event, RunStarted):
            event = knowing(event, facts)  # as insight/watch.py does
            said += before_the_start(event)
        if isinstance(event, RunFinished) and event.reason != "interrupted":
            said += watcher.sum_up(event)
        said += watcher.add(event)
    return said


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_run_hears_nothing_but_notes(name: str) -> None:
    warnings = warnings_of(*read_log(LOGS / f"{name}.jsonl"))
    assert [warning for warning in warnings if warning.level != "note"] == []


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_run_gets_nothing_at_any_moment(name: str) -> None:
    facts, happened = read_log(LOGS / f"{name}.jsonl")
    for n in range(1, len(happened) - 1):
        assert {(finding.code, finding.level) for finding in diagnose(happened[:n], facts)} <= NOTES


def test_a_run_that_is_below_the_baseline_gets_nothing_at_all() -> None:
    facts, happened = read_log(LOGS / "healthy_letters.jsonl")
    assert diagnose(happened, facts) == []
    assert facts.baseline is not None
    best = min(event.val_loss for event in happened if isinstance(event, Evaluation))
    assert best < facts.baseline.loss


def test_every_log_knows_its_baseline() -> None:
    assert [name for name in TRIALS if read_log(LOGS / f"{name}.jsonl")[0].baseline is None] == []


def test_there_are_enough_of_both_kinds() -> None:
    assert len({trial.first for trial in TRIALS.values() if trial.first}) >= 11  # two are of a rate too high or too low
    assert (len(TRIALS) - len(HEALTHY), len(HEALTHY)) == (14, 7)


@pytest.mark.soak
@pytest.mark.parametrize("name", TRIALS)
def test_a_real_training(name: str) -> None:
    trial = TRIALS[name]
    facts, happened = train_trial(trial)
    check(trial, facts, happened)
