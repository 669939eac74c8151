"""A spike is told from the ordinary unrest of batch losses."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmtui.training.spike import LATEST, NEEDED, WINDOW, spiked

TABLES = json.loads((Path(__file__).parents[1] / "golden" / "published.json").read_text())


def noisy(losses: list[float], deviation: float, seed: int = 0) -> list[float]:
    rng = np.random.default_rng(seed)
    return [loss + float(rng.normal(0, deviation)) for loss in losses]


def first_spike(losses: list[float]) -> int | None:
    return next((i for i in range(len(losses)) if spiked(losses[max(0, i + 1 - NEEDED) : i + 1])), None)


@pytest.mark.parametrize("phase", sorted(TABLES))
def test_published_curves_have_none(phase: str) -> None:
    """Between two evaluations the train loss is a line; batches of 64 tokens waver by some 0.3 nats."""
    rows = TABLES[phase]["losses"]
    steps = np.arange(rows[-1]["step"])
    curve = np.interp(steps, [row["step"] for row in rows], [row["train"] for row in rows]).tolist()
    for seed in range(5):
        assert first_spike(noisy(curve, 0.3, seed)) is None


@pytest.mark.parametrize(("level", "after"), [(4.0, 7.0), (0.2, 1.8), (6.0, 8.0), (10.6, 14.0)])
def test_a_loss_that_shoots_up_is_found_at_its_third_step(level: float, after: float) -> None:
    losses = noisy([level] * 60 + [after] * 10, 0.05)
    assert first_spike(losses) == 60 + LATEST - 1


def test_one_or_two_hard_batches_are_none() -> None:
    losses = noisy([3.0] * 60, 0.1)
    losses[55:57] = [9.0, 9.0]
    assert first_spike(losses) is None


def test_a_slow_rise_is_left_to_the_evaluations() -> None:
    assert first_spike(noisy(np.linspace(3, 6, 1_000).tolist(), 0.1)) is None


def test_a_loss_that_is_no_number_is_one_at_once() -> None:
    assert spiked([math.nan])
    assert spiked([3.0, math.inf])
    assert not spiked([])


@given(st.lists(st.floats(0, 20), min_size=NEEDED, max_size=NEEDED + 30))
def test_only_the_latest_count(losses: list[float]) -> None:
    assert spiked(losses) == spiked(losses[-NEEDED:])


@given(st.lists(st.floats(0, 10), min_size=WINDOW, max_size=WINDOW), st.floats(0, 1))
def test_no_loss_within_a_nat_of_the_lowest_is_one(losses: list[float], above: float) -> None:
    assert not spiked([*losses, *[min(losses) + above] * LATEST])
