"""Illnesses are named, and named first, in logs of real trainings; healthy runs get nothing.

`make soak` trains them anew.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from slmtui.insight.diagnosis import diagnose
from slmtui.insight.facts import DataFacts
from slmtui.insight.watch import Watcher
from slmtui.training.events import Event
from tests.insight.sick import LOGS, TRIALS, Trial, read_log, train_trial


def check(trial: Trial, facts: DataFacts, happened: Sequence[Event]) -> None:
    findings = diagnose(happened, facts)
    if trial.first is None:
        assert findings == []
        return
    assert findings, "nothing was found"
    assert findings[0].code == trial.first, [finding.code for finding in findings]
    if trial.step is not None:
        assert findings[0].step == trial.step
    if trial.number is not None:
        assert findings[0].number == pytest.approx(trial.number, rel=0.05)


@pytest.mark.parametrize("name", TRIALS)
def test_the_log_of_a_real_training(name: str) -> None:
    check(TRIALS[name], *read_log(LOGS / f"{name}.jsonl"))


@pytest.mark.parametrize("name", [name for name, trial in TRIALS.items() if trial.first is None])
def test_a_healthy_run_hears_notes_and_where_its_gap_is_on_the_scale(name: str) -> None:
    _, happened = read_log(LOGS / f"{name}.jsonl")
    watcher = Watcher()
    warnings = [warning for event in happened for warning in watcher.add(event)]
    assert {warning.code for warning in warnings if warning.level != "note"} <= {"gap"}


@pytest.mark.parametrize("name", [name for name, trial in TRIALS.items() if trial.first is None])
def test_a_healthy_run_gets_nothing_at_any_moment(name: str) -> None:
    facts, happened = read_log(LOGS / f"{name}.jsonl")
    for n in range(1, len(happened) - 1):
        assert diagnose(happened[:n], facts) == []


@pytest.mark.soak
@pytest.mark.parametrize("name", TRIALS)
def test_a_real_training(name: str) -> None:
    check(TRIALS[name], *train_trial(TRIALS[name]))
