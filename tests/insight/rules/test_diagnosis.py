"""Every rule on runs made up to be ill in one way, on the published tables, and on runs that are well."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from slmtui.insight.rules.diagnosis import before_the_start
from slmtui.insight.watch import Watcher
from slmtui.training.data_record import DataFacts
from slmtui.training.events import Event, Finding, RunFinished, RunStarted, Step, Warned
from tests.insight.published import Row, published, run, started
from tests.insight.sound import SOUND, counted, diagnose, knowing

HEALTHY: list[Row] = [
    (0, 7.3, 7.3), (100, 4.6, 4.9), (200, 3.6, 4.2), (300, 3.0, 3.8), (400, 2.7, 3.6), (500, 2.55, 3.5),
    (600, 2.5, 3.48),
]  # fmt: skip
OVERFITTED: list[Row] = [
    (0, 7.3, 7.3), (100, 4.0, 4.5), (200, 2.5, 4.1), (300, 1.6, 4.2), (400, 0.9, 4.5), (500, 0.5, 4.8),
]  # fmt: skip


def codes(findings: Sequence[Finding]) -> list[str]:
    return [finding.code for finding in findings]


def found(code: str, happened: Sequence[Event], facts: DataFacts | None = SOUND) -> Finding:
    findings = diagnose(happened, facts)
    assert findings, "nothing was found"
    assert findings[0].code == code, codes(findings)
    return findings[0]


# Published phases


def test_phase_0_is_too_large_overfitted_and_mostly_vocabulary() -> None:
    findings = diagnose(published("phase0"))
    assert codes(findings) == ["too_large", "overfitting", "tiny_validation", "vocabulary", "wasted", "too_many_epochs"]
    by_code = {finding.code: finding for finding in findings}
    assert by_code["overfitting"].step == by_code["wasted"].step == 100
    assert by_code["too_large"].number == pytest.approx(11_830.6, abs=0.1)
    assert by_code["vocabulary"].number == pytest.approx(0.643, abs=0.001)


def test_phase_1_goes_back_to_step_400() -> None:
    findings = diagnose(published("phase1"))
    assert set(codes(findings)) == {"vocabulary", "tiny_validation", "overfitting"}
    assert next(finding.step for finding in findings if finding.code == "overfitting") == 400


def test_phase_2_leaks_once_the_texts_are_known() -> None:
    assert codes(diagnose(published("phase2"))) == ["vocabulary", "stopped_too_early", "tiny_validation"]
    facts = replace(SOUND, used_tokens=900, repeated_share=0.96, baseline=counted(0.44))
    finding = found("leakage", published("phase2"), facts)
    assert finding.number == 0.96
    assert codes(diagnose(published("phase2"), facts))[-1] == "above_baseline"


def test_phase_3_is_at_its_best_at_the_end() -> None:
    assert codes(diagnose(published("phase3"))) == ["vocabulary"]


def test_phase_4_is_overfitted_and_goes_back_to_step_2000() -> None:
    finding = found("overfitting", published("phase4"), None)
    assert finding.step == 2000
    assert "val was 4.0449 at step 2,000" in finding.evidence
    assert "best.pt, which has step 2,000" in finding.remedy


# Made up


def test_a_healthy_run_gets_none() -> None:
    assert diagnose(run(HEALTHY), SOUND) == []
    assert diagnose(run(HEALTHY), None) == []
    assert diagnose(run(HEALTHY), replace(SOUND, baseline=counted(3.6, 5))) == []


def test_a_run_that_early_stopping_ended_is_healthy() -> None:
    assert diagnose(run(OVERFITTED, reason="early stopping"), SOUND) == []


@pytest.mark.parametrize("n", range(1, len(HEALTHY)))
def test_a_healthy_run_gets_none_while_it_goes_on(n: int) -> None:
    happened = [event for event in run(HEALTHY) if event.step <= HEALTHY[n][0]][:-1]
    assert diagnose(happened, SOUND) == []


def test_overfitting_is_seen_while_the_run_goes_on() -> None:
    assert found("overfitting", run(OVERFITTED)[:-1]).step == 200


def test_overfitting_is_left_to_early_stopping_where_that_is_set() -> None:
    happened = run(OVERFITTED)[:-1]
    assert isinstance(happened[0], RunStarted)
    happened[0].phase["early_stopping"]["patience"] = 4
    assert diagnose(happened, SOUND) == []


def test_overfitting() -> None:
    finding = found("overfitting", run(OVERFITTED))
    assert (finding.step, finding.confidence) == (200, "high")
    assert finding.number == pytest.approx(0.4)  # the median of 4.2, 4.5 and 4.8, over 4.1


def test_a_val_loss_that_wavers_is_not_overfitting() -> None:
    rows = [*HEALTHY, (700, 2.45, 3.50), (800, 2.4, 3.49), (900, 2.4, 3.52)]
    assert diagnose(run(rows), SOUND) == []


def test_divergence_by_a_loss_that_is_no_number() -> None:
    happened = run(HEALTHY[:3], learning_rate=0.5)
    happened[-1:] = [
        Step(step=222, loss=math.nan, learning_rate=0.5, grad_norm=math.nan, tokens=0),
        RunFinished(step=222, reason="diverged", best_step=200, best_val_loss=4.2, seconds=1),
    ]
    finding = found("diverged", happened)
    assert (finding.step, finding.number) == (222, 0.5)
    assert "3e-03" in finding.remedy


def test_divergence_by_a_loss_worse_than_knowing_nothing() -> None:
    assert found("diverged", run([(0, 7.3, 7.3), (100, 9.0, 9.1), (200, 12.0, 12.0)])).step == 200


def test_divergence_by_the_trainers_word() -> None:
    assert found("diverged", run(HEALTHY, reason="diverged")).step == 600


def test_a_train_loss_that_rises_is_a_rate_too_high() -> None:
    rows = [(0, 7.3, 7.3), (100, 3.0, 3.4), (200, 3.8, 4.1), (300, 4.4, 4.6)]
    finding = found("rate_too_high", run(rows, learning_rate=0.02))
    assert (finding.step, finding.number, finding.confidence) == (100, 0.02, "high")


def test_a_spike_is_a_rate_too_high() -> None:
    happened = run(HEALTHY, learning_rate=0.02)
    losses = [2.5 + 0.1 * (i % 3) for i in range(60)] + [9.0, 9.1, 9.2]
    happened[-1:-1] = [
        Step(step=600 + i, loss=loss, learning_rate=0.02, grad_norm=1, tokens=0) for i, loss in enumerate(losses)
    ]
    assert found("rate_too_high", happened).step == 662


LITTLE: list[Row] = [(0, 7.3, 7.3), (100, 4.6, 4.9), (200, 4.4, 4.8), (300, 4.3, 4.8), (400, 4.3, 4.78)]


def test_little_learned_on_a_long_path_is_a_rate_too_high() -> None:
    finding = found("rate_too_high", run(LITTLE, learning_rate=0.05))
    assert (finding.step, finding.number) == (None, 0.05)
    assert "1e-03" in finding.remedy  # 0.5 / 400 steps


def test_little_learned_on_a_short_path_is_a_rate_too_low() -> None:
    finding = found("rate_too_low", run(LITTLE, learning_rate=1e-4))
    assert finding.number == 1e-4
    assert "1e-03" in finding.remedy


EASIER: list[Row] = [(0, 7.3, 7.3), (100, 4.6, 4.0), (200, 3.9, 3.3), (300, 3.7, 3.1), (400, 3.6, 3.0)]


def test_validation_that_is_easier_is_a_finding_whose_remedy_fits_the_split() -> None:
    by_document, contiguous = run(EASIER), run(EASIER)
    assert isinstance(by_document[0], RunStarted)
    by_document[0] = replace(by_document[0], phase=by_document[0].phase | {"data": {"split": "by-document"}})
    for happened, remedy in (
        (by_document, "a smaller data.train_fraction"),
        (contiguous, 'data.split = "by-document"'),
    ):
        finding = next(one for one in diagnose(happened, SOUND) if one.code == "gap")
        assert finding.level == "warning"
        assert finding.number == pytest.approx(-0.6)
        assert remedy in finding.remedy
        watcher = Watcher()
        live = [warning for event in happened for warning in watcher_with(watcher, event) if warning.code == "gap"]
        assert live
        assert all(remedy in warning.advice for warning in live)
        assert all("leakage" not in warning.advice and "seen" not in warning.message for warning in live)
    seen = replace(SOUND, repeated_share=0.9)
    assert "gap" not in codes(diagnose(contiguous, seen)), "that is leakage"


def watcher_with(watcher: Watcher, event: Event) -> list[Warned]:
    """What is said after an event of a run whose texts are known to be sound."""
    return watcher.add(knowing(event, SOUND) if isinstance(event, RunStarted) else event)


def test_a_run_that_is_too_short_is_told_one_number_of_steps() -> None:
    rows: list[Row] = [(0, 7.3, 7.3), (10, 6.9, 6.9), (20, 6.4, 6.4), (30, 5.9, 5.9), (40, 5.4, 5.4)]
    happened = run(rows, learning_rate=2e-3)
    assert "too_few_steps" in codes(diagnose(happened, SOUND))
    assert not {"stopped_too_early", "too_few_epochs"} & set(codes(diagnose(happened, SOUND)))


def test_little_learned_in_few_steps_is_too_few_steps() -> None:
    rows = [(step // 10, train, val) for step, train, val in LITTLE]
    finding = found("too_few_steps", run(rows, learning_rate=2e-3))
    assert finding.number == 40


@pytest.mark.parametrize("learning_rate", [1e-4, 2e-3])
def test_a_child_is_not_judged_by_how_far_its_own_steps_led(learning_rate: float) -> None:
    """Its weights had come as far as its parent's, and its parent may have seen the text."""
    happened = run([(0, 5.2, 5.2), (10, 5.1, 5.1), (20, 5.08, 5.08)], learning_rate=learning_rate, train_tokens=10**6)
    assert {"too_few_steps", "rate_too_low"} & set(codes(diagnose(happened, SOUND)))
    assert isinstance(happened[0], RunStarted)
    child = [replace(happened[0], parent="quick-003@400"), *happened[1:]]
    assert not {"too_few_steps", "rate_too_low", "too_few_epochs"} & set(codes(diagnose(child, SOUND)))


