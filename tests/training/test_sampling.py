"""Samples and rates: how many are drawn, when, with which seeds, and that a resumed run draws the same."""

from __future__ import annotations

import copy

import pytest

from slmtui.inference import generation
from slmtui.training import events
from slmtui.training.control import Command
from slmtui.training.events import Sample, SampleRates
from slmtui.training.hardware import choose_machine
from slmtui.training.prepare import prepare_dataset
from slmtui.training.sampling import completions
from slmtui.training.state import Training
from slmtui.training.trainer import train
from tests.conftest import MakePhase
from tests.training.test_trainer import Script, of_kind, start

GATE = "gate.max_copied_share=0.5"


def test_without_being_asked_no_rates_are_drawn(make_phase: MakePhase) -> None:
    assert of_kind(list(train(start(make_phase()))), SampleRates) == []


def test_samples_are_the_first_of_the_many(make_phase: MakePhase) -> None:
    plain = of_kind(list(train(start(make_phase()))), Sample)
    happened = list(train(start(make_phase("sampling.samples=9"))))
    assert of_kind(happened, Sample) == plain
    rates = of_kind(happened, SampleRates)
    assert [(one.step, one.samples) for one in rates] == [(0, 9), (4, 9), (8, 9), (12, 9)]
    assert [one.completions[0] for one in rates] == [(sample.prompt, sample.text) for sample in plain]
    assert len({text for _, text in rates[0].completions}) > 5  # each has a seed of its own


def test_a_gate_on_rates_draws_at_each_best_evaluation(make_phase: MakePhase) -> None:
    happened = list(train(start(make_phase(GATE, "sampling.when='end'"))))
    best = [one.step for one in of_kind(happened, events.Evaluation) if one.best]
    rates = of_kind(happened, SampleRates)
    assert [one.step for one in rates] == best
    assert {one.samples for one in rates} == {64}
    fewer = list(train(start(make_phase(GATE, "sampling.when='end'", "sampling.samples=3"))))
    assert [one.samples for one in of_kind(fewer, SampleRates)] == [3] * (len(best) + 1)  # and once at the end


def test_a_gate_draws_no_second_time_where_samples_are_drawn_anyway(make_phase: MakePhase) -> None:
    happened = list(train(start(make_phase(GATE, "sampling.samples=3"))))
    assert [(one.step, one.samples) for one in of_kind(happened, SampleRates)] == [(0, 3), (4, 3), (8, 3), (12, 3)]


@pytest.mark.parametrize("more", [(), ("sampling.samples=3",)])
def test_the_rates_of_a_best_evaluation_that_a_person_asked_for(make_phase: MakePhase, more: tuple[str, ...]) -> None:
    training = start(make_phase(GATE, "evaluation.interval=12", *more))
    happened = list(train(training, Script(training, (6, Command("evaluate")))))
    assert [one.step for one in of_kind(happened, SampleRates)] == [0, 6, 12]


def test_drawing_changes_nothing_of_the_training(make_phase: MakePhase) -> None:
    plain, many = (list(train(start(make_phase(*more)))) for more in ((), (GATE, "sampling.samples=20")))
    assert of_kind(plain, events.Step) == of_kind(many, events.Step)
    assert of_kind(plain, events.Evaluation) == of_kind(many, events.Evaluation)


def test_a_resumed_run_draws_the_same(make_phase: MakePhase) -> None:
    phase = make_phase("sampling.samples=9", GATE)
    first, rest = start(phase), []
    for event in train(first):
        if isinstance(event, events.Checkpoint) and event.step == 4:
            state, model = copy.deepcopy(first.state_dict()), copy.deepcopy(first.model)
            second = Training(phase, prepare_dataset(phase), choose_machine(phase.training), model)
            second.load_state_dict(state)
            rest = of_kind(list(train(second)), SampleRates)
            break
    assert rest == [one for one in of_kind(list(train(start(phase))), SampleRates) if one.step > 4]


def test_more_rows_than_fit_at_once_are_drawn_in_parts(make_phase: MakePhase, monkeypatch: pytest.MonkeyPatch) -> None:
    training = start(make_phase("sampling.prompts=['def ', 'import']"))
    settings, tokenizer = training.phase.sampling, training.dataset.tokenizer
    whole = completions(training.model, tokenizer, settings, 7, seed=3)
    assert [prompt for prompt, _ in whole] == ["def ", "import"] * 3 + ["def "]
    monkeypatch.setattr(generation, "ROWS_AT_ONCE", 2)
    assert completions(training.model, tokenizer, settings, 7, seed=3) == whole


def test_at_temperature_0_a_prompt_has_one_completion(make_phase: MakePhase) -> None:
    training = start(make_phase("sampling.temperature=0.0"))
    assert len(completions(training.model, training.dataset.tokenizer, training.phase.sampling, 7, seed=3)) == 1
