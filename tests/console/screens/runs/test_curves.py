"""The Runs screen: what its curves compare."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from slmtui.console.charts.widget import Chart
from tests.console.screens.runs.driver import open_runs
from tests.written_runs import done_run


async def test_curves_of_one_vocabulary_are_in_nats(checkpoints: Path) -> None:
    done_run(checkpoints, "phase1-001")
    done_run(checkpoints, "phase1-002", losses=[(6.0, 6.1), (2.0, 2.2)])
    async with open_runs(checkpoints) as opened:
        assert opened.curves == {"phase1-001": [6.6, 4.0, 5.0]}
        await opened.press("space", "j")
        assert opened.curves == {"phase1-001": [6.6, 4.0, 5.0], "phase1-002": [6.1, 2.2]}
        assert "nats per token" in str(opened.screen.query_one("#curves").border_title)
        assert opened.text("#comparable") == ""
        await opened.press("k", "space", "j")
        assert list(opened.curves) == ["phase1-002"]


async def test_curves_of_different_vocabularies_are_in_bits(checkpoints: Path) -> None:
    done_run(checkpoints, "phase1-001", losses=[(2.0, 2.0)])
    done_run(checkpoints, "phase1-002", losses=[(3.0, 3.0)], tokenizer="gpt2", n_vocab=50257)
    async with open_runs(checkpoints) as opened:
        await opened.press("space", "j")
        assert opened.curves["phase1-001"] == pytest.approx([2.0 * 500 / 1250 / math.log(2)])
        assert "bits per byte" in str(opened.screen.query_one("#curves").border_title)
        assert "vocabularies differ" in opened.text("#comparable")


async def test_vocabularies_of_one_size_that_were_learned_from_different_texts_differ(checkpoints: Path) -> None:
    done_run(checkpoints, "phase1-001", tokenizer="bpe", n_vocab=512)
    done_run(checkpoints, "phase1-002", tokenizer="bpe", n_vocab=512, val_tokens=501)
    async with open_runs(checkpoints) as opened:
        await opened.press("space", "j")
        assert "bits per byte" in str(opened.screen.query_one("#curves").border_title)
        assert "vocabularies differ" in opened.text("#comparable")


async def test_different_validation_texts_are_never_compared_silently(checkpoints: Path) -> None:
    done_run(checkpoints, "phase1-001")
    done_run(checkpoints, "phase1-002", val_text="b" * 64)
    async with open_runs(checkpoints) as opened:
        assert opened.text("#comparable") == ""
        await opened.press("space", "j")
        assert opened.text("#comparable") == "Not comparable: different validation text."


async def test_a_baseline_is_drawn_where_the_log_knows_one(checkpoints: Path) -> None:
    done_run(checkpoints, "phase1-001", baseline=3.25, baseline_order=5)
    async with open_runs(checkpoints) as opened:
        spec = opened.screen.query_one(Chart).spec
        assert spec is not None
        assert [(level.name, level.value) for level in spec.levels] == [("5-gram 3.25", 3.25)]


async def test_only_so_many_curves_as_there_are_colours(checkpoints: Path) -> None:
    for number in range(1, 8):
        done_run(checkpoints, f"phase1-{number:03}")
    async with open_runs(checkpoints) as opened:
        await opened.press(*["space", "j"] * 6)
        assert len(opened.screen.marked) == 5
        assert "unmark one" in opened.said
        assert len(opened.curves) == 6
