"""The gate: which limits are kept, how many samples a rate was judged on, and what no training could keep."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from slmtui.config.gate_section import GateSection
from slmtui.config.phase_file import parse_phase
from slmtui.data.corpus import open_corpus
from slmtui.data.dataset import DatasetSettings, build_dataset
from slmtui.errors import UserError
from slmtui.insight.judging.proportion import counted, interval
from slmtui.insight.rules.gate import BestEvaluation, limits_in_words
from slmtui.insight.rules.gate_check import refuse_impossible
from slmtui.training.events import CharactersSaved, Evaluation, Event, SampleRates
from tests.insight.corpora import python_dataset

WELL = Evaluation(step=20, train_loss=1.0, val_loss=1.4, gap=0.4, verdict="excellent", bits_per_byte=0.9, best=True)
SAVED = CharactersSaved(step=40, best_step=20, places=200, share=0.25, error=0.02)
RATES = SampleRates(step=20, samples=64, parse_rate=49 / 64, copied_share=0.25)


def test_losses_are_judged_at_the_best_evaluation() -> None:
    worse = replace(WELL, step=40, val_loss=9.0, best=False)
    gate = GateSection(max_gap=0.5, max_val_loss=1.2, max_bits_per_byte=1.0)
    assert limits_in_words(gate, BestEvaluation.of([WELL, worse])) == [
        (True, "max_gap = 0.5 is kept: 0.4000 at the best evaluation"),
        (False, "max_val_loss = 1.2 is not kept: 1.4000 at the best evaluation"),
        (True, "max_bits_per_byte = 1 is kept: 0.9000 at the best evaluation"),
    ]
    assert limits_in_words(gate, BestEvaluation())[0] == (False, "max_gap = 0.5 is not kept: there was no evaluation")
    assert limits_in_words(GateSection(), BestEvaluation()) == []


def test_a_loss_that_is_no_number_keeps_no_limit() -> None:
    assert not limits_in_words(GateSection(max_val_loss=99), BestEvaluation(replace(WELL, val_loss=float("nan"))))[0][0]


@pytest.mark.parametrize(("least", "kept"), [(0.76, True), (49 / 64, True), (0.77, False)])
def test_the_parse_rate_says_how_many_samples_it_judged(least: float, kept: bool) -> None:
    ((was_kept, sentence),) = limits_in_words(GateSection(min_parse_rate=least), BestEvaluation.of([WELL, RATES]))
    assert was_kept == kept
    assert sentence.endswith(
        "49 of 64 samples (77 %; of very many, most likely 65 % to 85 %) parse at the best evaluation"
    )


@pytest.mark.parametrize(("most", "kept"), [(0.25, True), (0.24, False)])
def test_the_copied_share(most: float, kept: bool) -> None:
    ((was_kept, sentence),) = limits_in_words(GateSection(max_copied_share=most), BestEvaluation.of([WELL, RATES]))
    assert was_kept == kept
    assert "0.2500 of the tokens of 64 samples are copied" in sentence


@pytest.mark.parametrize(("least", "kept"), [(0.25, True), (0.26, False)])
def test_characters_saved_are_those_of_the_best_model(least: float, kept: bool) -> None:
    gate = GateSection(min_characters_saved=least)
    ((was_kept, sentence),) = limits_in_words(gate, BestEvaluation.of([WELL, SAVED]))
    assert was_kept == kept
    assert sentence.endswith("completions save 0.2500 ± 0.0200 of the characters at 200 places")
    others: tuple[list[Event], ...] = ([WELL], [SAVED, WELL], [WELL, replace(SAVED, best_step=40)])
    for happened in others:
        ((was_kept, sentence),) = limits_in_words(gate, BestEvaluation.of(happened))
        assert not was_kept
        assert "no line was completed with the best model" in sentence


def test_rates_of_another_step_are_not_the_best_models() -> None:
    gate = GateSection(min_parse_rate=0.1, max_copied_share=1.0)
    for best in (
        BestEvaluation.of([WELL, replace(RATES, step=40)]),
        BestEvaluation.of([RATES, WELL]),
        BestEvaluation.of([WELL]),
    ):
        assert [kept for kept, _ in limits_in_words(gate, best)] == [False, False]
        assert "no samples were judged" in limits_in_words(gate, best)[0][1]


def test_rates_that_could_not_be_counted_are_no_pass() -> None:
    nothing = replace(RATES, parse_rate=None, copied_share=None)
    gate = GateSection(min_parse_rate=0.0, max_copied_share=1.0)
    assert limits_in_words(gate, BestEvaluation.of([WELL, nothing])) == [
        (False, "min_parse_rate = 0 is not kept: the corpus is not Python"),
        (False, "max_copied_share = 1 is not kept: the 64 samples at the best evaluation are nothing but blanks"),
    ]


def test_what_no_training_could_keep_is_refused(tmp_path: Path) -> None:
    (python := tmp_path / "python").mkdir()
    text = tmp_path / "text.txt"
    text.write_text("The keeper of the lighthouse wrote down, every evening, what the sea had done. " * 30)
    in_python, in_prose = python_dataset(python), build_dataset(open_corpus(text), DatasetSettings(kind="gpt2"))
    asks = parse_phase("[phase]\nname = 'p'\n[gate]\nmin_parse_rate = 0.5", "p.toml")
    refuse_impossible(asks, in_python)
    with pytest.raises(
        UserError, match=r"p.toml:4: gate\.min_parse_rate: .*\(got 0\.5\), and the corpus is not Python"
    ):
        refuse_impossible(asks, in_prose)
    for key in ("min_parse_rate", "max_copied_share"):
        silent = parse_phase(f"[phase]\nname = 'p'\n[gate]\n{key} = 0.5\n[sampling]\nprompts = []", "p.toml")
        with pytest.raises(UserError, match=f"p.toml:4: gate.{key}: judges samples, and sampling.prompts is empty"):
            refuse_impossible(silent, in_python)
    refuse_impossible(parse_phase("[phase]\nname = 'p'\n[gate]\nmax_gap = 1.0", "p.toml"), in_prose)


def test_a_proportion_is_known_as_well_as_wilson_says() -> None:
    """Newcombe 1998, Two-sided confidence intervals for the single proportion, table I, method 3."""
    for found, n, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611)):
        assert interval(found, n) == pytest.approx((low, high), abs=5e-5)
    assert interval(29, 29) == pytest.approx((0.8830, 1.0), abs=5e-5)
    assert interval(0, 0) == (0.0, 1.0)
    assert counted(0, 0, "sample") == "0 of 0 samples"
