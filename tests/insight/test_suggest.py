"""What is suggested for a corpus, and the file it becomes."""

from __future__ import annotations

import math
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from slmtui.cli import main
from slmtui.config.data_section import DataSection
from slmtui.config.errors import PhaseError
from slmtui.config.phase_file import load_phase, parse_phase
from slmtui.insight.corpus_facts import CorpusFacts, VocabularyTrial
from slmtui.insight.estimates import memory_needed, parameters
from slmtui.insight.suggest import Suggestion, size_for, steps_in_time, suggest
from slmtui.insight.suggested_file import suggested_toml

GPT2 = VocabularyTrial("gpt2", None, math.inf, bytes_per_token=4.0, n_vocab=50_257)
FACTS = CorpusFacts(train_bytes=50_000, val_bytes=5_000, files=30, repeated_share=0.1, vocabulary=GPT2)
DATA = DataSection(source=("data/[weird] name", "b.txt"), dataset_size=9_000, patterns={'a "b"': r"x\(#"})


def test_each_line_has_a_reason_and_the_file_reads_back_as_the_phase() -> None:
    suggestion = suggest(DATA, FACTS)
    text = suggested_toml(suggestion)
    assert parse_phase(text) == suggestion.phase
    assert suggestion.phase.data == DATA
    assert all(line.reason for line in suggestion.lines)
    for line in suggestion.lines:
        (written,) = [one for one in text.splitlines() if one.startswith(f"{line.key} ") and line.reason in one]
        assert "  # " in written
        assert tomllib.loads(written)[line.key] == line.value
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize("train_bytes", [100, 10_000, 60_000, 900_000, 15_000_000, 10**9])
def test_larger_texts_get_larger_models_and_every_size_is_a_phase(train_bytes: int) -> None:
    phase = suggest(DATA, replace(FACTS, train_bytes=train_bytes)).phase
    assert phase.model.n_embd == size_for(train_bytes).n_embd
    larger = suggest(DATA, replace(FACTS, train_bytes=train_bytes * 100)).phase
    assert larger.model.n_embd >= phase.model.n_embd
    assert larger.tokenizer.vocab_size >= phase.tokenizer.vocab_size
    assert phase.evaluation.interval * 10 <= phase.training.max_iters
    assert phase.early_stopping.patience > 0


def test_a_batch_that_takes_too_much_memory_is_computed_in_parts() -> None:
    facts = replace(FACTS, train_bytes=10**9)
    plenty = suggest(DATA, facts)
    whole = sum(memory_needed(plenty.phase, plenty.phase.tokenizer.vocab_size, 10**6).values())
    assert plenty.phase.training.accumulate == 1
    little = suggest(DATA, facts, most_memory=0.6 * whole)
    assert little.phase.training.batch_size == plenty.phase.training.batch_size
    parts = little.phase.training.accumulate
    needed = sum(memory_needed(little.phase, little.phase.tokenizer.vocab_size, 10**6).values())
    assert 1 < parts < plenty.phase.training.batch_size
    assert needed <= 0.6 * whole
    assert f"accumulate = {parts}" in suggested_toml(little)
    assert suggest(DATA, facts, most_memory=0).phase.training.accumulate == plenty.phase.training.batch_size
    assert suggest(DATA, facts, {("training", "accumulate"): 2}, most_memory=0).phase.training.accumulate == 2


def test_there_are_no_more_steps_than_there_is_time_for() -> None:
    plenty = suggest(DATA, FACTS)
    slow = suggest(DATA, FACTS, most_iters=steps_in_time(FACTS, step_seconds=0.1))
    assert slow.phase.training.max_iters == 360 < plenty.phase.training.max_iters
    assert slow.phase.training.max_iters * 0.1 <= size_for(FACTS.train_bytes).seconds
    assert "as many as this machine makes in 36 s" in suggested_toml(slow)
    assert "this machine makes" not in suggested_toml(plenty)
    assert steps_in_time(FACTS, step_seconds=10.0) == 100
    assert suggest(DATA, FACTS, most_iters=steps_in_time(FACTS, step_seconds=1e-3)) == plenty
    large = replace(FACTS, train_bytes=2 * 10**9)  # more steps would be right; the limit is not this machine's
    assert "this machine makes" not in suggested_toml(suggest(DATA, large))
    assert "this machine makes in 28,800 s" in suggested_toml(suggest(DATA, large, most_iters=19_000))
    fixed = suggest(DATA, FACTS, {("training", "max_iters"): 3_000}, most_iters=500)
    assert fixed.phase.training.max_iters == 3_000