def test_little_learned_of_new_text_while_training_text_is_memorised_is_not_too_few_steps() -> None:
    rows: list[Row] = [(0, 7.3, 7.3), (10, 4.6, 5.9), (20, 4.2, 6.1), (30, 4.0, 6.3), (40, 3.8, 6.5)]
    assert found("overfitting", run(rows, learning_rate=2e-3)).step == 10


def test_a_memorised_text_is_not_underfitting() -> None:
    rows: list[Row] = [(step, train, train + 1.2) for step, train, _ in LITTLE]
    assert diagnose(run(rows), SOUND) == []


def test_little_learned_by_a_small_model_is_its_size() -> None:
    finding = found("too_small", run(LITTLE, body=800))
    assert finding.number == pytest.approx(0.04)


def test_little_learned_otherwise_is_underfitting() -> None:
    finding = found("underfitting", run(LITTLE))
    assert finding.number == 4.3
    assert finding.remedy.startswith("more steps first (training.max_iters = 800); then a larger model or less")
    flat = [*LITTLE, (500, 4.3, 4.8)]
    assert found("underfitting", run(flat)).remedy.startswith("a larger model or less weight decay")


def test_a_val_loss_that_still_falls_was_stopped_too_early() -> None:
    rows = [(0, 7.3, 7.3), (100, 4.6, 4.9), (200, 3.6, 4.0), (300, 2.8, 3.3), (400, 2.2, 2.7)]
    finding = found("stopped_too_early", run(rows, reason="stopped"))
    assert finding.step == 400
    assert finding.number == pytest.approx(1 - 2.7 / (3.3 - 0.2 * 0.6))  # against step 320, interpolated
    assert diagnose(run(rows, reason="interrupted"), SOUND) == []  # it goes on some day


