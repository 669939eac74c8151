"""Warnings: what is said, when, and that it is said once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmtui.data.dataset import Dataset, DatasetSettings
from slmtui.insight.rules.diagnosis import diagnose
from slmtui.insight.rules.gap_class import GapClass, margin
from slmtui.insight.watch import Watcher, watch
from slmtui.training.data_record import DataRecord
from slmtui.training.events import (
    Checkpoint,
    Evaluation,
    Event,
    RunFinished,
    RunStarted,
    Sample,
    SampleRates,
    Step,
    Warned,
)
from slmtui.training.gap import LIMITS
from tests.insight.corpora import python_dataset
from tests.insight.published import Row, evaluations, published, run, started


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return python_dataset(tmp_path_factory.mktemp("corpus"))


def said(happened: Sequence[Event]) -> list[tuple[int, str, str]]:
    watcher = Watcher()
    return [(w.step, w.code, w.level) for event in happened for w in watcher.add(event)]


def messages(happened: Sequence[Event], code: str) -> list[Warned]:
    watcher = Watcher()
    return [w for event in happened for w in watcher.add(event) if w.code == code]


def falling(n: int, gap: float = 0.2, interval: int = 100) -> list[Row]:
    """A healthy run: both losses fall, ever more slowly."""
    trains = [1.5 + 5.8 * math.exp(-i / 3) for i in range(n)]
    return [(i * interval, train, train + (gap if i else 0.0)) for i, train in enumerate(trains)]


def test_a_loss_that_is_no_number_from_the_first_evaluation_on_is_said() -> None:
    """Even where the mixture that it is judged by has one."""
    (first,) = evaluations([(0, 4.0, math.nan)])
    for evaluation in (first, replace(first, val_loss=math.nan, mixed_loss=2.0, best=True)):
        assert [code for _, code, _ in said([started(), evaluation])] == ["diverged"]


# Published phases


def test_phase_0_memorises_from_the_start() -> None:
    assert said(published("phase0")) == [
        (50, "gap", "warning"),
        (150, "gap", "serious"),
        (250, "val_rising", "warning"),
        (400, "wasted", "warning"),
    ]


def test_phase_2_shows_a_gap_of_the_wrong_sign() -> None:
    (warning,) = messages(published("phase2"), "gap")
    assert (warning.step, warning.level) == (200, "warning")
    assert "0.63 below train" in warning.message
    assert said(published("phase2")) == [(200, "gap", "warning")]


def test_phase_4_is_told_to_go_back_to_step_2000() -> None:
    assert said(published("phase4")) == [(800, "gap", "note"), (2600, "val_rising", "warning")]
    (warning,) = messages(published("phase4"), "val_rising")
    assert warning.message == (
        "val has risen for 3 evaluations (4.1244, 4.1639, 4.2735); the best was 4.0449 at step 2,000"
    )
    assert warning.advice == "stop here, best.pt has it"


def test_where_early_stopping_is_set_a_rise_is_a_note() -> None:
    happened = published("phase4")
    assert isinstance(happened[0], RunStarted)
    happened[0].phase["early_stopping"]["patience"] = 5
    (warning,) = messages(happened, "val_rising")
    assert (warning.step, warning.level) == (2600, "note")
    assert warning.advice.startswith("early stopping ends the run")


def test_phase_3_gets_a_note_only() -> None:
    assert said(published("phase3")) == [(1350, "gap", "note")]


# The gap


@given(
    limit=st.sampled_from(LIMITS),
    wavering=st.lists(st.floats(-0.999, 0.999), min_size=1, max_size=60),
    sign=st.sampled_from([1, -1]),
)
def test_a_gap_that_wavers_about_a_limit_changes_its_class_at_most_once(
    limit: float, wavering: list[float], sign: int
) -> None:
    now, changes = GapClass(LIMITS.index(limit)), 0
    for share in wavering:
        after = now.after(sign * (limit + share * margin(limit)))
        changes += after.current != now.current
        now = after
    assert changes <= 1


@given(st.lists(st.floats(-8, 8), min_size=1, max_size=40))
def test_the_class_is_never_further_from_the_scale_than_the_margin(gaps: list[float]) -> None:
    now = GapClass()
    for one in gaps:
        now = now.after(one)
        if now.current > 0:
            assert abs(one) >= LIMITS[now.current - 1] - margin(LIMITS[now.current - 1])
        if now.current < len(LIMITS):
            assert abs(one) <= LIMITS[now.current] + margin(LIMITS[now.current])


def test_a_limit_is_passed_by_two_in_a_row_or_by_the_margin() -> None:
    assert GapClass().after(0.55).word == "excellent"
    assert GapClass().after(0.55).after(0.51).word == "good"
    assert GapClass().after(0.55).after(0.45).after(0.55).word == "excellent"
    assert GapClass().after(0.61).word == "good"
    assert GapClass().after(6.0).after(4.51).word == "catastrophic"
    assert GapClass().after(6.0).after(4.49).word == "severe"
    assert GapClass().after(6.0).after(0.1).word == "excellent"


@given(wavering=st.lists(st.floats(-0.09, 0.09), min_size=3, max_size=30))
def test_nothing_is_said_twice_while_the_gap_wavers(wavering: list[float]) -> None:
    rows = [(100 * i, 2 - 0.01 * i, 3 - 0.01 * i + share) for i, share in enumerate(wavering)]
    assert len(messages(run(rows), "gap")) <= 1


def test_a_gap_that_comes_back_is_said_again() -> None:
    rows = [(0, 7.3, 7.3), (100, 3, 4.2), (200, 3, 3.3), (300, 2, 3.2)]
    assert [w.step for w in messages(run(rows), "gap")] == [100, 300]


def test_the_first_evaluations_say_nothing() -> None:
    rows = [(0, 7.3, 7.3), (100, 5.0, 6.9), (200, 4.5, 6.7), (300, 4.0, 6.5)]
    assert said(run(rows)) == [(300, "gap", "note")]  # ln 1,500 = 7.31: from 6.58 down, something has been learned


# The other rules


@pytest.mark.parametrize("gap", [0.0, 0.2, 0.45])
def test_a_healthy_run_hears_nothing(gap: float) -> None:
    assert said(run(falling(12, gap))) == []


def test_a_new_best_lets_val_rise_again() -> None:
    vals = [7.3, 4.0, 3.0, 3.1, 3.2, 3.3, 2.9, 3.0, 3.1, 3.2, 3.3]
    rows = [(100 * i, val - 0.1, val) for i, val in enumerate(vals)]
    assert [w.step for w in messages(run(rows), "val_rising")] == [500, 900]


def test_val_just_over_its_best_has_not_risen() -> None:
    vals = [7.3, 4.0, 3.0, 3.005, 3.01, 3.008, 3.012]
    assert messages(run([(100 * i, val - 0.1, val) for i, val in enumerate(vals)]), "val_rising") == []


def test_a_short_while_after_a_late_best_is_not_yet_a_rise() -> None:
    rows = falling(8, interval=1_000)
    rows += [(7_000 + 10 * i, 1.9, 2.5) for i in range(1, 5)]
    assert messages(run(rows), "val_rising") == []


def test_requested_evaluations_do_not_count_as_evaluations() -> None:
    rows = [(0, 7.3, 7.3), (100, 3.0, 3.1), (200, 3.0, 3.3)]
    happened: list[Event] = [started(), *evaluations(rows)]
    extra = evaluations([(210, 3.0, 3.4), (220, 3.0, 3.4), (230, 3.0, 3.4)])
    happened += [Sample(step=0, prompt="", text=""), *(type(one)(**{**vars(one), "requested": True}) for one in extra)]
    assert messages(happened, "val_rising") == []


def test_steps_after_the_best_are_counted() -> None:
    rows = [(0, 7.3, 7.3), (100, 3, 3.2), (200, 2.9, 3.0), *((300 + 100 * i, 2.9, 3.0 + 0.01) for i in range(8))]
    warnings = messages(run(rows), "wasted")
    assert [w.message for w in warnings] == ["600 of 800 steps came after the best, step 200"]


def test_a_plateau_is_said_once() -> None:
    rows = [*falling(4), *((400 + 100 * i, 3.0, 3.2 - 0.001 * i) for i in range(20))]
    assert [(w.step, w.level) for w in messages(run(rows), "plateau")] == [(900, "note")]


def test_a_train_loss_that_rises_says_that_steps_are_too_large() -> None:
    rows = [(0, 7.3, 7.3), (100, 3.0, 3.1), (200, 3.6, 3.7), (300, 3.9, 4.0), (400, 4.2, 4.3)]
    (warning,) = messages(run(rows, learning_rate=3e-2), "rate_too_high")
    assert warning.step == 300
    assert "3.90; it was 3.00 at step 100" in warning.message
    assert warning.advice == "lower the learning rate: 1e-02 instead of 3e-02"


def test_divergence_is_said_once_and_nothing_after_it() -> None:
    happened = run([(0, 7.3, 7.3), (100, 3.0, 3.1), (200, 8.9, 9.0), (300, 9.5, 9.5)])
    happened[-1:] = [
        Step(step=301, loss=math.nan, learning_rate=1e-2, grad_norm=math.nan, tokens=0),
        RunFinished(step=301, reason="diverged", best_step=100, best_val_loss=3.1, seconds=1),
    ]
    codes = [(step, code) for step, code, _ in said(happened)]
    assert codes[0] == (200, "diverged")
    assert codes[-1] == (301, "diverged")
    assert len([code for _, code in codes if code == "diverged"]) == 2


def test_a_spike_of_the_batch_loss_is_serious_and_said_once() -> None:
    losses = [3.0 + 0.1 * (i % 3) for i in range(60)] + [9.0] * 10
    steps = [Step(step=i, loss=loss, learning_rate=1e-2, grad_norm=1, tokens=0) for i, loss in enumerate(losses)]
    assert said([started(), *steps]) == [(62, "rate_too_high", "serious")]


# The stream


def test_events_pass_unchanged_and_at_once_and_samples_are_judged(dataset: Dataset) -> None:
    happened = [*published("phase4")[:-1], Sample(step=3000, prompt="def ", text="load_tickets_1(path):")]
    asked: list[Event] = []

    def source() -> Iterator[Event]:
        for event in happened:
            asked.append(event)
            yield event

    passed: list[Event] = []
    for event in watch(source(), dataset):
        if not isinstance(event, Warned):
            passed.append(event)
            assert len(asked) == len(passed)  # nothing is asked for ahead of its time
    unworded = [
        [replace(one, verdict="") if isinstance(one, Evaluation) else one for one in few[1:-1]]
        for few in (passed, happened)
    ]
    assert unworded[0] == unworded[1]
    praised = {one.verdict for one in passed if isinstance(one, Evaluation) and one.step == 0}
    assert praised == {""}, "of a model that has learned nothing"
    first, original = passed[0], happened[0]
    assert isinstance(first, RunStarted)
    assert isinstance(original, RunStarted)
    assert first == replace(original, data=first.data)
    assert first.data == replace(original.data, facts=first.data.facts)
    assert first.data.facts is not None
    assert first.data.baseline is not None
    assert first.data.baseline.loss < first.data.facts.unigram
    (sample,) = passed[-1:]
    assert isinstance(sample, Sample)
    assert sample.judgement is not None
    assert sample.judgement["names"] == ["load_tickets_1", "path"]


def test_what_the_data_says_comes_before_the_first_step(dataset: Dataset) -> None:
    begin = replace(started(), data=DataRecord.of(dataset))
    warnings = [e for e in watch([begin], dataset) if isinstance(e, Warned)]
    assert {(w.code, w.step) for w in warnings} == {("leakage", 0), ("tiny_validation", 0), ("too_large", 0)}
    assert "is known to about" in next(w.message for w in warnings if w.code == "tiny_validation")


@pytest.mark.parametrize("phase", ["phase0", "phase1", "phase2", "phase3", "phase4"])
def test_a_resumed_run_says_what_an_undisturbed_one_says(dataset: Dataset, phase: str) -> None:
    happened: list[Event] = []
    for event in published(phase):
        happened.append(event)
        if event.event == "evaluation":
            happened.append(Checkpoint(step=event.step, kind="last"))
    undisturbed = list(watch(happened, dataset))
    for cut in [i for i, event in enumerate(undisturbed) if isinstance(event, Checkpoint)]:
        history = undisturbed[: cut + 1]
        rest = happened[len([event for event in history if not isinstance(event, Warned)]) :]
        assert [*history, *watch(rest, dataset, history)] == undisturbed


def test_a_dataset_that_says_nothing(tmp_path: Path) -> None:
    """Enough text, all of it different."""
    words = [f"{a}{b}{c}" for a in "bdfgklmnprst" for b in "aeiou" for c in "bdfgklmnprst"]
    (tmp_path / "text.txt").write_text(" ".join(words[(i * i) % len(words)] + words[i % 719] for i in range(8_000)))
    from slmtui.data.corpus import open_corpus
    from slmtui.data.dataset import build_dataset

    dataset = build_dataset(open_corpus(tmp_path), DatasetSettings(kind="bpe", vocab_size=512))
    assert [e for e in watch([started()], dataset) if isinstance(e, Warned)] == []


# The end


def test_at_the_end_the_diagnosis_is_in_the_log_the_heaviest_last(dataset: Dataset) -> None:
    passed = list(watch(published("phase4"), dataset))
    assert isinstance(passed[-1], RunFinished)
    summed_up = [e for e in passed if isinstance(e, Warned) and e.of_the_run]
    assert passed[-1 - len(summed_up) : -1] == summed_up
    begin = passed[0]
    assert isinstance(begin, RunStarted)
    findings = diagnose([begin, *published("phase4")[1:]])
    assert "overfitting" in [finding.code for finding in findings]
    assert [w.code for w in summed_up] == [finding.code for finding in reversed(findings)]
    assert all(w.step == 3000 and w.message and w.advice for w in summed_up)


def test_a_run_that_will_go_on_is_not_summed_up(dataset: Dataset) -> None:
    happened = published("phase4")
    assert isinstance(happened[-1], RunFinished)
    happened[-1] = replace(happened[-1], reason="interrupted")
    assert not [e for e in watch(happened, dataset) if isinstance(e, Warned) and e.of_the_run]


def test_a_gate_that_was_not_kept_stands_in_the_log(dataset: Dataset) -> None:
    happened = published("phase4")
    assert isinstance(happened[0], RunStarted)
    happened[0].phase["gate"] = {"max_gap": 5.0, "max_val_loss": 4.0}
    (warning,) = [e for e in watch(happened, dataset) if isinstance(e, Warned) and e.code == "gate"]
    assert (warning.level, warning.of_the_run) == ("serious", True)
    assert warning.message == "max_val_loss = 4 is not kept: 4.0449 at the best evaluation"


def test_rates_are_counted_and_the_texts_left_out(dataset: Dataset) -> None:
    drawn = [("def ", "load_tickets_1(path):\n    return path\n"), ("def ", "f(((")]
    happened: list[Event] = [started(), SampleRates(step=0, samples=2, completions=drawn)]
    (rates,) = [e for e in watch(happened, dataset) if isinstance(e, SampleRates)]
    assert (rates.samples, rates.parse_rate, rates.completions) == (2, 0.5, [])
    assert rates.copied_share is not None
    assert sum(rates.labels.values()) == 2


def test_where_early_stopping_is_set_a_gap_past_the_best_is_a_note() -> None:
    """`healthy_small` of the trained logs: the best at step 60, the gap severe at 120, the end at 180."""
    rows: list[Row] = [(0, 7.3, 7.3), (30, 4.0, 5.4), (60, 3.2, 5.2), (90, 2.6, 5.3), (120, 2.0, 5.4), (150, 1.6, 5.4)]
    assert [(w.step, w.level) for w in messages(run(rows), "gap")][-1] == (120, "warning")
    happened = run(rows)
    assert isinstance(happened[0], RunStarted)
    happened[0].phase["early_stopping"]["patience"] = 4
    happened[0].phase["evaluation"]["interval"] = 30
    happened[0].phase["training"]["max_iters"] = 180
    assert {w.level for w in messages(happened, "gap")} == {"note"}
    happened[0].phase["early_stopping"]["patience"] = 5
    assert [w.level for w in messages(happened, "gap")][-1] == "warning", "it has too few evaluations left"