@pytest.mark.parametrize("train_bytes", [200, 1_000, 3_000, 20_000])
def test_a_window_is_a_third_of_the_training_text_at_most(train_bytes: int) -> None:
    model = suggest(DATA, replace(FACTS, train_bytes=train_bytes)).phase.model
    assert model.block_size == 16 or 3 * model.block_size * 2.2 <= train_bytes
    assert model.block_size <= 512


def test_whole_files_are_held_back_where_the_end_repeats_training() -> None:
    leaky = replace(FACTS, repeated_share=0.9, by_document_share=0.4)
    split = suggest(DATA, leaky).lines[0]
    assert (split.value, split.reason) == (
        "by-document",
        "90% of validation repeats training text if the end is held back, 40% if documents from all over are, where a "
        "small gap still means little",
    )
    assert suggest(DATA, replace(leaky, by_document_share=0.95)).phase.data.split == "contiguous", "the other is worse"
    assert suggest(DATA, replace(leaky, by_document_share=None)).phase.data.split == "contiguous", "there is no other"
    assert suggest(DATA, FACTS).phase.data.split == "contiguous"
    asked = suggest(DATA, leaky, {("data", "split"): "contiguous"})
    assert asked.phase.data.split == "contiguous"


def test_what_is_fixed_stays_and_says_so() -> None:
    fixed = {("model", "n_embd"): 48, ("tokenizer", "kind"): "gpt2-compact", ("training", "seed"): 7}
    suggestion = suggest(DATA, replace(FACTS, vocabulary=replace(GPT2, kind="gpt2-compact", n_vocab=900)), fixed)
    assert suggestion.phase.model.n_embd == 48
    assert suggestion.phase.tokenizer.kind == "gpt2-compact"
    assert suggestion.phase.training.seed == 7
    assert {line.key for line in suggestion.lines if line.reason == "as you asked"} == {"n_embd", "kind", "seed"}
    assert not [line for line in suggestion.lines if line.key == "vocab_size"]
    assert parse_phase(suggested_toml(suggestion)) == suggestion.phase


def reason(suggestion: Suggestion, key: str) -> str:
    (line,) = [line for line in suggestion.lines if line.key == key]
    return line.reason


def test_what_is_fixed_is_reckoned_with() -> None:
    suggestion = suggest(DATA, FACTS, {("tokenizer", "kind"): "gpt2"})
    assert f"vocabulary {50_257 * 64:,}" in reason(suggestion, "n_embd")
    training = suggestion.phase.training
    passes = training.max_iters * training.batch_size * 512 / (50_000 / 4.0)
    assert reason(suggestion, "max_iters") == f"at most {passes:.1f} passes over the training text"
    assert suggestion.phase.model.block_size == 512
    short = suggest(DATA, replace(FACTS, train_bytes=3_000), {("tokenizer", "kind"): "gpt2"})
    assert short.phase.model.block_size == 128, "a third of 750 tokens at most"

    suggestion = suggest(DATA, FACTS, {("model", "block_size"): 128, ("training", "max_iters"): 600})
    assert suggestion.phase.training.batch_size * 128 == size_for(50_000).batch_tokens
    assert suggestion.phase.evaluation.interval == 40
    training = suggest(DATA, FACTS, {("training", "batch_size"): 2}).phase.training
    assert training.max_iters * 2 * 512 / (50_000 / 2.2) == pytest.approx(size_for(50_000).passes, rel=0.05)