def test_a_slower_fall_counts_where_there_is_a_long_way_to_go() -> None:
    rows = [(0, 7.3, 7.3), (100, 4.6, 4.9), (200, 4.2, 4.6), (300, 4.0, 4.4), (400, 3.8, 4.2)]
    assert found("stopped_too_early", run(rows)).confidence == "medium"
    assert diagnose(run([(step, train - 1, val) for step, train, val in rows]), SOUND) == []


def test_a_plateau() -> None:
    rows = [*HEALTHY[:3], *((300 + 100 * i, 3.3, 3.9) for i in range(6))]
    finding = found("plateau", run(rows))
    assert finding.step == 400
    happened = run(rows)
    happened[-1:-1] = [Step(step=800, loss=3.3, learning_rate=1e-5, grad_norm=1, tokens=0)]  # a cosine's end
    assert diagnose(happened, SOUND) == []


def test_time_wasted_after_the_best() -> None:
    rows = [*HEALTHY, *((700 + 100 * i, 2.5 - 0.03 * i, 3.5) for i in range(7))]
    finding = found("wasted", run(rows))
    assert finding.step == 600
    assert finding.number == pytest.approx(7 / 13, abs=0.001)


def test_part_of_the_text_never_seen() -> None:
    finding = found("too_few_epochs", run(HEALTHY, train_tokens=5_000_000))
    assert finding.number == pytest.approx(600 * 16 * 128 / 5_000_000)
    assert "extrapolated" in finding.source


