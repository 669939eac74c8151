"""What is known of a dataset before the first step."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from slmtui.config.phase import Phase
from slmtui.data.corpus import open_corpus
from slmtui.data.dataset import Dataset, DatasetSettings, build_dataset
from slmtui.data.ngram_baseline import ngram_baseline
from slmtui.insight.rules.advice import can_split_by_document
from slmtui.insight.rules.data_facts import facts_of
from slmtui.insight.rules.diagnosis import before_the_start
from slmtui.insight.rules.run_trace import RunTrace
from slmtui.training.data_record import DataFacts, DataRecord
from slmtui.training.events import RunStarted, Warned
from tests.insight.corpora import SCRIPT, python_dataset
from tests.insight.published import started
from tests.insight.sound import SOUND, knowing


def data_warnings(facts: DataFacts, val_tokens: int) -> list[Warned]:
    """What is said before the first step of a model whose size is well."""
    return before_the_start(knowing(started(val_tokens=val_tokens), facts))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return python_dataset(tmp_path_factory.mktemp("corpus"))


def test_facts_are_those_of_the_tokens(dataset: Dataset) -> None:
    facts = facts_of(dataset)
    train, val = (side.tokens[side.tokens != side.end] for side in (dataset.train, dataset.val))
    assert facts.used_tokens == len(set(train.tolist())) < dataset.tokenizer.n_vocab
    assert facts.unseen_share == pytest.approx(np.mean(~np.isin(val, train)))
    _, counts = np.unique(train, return_counts=True)
    assert facts.unigram == pytest.approx(-sum(n / len(train) * math.log(n / len(train)) for n in counts))
    assert facts.baseline is None


def test_scripts_that_differ_in_their_names_alone_leak(dataset: Dataset) -> None:
    facts = facts_of(dataset)
    assert facts.repeated_share > 0.6
    assert facts.longest_repeat > 16
    assert facts.longest_val.startswith("shop_1")
    assert facts.longest_train.startswith("shop_0")
    warning = data_warnings(facts, len(dataset.val.tokens))[0]
    assert (warning.code, warning.level) == ("leakage", "serious")
    assert f"the longest {facts.longest_repeat}, {facts.longest_val} like {facts.longest_train}" in warning.message


def test_copies_of_files_are_counted(tmp_path: Path) -> None:
    # Two scripts alike in little, one of them four times.
    (tmp_path / "a.py").write_text("".join(f"alpha_{i} = beta({i * i}, 'gamma')\n" for i in range(60)))
    for i in range(4):
        (tmp_path / f"b{i}.py").write_text(SCRIPT.format(i=7))
    dataset = build_dataset(open_corpus(tmp_path), DatasetSettings(kind="gpt2"))
    sizes = [len(file.train) + len(file.val) - 1 for file in dataset.files]  # without the ends
    assert facts_of(dataset).duplicate_share == pytest.approx(sum(sizes[2:]) / sum(sizes))


def test_a_baseline_is_passed_on(dataset: Dataset) -> None:
    baseline = ngram_baseline(dataset.train.tokens, dataset.val.tokens, dataset.tokenizer.n_vocab, dataset.val.n_bytes)
    assert facts_of(dataset, baseline).baseline == baseline


def test_sound_data_gets_no_warning() -> None:
    assert data_warnings(SOUND, 2_200) == []


@pytest.mark.parametrize(
    ("facts", "val_tokens", "expected"),
    [
        (replace(SOUND, repeated_share=0.29), 2_200, []),
        (replace(SOUND, repeated_share=0.31), 2_200, [("leakage", "warning")]),
        (replace(SOUND, repeated_share=0.96), 2_200, [("leakage", "serious")]),
        (SOUND, 999, [("tiny_validation", "note")]),
        (SOUND, 100, [("tiny_validation", "warning")]),
        (replace(SOUND, unseen_share=0.27), 2_200, [("unseen", "note")]),
        (
            replace(SOUND, unseen_share=0.5, repeated_share=0.7),
            900,
            [("leakage", "serious"), ("unseen", "warning"), ("tiny_validation", "note")],
        ),
    ],
)
def test_warnings_and_their_levels(facts: DataFacts, val_tokens: int, expected: list[tuple[str, str]]) -> None:
    assert [(warning.code, warning.level) for warning in data_warnings(facts, val_tokens)] == expected


def test_a_small_validation_is_told_how_little_it_says() -> None:
    (warning,) = data_warnings(SOUND, 100)
    assert "± 0.8 nats" in warning.message


@pytest.mark.parametrize(
    ("texts", "differs"),
    [(["one tide " * 30], False), (["one tide " * 30] * 2, False), ([f"{i} tide " * 30 for i in range(30)], True)],
)
def test_a_split_by_document_is_advised_only_where_it_is_another(
    texts: list[str], differs: bool, tmp_path: Path
) -> None:
    for i, text in enumerate(texts):
        (tmp_path / f"{i}.txt").write_text(text)
    dataset = build_dataset(open_corpus(tmp_path), DatasetSettings(kind="bytes", split="contiguous"))
    begin = RunStarted(
        step=0, phase=Phase.model_validate({"phase": {"name": "p"}}).values(), parameters={"total": 1},
        data=DataRecord.of(dataset), machine={}, versions={},
    )  # fmt: skip
    assert can_split_by_document(RunTrace([begin])) == differs