def test_heads_of_an_odd_width_have_learned_positions() -> None:
    assert suggest(DATA, FACTS).phase.model.positions == "rotary"
    odd = suggest(DATA, FACTS, {("model", "n_embd"): 66, ("model", "n_head"): 2})
    assert odd.phase.model.positions == "learned"
    assert "even width" in reason(odd, "positions")


def test_next_to_no_text_is_left_to_gpt2s_parts() -> None:
    model = suggest(DATA, replace(FACTS, train_bytes=5_000)).phase.model
    assert (model.positions, model.norm, model.mlp) == ("learned", "layer", "gelu")
    model = suggest(DATA, replace(FACTS, train_bytes=8_000)).phase.model
    assert (model.positions, model.norm, model.mlp) == ("rotary", "rms", "swiglu")


def test_what_was_not_measured_at_a_size_is_said() -> None:
    measured = suggest(DATA, replace(FACTS, train_bytes=1_000_000))
    beyond = suggest(DATA, replace(FACTS, train_bytes=10_000_000))
    for key in ("dropout", "max_iters"):
        assert "extrapolated from smaller texts" not in reason(measured, key)
        assert "extrapolated from smaller texts" in reason(beyond, key)
    assert "extrapolated from smaller texts" in reason(measured, "n_layer")
    assert not any("extrapolated" in line.reason for line in suggest(DATA, FACTS).lines)


def test_the_parameters_are_those_of_the_parts_that_are_asked_for() -> None:
    for fixed in ({}, {("model", "positions"): "learned", ("model", "norm"): "rms", ("model", "mlp"): "gelu"}):
        suggestion = suggest(DATA, FACTS, fixed)
        body = parameters(suggestion.phase, 512)["body"]
        assert f"body {body:,}" in reason(suggestion, "n_embd")


def test_a_size_of_the_vocabulary_that_was_not_tried_is_kept_to() -> None:
    fixed = {("tokenizer", "kind"): "bpe", ("tokenizer", "vocab_size"): 700}
    suggestion = suggest(DATA, FACTS, fixed)
    assert (suggestion.phase.tokenizer.kind, suggestion.phase.tokenizer.vocab_size) == ("bpe", 700)
    assert f"vocabulary {700 * 64:,}" in reason(suggestion, "n_embd")
    usual = VocabularyTrial("bpe", 320, 3.0, 2.0, 320)
    letters = VocabularyTrial("bytes", None, 2.0, 1.0, 257)
    tried = replace(FACTS, trials=(letters, usual))
    assert suggest(DATA, tried).phase.tokenizer.kind == "bytes"
    learned = suggest(DATA, tried, {("tokenizer", "kind"): "bpe"}).phase.tokenizer
    assert (learned.kind, learned.vocab_size) == ("bpe", 320)


