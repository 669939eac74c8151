"""The table of rules: one level for one fact, gap words that agree with the scale, findings that a log gives back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from slmtui.config.gate_section import GateSection
from slmtui.insight.rules.diagnosis import before_the_start, findings_in
from slmtui.insight.rules.gate import BestEvaluation, limits_in_words
from slmtui.insight.rules.rule import Rule, as_warning
from slmtui.insight.rules.table import RULES
from slmtui.insight.watch import Watcher
from slmtui.training.events import DIVERGED, Cause, Evaluation, RunFinished, RunStarted, Warned, from_json, to_json
from slmtui.training.gap import verdict
from tests.insight.published import Row, run, started
from tests.insight.sound import SOUND, diagnose, knowing

LEARNED: list[Row] = [(0, 7.3, 7.3), (100, 3.0, 3.2), (200, 2.9, 3.0)]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.code}-{rule.applies.__name__}")
def test_all_words_of_the_table_can_be_shown(rule: Rule) -> None:
    assert (rule.diagnosis is not None) == ("diagnosis" in rule.when)
    assert rule.live is None or rule.when - {"diagnosis"}
    assert rule.live is not None or rule.diagnosis is not None


@pytest.mark.parametrize(("tokens", "level"), [(20, "serious"), (100, "warning"), (500, "note"), (999, "note")])
def test_a_small_validation_text_has_one_level_before_the_start_and_at_the_end(tokens: int, level: str) -> None:
    (warning,) = before_the_start(knowing(started(val_tokens=tokens), SOUND))
    (finding,) = [one for one in diagnose(run(LEARNED, val_tokens=tokens), SOUND) if one.code == "tiny_validation"]
    assert (warning.level, finding.level) == (level, level)


@pytest.mark.parametrize(("tokens", "level"), [(100, "warning"), (999, "note"), (1000, None), (None, None)])
def test_a_small_test_has_the_levels_of_a_small_validation(tokens: int | None, level: str | None) -> None:
    start = knowing(started(), SOUND)
    start = replace(start, data=replace(start.data, test_tokens=tokens))
    assert [(one.code, one.level) for one in before_the_start(start)] == ([("tiny_test", level)] if level else [])


@pytest.mark.parametrize(
    ("code", "rows"),
    [
        ("plateau", [*LEARNED, *((300 + 100 * i, 2.9, 3.0 - 0.001 * i) for i in range(8))]),
        ("wasted", [*LEARNED, *((300 + 100 * i, 2.9 - 0.03 * i, 3.01) for i in range(8))]),
        ("rate_too_high", [*LEARNED, (300, 3.6, 3.7), (400, 3.9, 4.0)]),
        ("diverged", [*LEARNED, (300, 9.6, 9.7)]),
    ],
)
def test_what_is_said_live_and_at_the_end_has_one_level(code: str, rows: list[Row]) -> None:
    happened, watcher = run(rows), Watcher()
    live = {warning.level for event in happened for warning in watcher.add(event) if warning.code == code}
    assert live == {finding.level for finding in diagnose(happened, SOUND) if finding.code == code}
    assert len(live) == 1


@pytest.mark.parametrize("gap", [1.12, 2.99, 3.0, 3.01, 4.99, 5.0, 5.01, 5.6])
def test_a_warning_calls_a_gap_what_the_line_above_it_does(gap: float) -> None:
    """At its borders, too: 5.00 is catastrophic in both."""
    watcher = Watcher()
    for event in run([(0, 7.3, 7.3), (100, 0.5, 0.5 + gap)]):
        said = watcher.add(event)
        if isinstance(event, Evaluation) and event.step:
            (warning,) = [one for one in said if one.code == "gap"]
            assert f"the gap is {verdict(event.gap)}, " in warning.message
            assert warning.level == {"moderate": "note", "severe": "warning", "catastrophic": "serious"}[event.verdict]


def test_a_best_at_step_0_is_the_first_and_serious_finding_and_fails_every_gate() -> None:
    happened = run([(0, 7.3, 7.3), (100, 7.2, 7.5), (200, 7.1, 7.6)])
    first, *_ = diagnose(happened, SOUND)
    assert (first.code, first.level) == ("never_improved", "serious")
    gate = GateSection(max_gap=9, max_val_loss=99, max_bits_per_byte=99, max_copied_share=1)
    limits = limits_in_words(gate, BestEvaluation.of(happened))
    assert [kept for kept, _ in limits] == [False] * 4
    assert all("before it was trained" in sentence for _, sentence in limits)


def test_a_best_at_step_0_is_judged_by_what_decides() -> None:
    """The network alone got better, and what it predicts with did not: no loss that fell is called no better."""
    adaptive = {0: 2.5, 100: 2.6}
    happened = [
        replace(one, decides="adaptive", mixed_loss=2.9, adaptive_loss=adaptive[one.step], best=one.step == 0)
        if isinstance(one, Evaluation)
        else one
        for one in run([(0, 7.3, 7.3), (100, 3.0, 4.0)])
    ]
    found, *_ = diagnose(happened, SOUND)
    assert (found.code, found.title) == ("never_improved", "no step made it better")
    assert "adaptive val was 2.50 then and 2.60 at step 100" in found.evidence


def test_a_child_that_is_never_better_than_its_parent_is_said_to_be_worse() -> None:
    begin, *rest = run([(0, 3.0, 3.4), (100, 2.8, 3.5), (200, 2.6, 3.6)], learning_rate=1e-3)
    assert isinstance(begin, RunStarted)
    first, *_ = diagnose([replace(begin, parent="quick-003@400"), *rest], SOUND)
    assert (first.code, first.level) == ("worse_than_parent", "serious")
    assert "val was 3.40 then, as quick-003@400 left it, and 3.60 at step 200" in first.evidence
    assert first.remedy.endswith("train again with training.learning_rate = 1e-04")


def test_the_gap_of_a_model_that_has_learned_too_little_keeps_no_limit_but_its_loss_may() -> None:
    best = BestEvaluation.of(run([(0, 7.3, 7.3), (100, 6.8, 6.9)]))
    gap, loss = limits_in_words(GateSection(max_gap=1, max_val_loss=7), best)
    assert (gap[0], loss[0]) == (False, True)


@pytest.mark.parametrize("cause", [cause for cause in DIVERGED if cause])
def test_the_diagnosis_says_why_a_training_diverged(cause: Cause) -> None:
    *before, end = run(LEARNED, reason="diverged")
    assert isinstance(end, RunFinished)
    first, *_ = diagnose([*before, replace(end, cause=cause)], SOUND)
    assert first.code == "diverged"
    assert DIVERGED[cause] in first.evidence
    assert ("not a number" in first.evidence) == (cause == "not finite")


def test_a_log_gives_its_findings_back_exactly_and_is_not_judged_again() -> None:
    *before, end = run([*LEARNED, *((300 + 100 * i, 2.0 - 0.1 * i, 3.5 + 0.2 * i) for i in range(5))], val_tokens=100)
    assert isinstance(end, RunFinished)
    findings = diagnose([*before, end], SOUND)
    assert len(findings) >= 2
    said = [as_warning(finding, end.step, of_the_run=True) for finding in reversed(findings)]
    log = [from_json(to_json(warning)) for warning in said]
    assert findings_in([one for one in log if isinstance(one, Warned)], replace(end, findings=len(said))) == findings
    less = replace(end, findings=len(said) - 1)
    assert findings_in(said[1:], less) == findings[:-1]  # as it stands there, whatever the rules say now
    assert findings_in([], replace(end, findings=0)) == []
    assert findings_in([], end) is None  # an older log is judged
    assert findings_in([], None) is None