def test_far_too_many_epochs() -> None:
    findings = diagnose(run(OVERFITTED, train_tokens=5_000), SOUND)
    finding = next(finding for finding in findings if finding.code == "too_many_epochs")
    assert finding.step == 200
    assert finding.number == pytest.approx(500 * 16 * 128 / 5_000)


def test_leakage() -> None:
    finding = found("leakage", run(HEALTHY), replace(SOUND, repeated_share=0.7))
    assert finding.number == 0.7
    assert "b.py:2" in finding.evidence


def test_leakage_is_guessed_from_the_gap_where_the_texts_are_not_known() -> None:
    rows = [(step, train, train - 0.5) for step, train, _ in HEALTHY]
    assert found("leakage", run(rows), None).confidence == "medium"


def test_repeated_files_come_before_the_leakage_that_they_cause() -> None:
    facts = replace(SOUND, repeated_share=0.9, duplicate_share=0.6)
    assert found("repeated_files", run(HEALTHY), facts).number == 0.6


def test_validation_too_small() -> None:
    finding = found("tiny_validation", run(HEALTHY, val_tokens=60))
    assert finding.number == 60


def test_a_vocabulary_that_eats_the_model() -> None:
    changes: dict[str, Any] = {"n_vocab": 50_257, "token_embedding": 5_000_000, "body": 100_000}
    finding = found("vocabulary", run(HEALTHY, **changes))
    assert finding.number == pytest.approx(5_000_000 / 5_104_000)
    # The same share, but the tokens are in use: the model is small, and that is all.
    assert diagnose(run(HEALTHY, token_embedding=5_000_000, body=100_000), SOUND) == []


def test_a_model_far_too_large() -> None:
    finding = found("too_large", run(OVERFITTED, body=8_000_000))
    assert finding.number == 400
    small_gap = [(step, val - 0.2, val) for step, _, val in HEALTHY]
    assert diagnose(run(small_gap, body=8_000_000), SOUND) == []  # large, but the losses are well