def test_a_size_alone_asks_for_a_vocabulary_that_has_one(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("slmtui.commands.suggest.step_seconds", lambda _: None)
    assert main(["suggest", "corpus", "--set", "tokenizer.vocab_size=300"]) == 0
    tokenizer = parse_phase(capsys.readouterr().out).tokenizer
    assert (tokenizer.kind, tokenizer.vocab_size) == ("bpe", 300)


@pytest.mark.parametrize("train_bytes", [1_000, 50_000, 900_000, 15_000_000, 10**9])
@pytest.mark.parametrize(
    "fixed",
    [
        {("evaluation", "method"): "sampled"},
        {("evaluation", "method"): "sampled", ("evaluation", "decides"): "static"},
        {("evaluation", "decides"): "adaptive"},
        {("model", "n_embd"): 256},
        {("model", "n_embd"): 100},
        {("model", "n_embd"): 33},
        {("model", "n_embd"): 66, ("model", "positions"): "rotary"},
        {("model", "n_head"): 5},
        {("model", "n_head"): 64, ("model", "positions"): "rotary"},
        {("model", "context_mixing"): True},
        {("model", "context_mixing"): False},
        {("model", "ngram_mix"): 0.0, ("model", "context_mixing"): True},
        {("training", "accumulate"): 100},
    ],
    ids=str,
)
def test_what_suits_the_text_gives_way_to_what_is_fixed(fixed: dict[tuple[str, str], object], train_bytes: int) -> None:
    phase = suggest(DATA, replace(FACTS, train_bytes=train_bytes), fixed).phase
    values = phase.values()
    assert {(section, key): values[section][key] for section, key in fixed} == fixed
    assert phase.model.context_mixing or phase.model.ngram_mix or ("model", "context_mixing") in fixed


def test_a_text_that_is_one_document_validates_on_all_that_is_held_back() -> None:
    large = replace(FACTS, train_bytes=36_000_000, val_bytes=4_000_000)
    assert suggest(DATA.model_copy(update={"join": "published"}), large).phase.data.validation_size is None


def test_values_that_contradict_each_other_are_told_of() -> None:
    with pytest.raises(PhaseError, match=r"^--set training\.min_lr=0\.01: above learning_rate .* 0\.006"):
        suggest(DATA, FACTS, {("training", "min_lr"): 0.01})


def test_a_name_and_a_title_that_were_asked_for_are_the_phases() -> None:
    suggestion = suggest(DATA, FACTS, {("phase", "name"): "mine", ("phase", "title"): "Mine"})
    assert (suggestion.phase.name, suggestion.phase.phase.title) == ("mine", "Mine")
    assert parse_phase(suggested_toml(suggestion)) == suggestion.phase


@pytest.mark.parametrize(
    ("source", "name"),
    [("Übung 1 – Öl", "Ubung-1-Ol"), ("Straße/élan.txt", "elan"), ("Maß", "Mass"), ("a/b.c.txt", "b.c")],
)
def test_a_name_has_letters_that_every_folder_may_have(source: str, name: str) -> None:
    assert suggest(DATA.model_copy(update={"source": (source,)}), FACTS).phase.name == f"suggested-{name}"


def test_the_command_prints_or_writes_a_phase(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["suggest", "corpus", "--set", "model.n_layer=1", "--set", "data.train_fraction=0.8"]) == 0
    out, said = capsys.readouterr()
    printed = parse_phase(out)
    assert printed.data.source == ("corpus",)
    assert "a step takes" in said
    assert (printed.model.n_layer, printed.data.train_fraction) == (1, 0.8)
    assert main(["suggest", "corpus", "-o", "mine.toml"]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert "mine.toml" in err
    assert load_phase("mine.toml").name == "suggested-corpus"
    assert main(["suggest", "mine.toml"]) == 0
    assert parse_phase(capsys.readouterr().out).data.source == ("corpus",)
    assert main(["--headless", "mine.toml", "--set", "training.max_iters=2"]) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["corpus", "-o", "there.toml"], "already exists"),
        (["nowhere"], "nowhere"),
        (["short.txt"], "too short to split"),
        (["corpus", "--set", "model.n_layers=1"], "did you mean n_layer"),
        (["corpus", "-o", "no/such/folder/x.toml"], "cannot be written"),
        (["corpus", "--set", "model.n_embd=33"], "n_head"),
    ],
)
def test_a_mistake_is_one_message_and_status_2(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    arguments: list[str], words: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.toml").write_text("mine")
    (tmp_path / "short.txt").write_text("x")
    assert main(["suggest", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err
    assert "Traceback" not in err
    assert (tmp_path / "there.toml").read_text() == "mine"


def test_of_a_large_text_a_part_of_what_is_held_back_validates() -> None:
    large = replace(FACTS, train_bytes=36_000_000, val_bytes=4_000_000)
    assert suggest(DATA, large).phase.data.validation_size == 100_000
    assert suggest(DATA, replace(large, val_bytes=500_000)).phase.data.validation_size is None
    asked = suggest(DATA, large, {("data", "validation_size"): 5_000})
    assert asked.phase.data.validation_size == 5_000
