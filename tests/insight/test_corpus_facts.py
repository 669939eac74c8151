"""What is measured of a corpus before a phase is suggested, and that a suggestion passes the rules of its own house."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from slmtui.cli import main
from slmtui.commands import suggest as command
from slmtui.config.phase import Phase
from slmtui.config.phase_file import parse_phase
from slmtui.data.corpus import open_corpus
from slmtui.data.dataset import DatasetSettings, build_dataset
from slmtui.data.documents import DocumentForm
from slmtui.data.split_stats import dataset_baseline, dataset_leakage
from slmtui.data.text_measures import measure_text
from slmtui.insight import corpus_facts
from slmtui.insight.corpus_facts import CorpusFacts, measure_corpus
from slmtui.insight.estimates import parameters
from slmtui.insight.rules.data_facts import facts_of
from slmtui.insight.rules.diagnosis import before_the_start
from slmtui.insight.rules.run_trace import RunTrace
from slmtui.insight.rules.size import noise
from slmtui.insight.suggest import suggest
from slmtui.training.data_record import DataRecord
from slmtui.training.events import RunStarted, Warned
from slmtui.training.prepare import prepare_dataset
from tests.insight.recipe_corpora import log, prose, records, standard_library

LICENCE = "# Copyright 2024 The Keepers\n" + "".join(
    f"# {line}\n" for line in ("Licensed to whoever asks, under the terms that stand at the harbour gate,",
                               "which may change with the tide; see the keeper for a copy, and bring paper.")
)  # fmt: skip
WORDS = (
    "tide", "lamp", "boat", "rope", "salt", "gull", "reef", "mast", "sail", "oar", "pier", "buoy", "net", "fog", "keel",
    "deck", "hull", "bow", "stern", "helm",
)  # fmt: skip


def measured(source: Path) -> CorpusFacts:
    corpus, settings = open_corpus(source), DatasetSettings(kind="gpt2-compact")
    dataset = build_dataset(corpus, settings)
    return measure_corpus(corpus, dataset, settings, dataset_leakage(dataset))


def text_file(folder: Path, text: str) -> Path:
    (folder / "text.txt").write_text(text, encoding="utf-8")
    return folder / "text.txt"


def uniform_letters(n: int) -> str:
    return "".join(random.Random(27).choices("abcdefghijklmnopqrstuvwxyz ", k=n))


def test_noise_is_told_and_gets_the_vocabulary_that_fits_it(tmp_path: Path) -> None:
    """log2 27 is 4.755."""
    begin = time.process_time()
    facts = measured(text_file(tmp_path, uniform_letters(60_000)))
    assert time.process_time() - begin < 10
    assert facts.best_bits == pytest.approx(4.755, abs=0.01)
    assert facts.note.startswith("the text looks like noise: the frequencies of its bytes give 4.75 bits per byte")
    phase = suggest(Phase.model_validate({"phase": {"name": "p"}}).data, facts).phase
    assert phase.tokenizer.kind == "bytes"
    assert phase.training.max_iters <= 400


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a" * 60_000, "the text is one character over and over: 0.00"),
        ("The tide comes in and the tide goes out.\n" * 5_000, "the text repeats itself over and over: 0.00"),
    ],
)
def test_a_text_with_next_to_nothing_in_it_is_told_by_suggest_and_inspect(
    tmp_path: Path, text: str, words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = text_file(tmp_path, text)
    monkeypatch.setattr(command, "step_seconds", lambda _: None)
    assert main(["suggest", str(source)]) == 0
    out, err = capsys.readouterr()
    assert words in err
    phase = parse_phase(out, "p")
    assert phase.training.max_iters <= 100
    assert phase.model.n_layer == 1
    assert main(["inspect", str(source)]) == 0
    assert words in capsys.readouterr().err


def test_english_with_a_handful_of_odd_tokens_to_validate_on_is_no_noise(tmp_path: Path) -> None:
    dice = random.Random(3)
    sentences = (f"The {' '.join(dice.choices(WORDS, k=7))} came in. " for _ in range(400))
    (tmp_path / "a.txt").write_text("".join(sentences), encoding="utf-8")
    for i, odd in enumerate("~^|@%"):
        (tmp_path / f"z{i}.txt").write_text(f"{odd}\n", encoding="utf-8")
    dataset = build_dataset(open_corpus(tmp_path), DatasetSettings(kind="gpt2-compact"))
    baseline = dataset_baseline(dataset)
    assert baseline is not None
    assert measure_text(dataset).note(baseline.bits_per_byte) == ""
    facts = facts_of(dataset, baseline)
    record = DataRecord(**vars(DataRecord.of(dataset)) | {"facts": facts})
    started = RunStarted(step=0, phase=Phase.model_validate({"phase": {"name": "p"}}).values(), parameters={"total": 1},
                         data=record, machine={}, versions={})  # fmt: skip
    assert noise(RunTrace([started])) is None


@pytest.mark.parametrize("make", [standard_library, prose, log, records])
def test_ordinary_texts_are_neither_noise_nor_nothing(make: Callable[[Path], Path], tmp_path: Path) -> None:
    dataset = build_dataset(open_corpus(make(tmp_path)), DatasetSettings(kind="bpe", vocab_size=512))
    baseline = dataset_baseline(dataset)
    assert baseline is not None
    assert measure_text(dataset).note(baseline.bits_per_byte) == ""


def test_a_licence_on_top_of_each_file_is_named_and_no_leak(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    dice = random.Random(40)
    for i in range(40):
        body = " ".join(dice.choices(WORDS, k=40))
        (tmp_path / f"{i:02}.py").write_text(f"{LICENCE}\n# {i}: {body}\n", encoding="utf-8")
    monkeypatch.setattr(command, "step_seconds", lambda _: None)
    text = command.suggested([tmp_path], [])
    phase = parse_phase(text, "p")
    assert phase.data.split == "contiguous"
    (line,) = [line for line in text.splitlines() if line.startswith("split = ")]
    assert "40 of 40 documents begin with the same heading, '# Copyright 2024 The Keepers'" in line
    assert "leakage" not in {warning.code for warning in said_before_the_start(phase)}
    capsys.readouterr()
    assert main(["inspect", str(tmp_path)]) == 0
    assert "40 of 40 documents begin with the same heading" in capsys.readouterr().err


def test_the_split_that_is_suggested_is_the_one_that_leaks_less(tmp_path: Path) -> None:
    """The last two files are copies of the first, so that the end leaks; from all over, copies stay together."""
    dice = random.Random(5)
    bodies = [" ".join(dice.choices(WORDS, k=150)) for _ in range(10)]
    for i, body in enumerate([*bodies, bodies[0], bodies[0]]):
        (tmp_path / f"{i:02}.txt").write_text(body, encoding="utf-8")
    corpus, settings = open_corpus(tmp_path), DatasetSettings(kind="gpt2-compact", split="contiguous")
    dataset = build_dataset(corpus, settings)
    facts = measure_corpus(corpus, dataset, settings, dataset_leakage(dataset))
    assert facts.repeated_share > 0.9
    data = Phase.model_validate({"phase": {"name": "p"}}).data
    assert facts.dedupe_share is not None
    assert facts.dedupe_share < 0.1
    without = suggest(data, facts).phase.data
    assert (without.dedupe, without.split) == (True, "contiguous")
    published = open_corpus(tmp_path, form=DocumentForm(join="published"))
    dataset = build_dataset(published, settings)
    facts = measure_corpus(published, dataset, settings, dataset_leakage(dataset))
    assert facts.dedupe_share is None
    assert facts.by_document_share is not None
    assert facts.by_document_share < 0.1
    data = Phase.model_validate({"phase": {"name": "p"}}).data
    assert suggest(data, facts).phase.data.split == "by-document"


def test_of_a_large_corpus_other_splits_are_tried_on_its_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two files, their copies, two more, and so on; what is suggested is for all, and says what it was tried on."""
    dice = random.Random(6)
    bodies = [" ".join(dice.choices(WORDS, k=150)) for _ in range(12)]
    for i in range(24):
        (tmp_path / f"{i:02}.txt").write_text(bodies[i // 4 * 2 + i % 2], encoding="utf-8")
    whole = measured(tmp_path)
    assert whole.tried_tokens is None
    monkeypatch.setattr(corpus_facts, "SPLIT_TOKENS", 2_000)
    facts = measured(tmp_path)
    assert facts.tried_tokens == 2_000
    assert facts.dedupe_share == whole.dedupe_share == 0
    assert facts.train_bytes == pytest.approx(whole.train_bytes, rel=0.1)
    suggested = suggest(Phase.model_validate({"phase": {"name": "p"}}).data, facts)
    assert suggested.phase.data.dedupe
    (reason,) = [line.reason for line in suggested.lines if line.key == "dedupe"]
    assert reason.endswith("without copies (tried on the first 2,000 GPT-2 tokens)")


def test_a_tiny_text_is_spelled_in_bytes_and_a_larger_one_in_learned_tokens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "step_seconds", lambda _: None)
    tiny = command.suggested([Path("data/chromadb")], ["data.dataset_size=1000"])
    assert 'kind = "bytes"  # bits per byte by counting: 2.50; with bpe of 320 2.66' in tiny
    assert max(map(len, tiny.splitlines())) <= 120
    assert parse_phase(command.suggested([prose(tmp_path)], []), "p").tokenizer.kind == "bpe"


def test_a_vocabulary_is_tried_and_named_in_the_size_that_exists(tmp_path: Path) -> None:
    facts = measured(text_file(tmp_path, "".join(f"the {WORDS[i % 11]} and {WORDS[i % 7]} " for i in range(900))))
    largest = facts.trials[-1]
    assert largest.vocab_size == largest.n_vocab < 512


def test_a_text_without_spaces_is_not_learned_from_in_pairs(tmp_path: Path) -> None:
    facts = measured(text_file(tmp_path, "".join(random.Random(4).choices("ACGT", k=50_000))))
    assert [trial.kind for trial in facts.trials] == ["bytes"]
    assert facts.best_bits == pytest.approx(2.0, abs=0.01)


def said_before_the_start(phase: Phase) -> list[Warned]:
    """What the rules say of a phase and its data before the first step."""
    dataset = prepare_dataset(phase)
    facts = facts_of(dataset, dataset_baseline(dataset))
    record = DataRecord(**vars(DataRecord.of(dataset)) | {"facts": facts})
    parts = parameters(phase, dataset.tokenizer.n_vocab)
    total = {"total": sum(parts.values())}
    started = RunStarted(step=0, phase=phase.values(), parameters=parts | total, data=record, machine={}, versions={})
    return before_the_start(started)


@pytest.mark.parametrize("size", [1_000, 5_000, 23_000])
@pytest.mark.parametrize("make", [None, standard_library, prose, log, records])
def test_a_suggestion_passes_the_rules_about_data_and_size(
    make: Callable[[Path], Path] | None, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "step_seconds", lambda _: None)
    source = Path("data/chromadb") if make is None else make(tmp_path)
    phase = parse_phase(command.suggested([source], [f"data.dataset_size={size}"]), "p")
    said = [(warning.code, warning.level, warning.message) for warning in said_before_the_start(phase)]
    assert [one for one in said if one[1] != "note" and one[0] != "leakage"] == []
    # Where much is shared, whatever the split, the suggestion itself says so.
