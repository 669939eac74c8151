"""Advice fits the phase: over all rules and many phases, nothing is advised that is set already or cannot be."""

from __future__ import annotations

import itertools
import math
import random
import re
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from slmtui.config.phase import Phase
from slmtui.insight.rules.advice import SMALLEST_FRACTION, one_of
from slmtui.insight.rules.diagnosis import before_the_start, diagnose
from slmtui.insight.rules.run_trace import RunTrace
from slmtui.insight.rules.table import RULES
from slmtui.insight.watch import Watcher
from slmtui.training.data_record import DataFacts
from slmtui.training.events import Evaluation, Event, RunFinished, RunStarted, Step
from tests.insight.published import Row, run
from tests.insight.sound import SOUND, counted

KEYS: dict[tuple[str, str], tuple[Any, ...]] = {
    ("data", "split"): ("contiguous", "by-document"),
    ("data", "validation"): ((), ("a.txt",)),
    ("data", "train_fraction"): (0.9, SMALLEST_FRACTION),
    ("tokenizer", "kind"): ("gpt2", "gpt2-compact", "bpe", "characters", "bytes"),
    ("early_stopping", "patience"): (0, 4, 12),
    ("training", "schedule"): ("constant", "cosine"),
    ("training", "warmup_iters"): (0, 10),
    ("training", "learning_rate"): (1e-4, 1e-3, 2e-3, 5e-2),
    ("model", "n_layer"): (1, 4),
    ("model", "n_embd"): (32, 128),
    ("model", "dropout"): (0.0, 0.1, 0.3),
    ("optimizer", "weight_decay"): (0.0, 0.1, 1.0),
}
DATA: dict[str, tuple[Any, ...]] = {
    "documents": (None, 1, 12),
    "val_tokens": (100, 2_200),
    "train_tokens": (5_000, 10**6),
    "train_bytes": (60_000,),
    "test_tokens": (None, 100, 2_200),
}
BODY = (800, 300_000, 8_000_000)
ROWS: dict[str, list[Row]] = {
    "healthy": [(0, 7.3, 7.3), (100, 4.6, 4.9), (200, 3.6, 4.2), (300, 3.0, 3.8), (400, 2.7, 3.6)],
    "overfitted": [(0, 7.3, 7.3), *((100 * i, 4.5 - 0.4 * i, 4.2 + 0.2 * i) for i in range(1, 11))],
    "best at step 0": [(0, 5.3, 5.3), *((100 * i, 4.5 - 0.2 * i, 5.6 + 0.2 * i) for i in range(1, 11))],
    "memorised": [(0, 7.3, 7.3), (100, 0.5, 6.0), (200, 0.2, 6.4), (300, 0.1, 6.2), (400, 0.1, 6.3)],
    "little": [(0, 7.3, 7.3), (100, 4.6, 4.9), (200, 4.4, 4.8), (300, 4.3, 4.8), (400, 4.3, 4.78)],
    "little, still": [(0, 7.3, 7.3), (100, 4.6, 4.9), (200, 4.4, 4.8), (300, 4.3, 4.8), (400, 4.3, 4.8)],
    "too few": [(0, 7.3, 7.3), (10, 6.9, 6.9), (20, 6.4, 6.4), (30, 5.9, 5.9), (40, 5.4, 5.4)],
    "falling": [(0, 7.3, 7.3), (100, 4.6, 4.9), (200, 3.6, 4.0), (300, 2.8, 3.3), (400, 2.2, 2.7)],
    "flat": [(0, 7.3, 7.3), *((100 * i, 3.3, 3.9) for i in range(1, 9))],
    "easier": [(0, 7.3, 7.3), (100, 4.6, 4.0), (200, 3.9, 3.3), (300, 3.7, 3.1), (400, 3.6, 3.0)],
    "rising": [(0, 7.3, 7.3), (100, 3.0, 3.4), (200, 3.8, 4.1), (300, 4.4, 4.6)],
    "exploding": [(0, 7.3, 7.3), (100, 9.0, 9.1), (200, 12.0, 12.0)],
    "nothing": [(0, 7.3, 7.3), (100, 7.2, 7.5), (200, 7.1, 7.6)],
}
FACTS: tuple[DataFacts | None, ...] = (
    None,
    SOUND,
    replace(SOUND, repeated_share=0.7, duplicate_share=0.5, unseen_share=0.5, baseline=counted(3.0)),
    replace(SOUND, used_tokens=100, unseen_share=0.3, baseline=counted(2.0)),
    replace(
        SOUND,
        frequency_bits=2.0,
        compressed_bits=2.1,
        whole_bits=2.1,
        baseline=replace(counted(3.0), bits_per_byte=2.0),
    ),
    replace(SOUND, whole_bits=0.01),
    replace(SOUND, baseline=replace(counted(5.0), bits_per_byte=2.5, adaptive_bits_per_byte=1.0)),
)


def phases(n: int) -> Iterator[dict[str, Any]]:
    """Phases as a log has them, drawn from all combinations."""
    dice = random.Random(14)
    for _ in range(n):
        values: dict[str, dict[str, Any]] = {"phase": {"name": "p"}}
        for (section, key), choices in KEYS.items():
            values.setdefault(section, {})[key] = dice.choice(choices)
        if values["tokenizer"]["kind"] == "bpe":
            values["tokenizer"]["vocab_size"] = dice.choice((300, 1024))
        yield Phase.model_validate(values).values()


