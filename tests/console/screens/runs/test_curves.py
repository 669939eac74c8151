"""The Runs screen: what its curves compare."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from slmtui.console.charts.widget import Chart
from slmtui.training import events
from slmtui.training.events import to_json
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


async def test_other_metrics_of_the_marked_runs_and_who_has_none(checkpoints: Path) -> None:
    done_run(checkpoints, "phase1-001", memory=300_000_000)
    done_run(checkpoints, "phase1-002", losses=[(6.0, 6.1), (2.0, 2.2)])
    async with open_runs(checkpoints) as opened:
        await opened.press("space", "j", "f")
        title = opened.screen.query_one("#curves")
        await opened.until(lambda: "training loss" in str(title.border_title))
        assert opened.curves == {"phase1-001": [3.0, 1.0], "phase1-002": [2.0]}
        await opened.press("f", "f")
        await opened.until(lambda: "learning rate" in str(title.border_title))
        assert opened.curves == {"phase1-001": [1e-3, 1e-3], "phase1-002": [1e-3]}
        assert opened.text("#comparable") == ""
        await opened.press("f", "f")
        await opened.until(lambda: "memory" in str(title.border_title))
        assert opened.curves == {"phase1-001": [300.0, 300.0, 300.0]}
        assert opened.text("#comparable").startswith("No memory in the log of phase1-002: ")
        await opened.press("k", "space", "j")  # the other one alone
        chart = opened.screen.query_one(Chart)
        await opened.until(lambda: chart.spec is not None and not chart.spec.series)
        assert chart.spec is not None
        assert chart.spec.instead.startswith("No memory in the log of phase1-002: ")
        assert opened.text("#comparable") == ""
        await opened.press("f")
        await opened.until(lambda: "validation loss" in str(title.border_title))
        assert opened.curves == {"phase1-002": [6.1, 2.2]}


async def test_a_metric_follows_a_run_that_goes_on(checkpoints: Path) -> None:
    run = done_run(checkpoints, "phase1-001", reason=None)
    async with open_runs(checkpoints) as opened:
        await opened.press("f", "f")
        await opened.until(lambda: opened.curves == {"phase1-001": [1.0, 1.0]})
        with run.log_file.open("a") as log:
            log.write(to_json(events.Step(step=300, loss=1.0, learning_rate=1e-3, grad_norm=7.0, tokens=9)) + "\n")
        await opened.until(lambda: opened.curves == {"phase1-001": [1.0, 1.0, 7.0]})


async def test_the_range_in_view_stays_from_run_to_run(checkpoints: Path) -> None:
    done_run(checkpoints, "phase1-001")
    done_run(checkpoints, "phase1-002", losses=[(6.0, 6.1), (2.0, 2.2)])
    async with open_runs(checkpoints) as opened:
        chart = opened.screen.query_one(Chart)
        chart.focus()
        await opened.press("up")
        assert "zoom" in str(opened.screen.query_one("#curves").border_subtitle)
        part = chart.zoom.x
        assert part is not None
        opened.table.focus()
        await opened.press("j")
        await opened.until(lambda: list(opened.curves) == ["phase1-002"])
        assert chart.zoom.x == part
        assert str(opened.screen.query_one("#curves").border_subtitle) == "f next metric"
        chart.focus()
        await opened.press("0")
        assert chart.zoom.x is None