def test_counting_does_better() -> None:
    finding = found("above_baseline", run(HEALTHY), replace(SOUND, baseline=counted(3.0)))
    assert finding.number == pytest.approx(0.48)
    assert "7-gram" in finding.evidence


def test_what_is_said_before_the_start_is_said_once_and_the_worst_first() -> None:
    sick = replace(SOUND, repeated_share=0.9, duplicate_share=0.5)
    said = before_the_start(knowing(started(val_tokens=100), sick))
    assert [(warning.code, warning.level) for warning in said] == [
        ("leakage", "serious"),
        ("repeated_files", "serious"),
        ("tiny_validation", "warning"),
    ]
    assert before_the_start(knowing(started(), SOUND)) == []


def test_before_the_start_the_size_alone_is_judged() -> None:
    assert codes(diagnose([started(body=8_000_000, val_tokens=60)], SOUND)) == ["too_large", "tiny_validation"]
    assert diagnose([started()], SOUND) == []
    assert diagnose([], SOUND) == []


def test_findings_come_heaviest_first_and_go_into_json() -> None:
    findings = diagnose(published("phase0"))
    weights = [finding.weight for finding in findings]
    assert weights == sorted(weights, reverse=True)
    assert all(0 < weight <= 1 for weight in weights)
    assert json.loads(json.dumps([finding.to_dict() for finding in findings]))[1]["step"] == 100


NOISE: list[Row] = [(0, 5.55, 5.55), *((100 * i, 3.3 - 0.01 * i, 3.297) for i in range(1, 7))]
LETTERS = replace(
    SOUND,
    unigram=3.296,
    frequency_bits=4.755,
    compressed_bits=4.83,
    whole_bits=4.83,
    baseline=replace(counted(3.297, 1), bits_per_byte=4.757),
)


def test_noise_is_called_noise_and_not_underfitting() -> None:
    """Letters drawn uniformly from 27: val is flat, train falls, and there is nothing more to learn."""
    happened = run(NOISE, n_vocab=257, train_bytes=54_000)
    finding = found("noise", happened, LETTERS)
    assert "4.75 bits per byte" in finding.evidence
    assert not {"underfitting", "too_small", "too_few_steps", "rate_too_low", "plateau", "above_baseline"} & set(
        codes(diagnose(happened, replace(LETTERS, baseline=replace(counted(3.2, 1), bits_per_byte=4.757))))
    )
    (warning,) = [one for one in before_the_start(knowing(started(train_bytes=54_000), LETTERS)) if one.code == "noise"]
    assert warning.level == finding.level == "warning"


def test_flat_losses_above_what_counting_finds_are_still_underfitting() -> None:
    structured = replace(LETTERS, frequency_bits=6.0, baseline=replace(counted(2.0), bits_per_byte=3.0))
    assert "underfitting" in codes(diagnose(run(NOISE, n_vocab=257, train_bytes=54_000), structured))
    as_good = replace(structured, baseline=replace(counted(3.3), bits_per_byte=4.7))
    assert "underfitting" not in codes(diagnose(run(NOISE, n_vocab=257, train_bytes=54_000), as_good))


def test_a_text_that_says_the_same_over_and_over_is_told() -> None:
    same = replace(SOUND, whole_bits=0.001, frequency_bits=0.0, compressed_bits=0.0)
    assert "0.001 bits per byte" in found("trivial", run(HEALTHY, train_bytes=900_000), same).evidence
    assert diagnose(run(HEALTHY, train_bytes=1_000), same) == [], "of so little text, that says nothing"


def test_copies_are_left_out_with_dedupe_where_documents_are_kept_apart() -> None:
    happened, copied = run(HEALTHY), replace(SOUND, duplicate_share=0.5)
    assert isinstance(happened[0], RunStarted)
    happened[0].phase["data"]["join"] = "documents"
    assert found("repeated_files", happened, copied).remedy.startswith("leave the copies out with data.dedupe = true")
    happened[0].phase["data"]["dedupe"] = True
    assert found("repeated_files", happened, copied).remedy.startswith("remove the copies")