def runs(n_phases: int) -> Iterator[list[Event]]:
    """Every course of a run, for each of some phases, with drawn facts and sizes."""
    dice = random.Random(4)
    for phase, (name, rows) in itertools.product(phases(n_phases), ROWS.items()):
        learning_rate = phase["training"]["learning_rate"]
        happened = run(rows, learning_rate=learning_rate, n_vocab=dice.choice((1_500, 50_257)), body=dice.choice(BODY))
        begin = happened[0]
        assert isinstance(begin, RunStarted)
        phase["training"]["max_iters"] = rows[-1][0]
        data = replace(
            begin.data, facts=dice.choice(FACTS), **{key: dice.choice(choices) for key, choices in DATA.items()}
        )
        happened[0] = replace(begin, phase=phase, data=data, parent=dice.choice((None, "quick-003@400")))
        if name == "flat":  # the rate has not fallen
            happened = [replace(one, learning_rate=learning_rate) if isinstance(one, Step) else one for one in happened]
        if name == "healthy" and dice.random() < 0.5:
            happened[-1:-1] = spikes(rows[-1][0], learning_rate)
        if name == "exploding" and dice.random() < 0.5:
            end = happened[-1]
            assert isinstance(end, RunFinished)
            step = Step(step=201, loss=math.nan, learning_rate=learning_rate, grad_norm=1.0, tokens=0)
            happened[-1:] = [step, replace(end, reason="diverged", cause="not finite")]
        if dice.random() < 0.3:
            better = dice.choice((-2.5, -0.1, 0.1))
            happened = [
                replace(one, mixed_loss=one.val_loss + better) if isinstance(one, Evaluation) else one
                for one in happened
            ]
        if dice.random() < 0.2:
            happened = [
                replace(one, mixed_loss=one.val_loss, adaptive_loss=one.val_loss - 0.3, decides="adaptive")
                if isinstance(one, Evaluation)
                else one
                for one in happened
            ]
        yield happened


def spikes(step: int, learning_rate: float) -> list[Event]:
    losses = [2.5 + 0.1 * (i % 3) for i in range(60)] + [9.0, 9.1, 9.2]
    return [
        Step(step=step + i, loss=loss, learning_rate=learning_rate, grad_norm=1, tokens=0)
        for i, loss in enumerate(losses)
    ]


def advice_of(happened: list[Event]) -> Iterator[str]:
    """All that is advised of a run: before the start, while it trains, and at its end."""
    started = happened[0]
    assert isinstance(started, RunStarted)
    yield from (warning.advice for warning in before_the_start(started))
    watcher = Watcher()
    for event in happened:
        yield from (warning.advice for warning in watcher.add(event))
    yield from (finding.remedy for finding in diagnose(happened))


ADVISED_VALUE = re.compile(r'([a-z_]+)\.([a-z_]+) = ("[^"]*"|[-+.e\d]+)')


def test_no_advice_names_what_the_phase_has_or_cannot_have() -> None:
    n_named = 0
    for happened in runs(60):
        started = happened[0]
        assert isinstance(started, RunStarted)
        phase, data = started.phase, started.data
        one_document = data.documents == 1
        bpe = phase["tokenizer"]["kind"] == "bpe"
        for text in advice_of(happened):
            for section, key, value in ADVISED_VALUE.findall(text):
                n_named += 1
                assert tomllib.loads(f"x = {value}")["x"] != phase[section].get(key), text
            assert not (
                ("by-document" in text or "data.validation" in text) and (one_document or phase["data"]["validation"])
            ), text
            assert "data.train_fraction" not in text or phase["data"]["train_fraction"] > SMALLEST_FRACTION, text
            assert "vocab_size" not in text or (bpe and phase["tokenizer"]["vocab_size"] > 300), text
            assert "shallower" not in text or phase["model"]["n_layer"] > 1, text
            assert "a warm-up" not in text or not phase["training"]["warmup_iters"], text
            assert "less dropout" not in text or phase["model"]["dropout"], text
            assert "more dropout" not in text or phase["model"]["dropout"] < 0.3, text
            assert "with early stopping" not in text or not phase["early_stopping"]["patience"], text
            assert "for 0 steps" not in text, text
            assert "{" not in text, text
            assert not re.search(r"  |, ,|or  |: ;|: ,|use ,|with ;| $|^$", text), repr(text)
    assert n_named > 500


def test_every_rule_has_spoken_in_that() -> None:
    spoken = set()
    for happened in runs(60):
        for n in range(1, len(happened) + 1):
            trace = RunTrace(happened[:n])
            spoken |= {
                rule
                for rule in RULES
                if rule not in spoken and (trace.evaluations or "start" in rule.when) and rule.applies(trace)
            }
    assert {(rule.code, rule.applies.__name__) for rule in RULES} == {
        (rule.code, rule.applies.__name__) for rule in spoken
    }


@pytest.mark.parametrize(
    ("words", "said"), [([], ""), (["a"], "a"), (["a", "b"], "a or b"), (["a", "b", "c"], "a, b or c")]
)
def test_alternatives_read_as_a_sentence_has_them(words: list[str], said: str) -> None:
    assert one_of(words) == said
