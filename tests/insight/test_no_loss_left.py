"""Losses of nothing, as of a text of one symbol: no share of them can be taken, and no run fails for that."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from slmtui.cli import main
from slmtui.console.charts.rendering import draw_chart
from slmtui.console.charts.run_charts import loss_chart
from slmtui.data.baseline import Bar
from slmtui.runs.history import RunHistory
from slmtui.session import begin
from slmtui.training.data_record import DataFacts
from slmtui.training.evaluation import not_negative
from slmtui.training.events import Evaluation, RunFinished, Step
from tests.conftest import MakePhase
from tests.insight.published import Row, run
from tests.insight.sound import SOUND, counted, diagnose
from tests.written_runs import done_run

NOTHING_LEFT: list[Row] = [(0, 4.5, 4.6), *((100 * i, 0.0, 0.0) for i in range(1, 9))]
NEVER_ANY: list[Row] = [(100 * i, 0.0, 0.0) for i in range(9)]
ONE_SYMBOL = replace(
    SOUND, unigram=0.0, repeated_share=1.0, frequency_bits=0.0, compressed_bits=0.0, whole_bits=0.004,
    baseline=replace(counted(0.0, 1), bits_per_byte=0.0),
)  # fmt: skip
BLAMES = {"underfitting", "too_small", "too_few_steps", "rate_too_low", "rate_too_high", "stopped_too_early"}


@pytest.mark.parametrize("rows", [NOTHING_LEFT, NEVER_ANY])
@pytest.mark.parametrize("facts", [ONE_SYMBOL, SOUND, None])
@pytest.mark.parametrize("learning_rate", [1e-5, 1e-3, 1e-1])
def test_a_run_that_has_learned_all_there_is_is_not_blamed(
    rows: list[Row], facts: DataFacts | None, learning_rate: float
) -> None:
    happened = run(rows, n_vocab=257, train_bytes=90_000, learning_rate=learning_rate)
    assert not {finding.code for finding in diagnose(happened, facts)} & BLAMES
    assert not {one.code for one in diagnose(happened, ONE_SYMBOL)} & {"plateau"}


def test_a_vocabulary_of_one_token_is_judged() -> None:
    assert isinstance(diagnose(run(NEVER_ANY, n_vocab=1), None), list)


def test_its_run_is_shown_and_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = done_run(tmp_path, "same-001", [(train, val) for _, train, val in NOTHING_LEFT])
    done_run(tmp_path, "same-002", [(train, val) for _, train, val in NEVER_ANY])
    for command in (["watch", done.name], ["runs"], ["report", "same-001", "same-002"]):
        assert main([*command, "--checkpoints", str(tmp_path)]) == 0
        assert "0.0000" in capsys.readouterr().out, command


@pytest.mark.parametrize("log_y", [False, True])
@pytest.mark.parametrize("rows", [NOTHING_LEFT, NEVER_ANY])
def test_its_curves_are_drawn(rows: list[Row], log_y: bool, tmp_path: Path) -> None:
    history = RunHistory(done_run(tmp_path, "same-001", [(train, val) for _, train, val in rows]))
    history.refresh()
    bar = Bar("a 1-gram model", "1-gram", "", 0.0, 0.0)
    drawn = draw_chart(loss_chart(history, log_y=log_y, smoothing=0.9, bars=[bar]), 80, 20, cursor=100.0)
    assert "train" in "".join(text for row in drawn.rows for text, _ in row)


def test_a_text_of_one_symbol_is_trained_to_its_end(make_phase: MakePhase, corpus: Path, tmp_path: Path) -> None:
    for file in corpus.iterdir():
        file.unlink()
    (corpus / "a.txt").write_text("a" * 6_000)
    settings = ("tokenizer.kind='bytes'", "training.learning_rate=0.3", "model.ngram_mix=0.5")
    happened = list(begin(make_phase(*settings), tmp_path / "runs").events)
    assert isinstance(happened[-1], RunFinished)
    assert happened[-1].reason == "completed"
    losses = [event.loss for event in happened if isinstance(event, Step)]
    for event in happened:
        if isinstance(event, Evaluation):
            losses += [event.train_loss, event.val_loss, event.judged_loss]
    assert min(losses) < 0.01
    assert all(math.copysign(1.0, loss) == 1.0 for loss in losses)


@pytest.mark.parametrize(("loss", "shown"), [(-1e-9, "0.0000"), (-0.0, "0.0000"), (0.25, "0.2500"), (math.nan, "nan")])
def test_a_loss_is_not_shown_below_zero(loss: float, shown: str) -> None:
    assert f"{not_negative(loss):.4f}" == shown
