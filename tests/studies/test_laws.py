"""Laws: planted constants are found, and nothing is said of what is too far away."""

from __future__ import annotations

import math

import numpy as np
import pytest

from slmtui.studies.laws import Constants, Law, Point, effective, law_of

TRUTH = Constants(E=1.2, A=40.0, alpha=0.45, B=60.0, beta=0.5)


def planted(noise: float, *, form: str = "data", seed: int = 0, passes: float | None = None) -> list[Point]:
    """Five amounts of data, three sizes of model, three seeds."""
    rng, points = np.random.default_rng(seed), []
    for n in (10_000, 40_000, 160_000):
        for d in (2_000, 6_000, 13_000, 28_000, 51_000):
            seen = 400_000 / d if passes is None else passes
            loss = TRUTH.loss(n, effective(form, d, seen))  # type: ignore[arg-type]
            points.append(Point(n, d, seen, tuple(loss + rng.normal(0, noise, 3))))
    return points


def law(points: list[Point]) -> Law:
    found = law_of(points)
    assert isinstance(found, Law)
    return found


def test_the_constants_are_recovered() -> None:
    found = law(planted(0.0005))
    assert found.form == "data"
    for name in ("E", "alpha", "beta"):
        truth = getattr(TRUTH, name)
        assert getattr(found.fitted, name) == pytest.approx(truth, rel=0.1), name
    assert found.error < 0.01


def test_where_the_text_is_what_is_wanting_more_parameters_bring_nothing() -> None:
    truth = Constants(E=0.0, A=2e6, alpha=1.3, B=4e5, beta=0.2, joint=True)
    rng = np.random.default_rng(0)
    points = [
        Point(n, d, 1.0, tuple(truth.loss(n, d) + rng.normal(0, 0.001, 3)))
        for n in (10_000, 30_000, 90_000) for d in (2_000, 6_000, 13_000, 28_000, 51_000)
    ]  # fmt: skip
    found = law(points)
    assert found.form == "joint"
    assert found.fitted.beta == pytest.approx(truth.beta, rel=0.1)
    assert found.error < 0.01
    few, many = (found.gain((40_000, d, 1.0), (80_000, d, 1.0)) for d in (2_000, 51_000))
    assert few is not None
    assert many is not None
    for d, gain in ((2_000, few), (51_000, many)):
        assert gain[1] <= truth.loss(40_000, d) - truth.loss(80_000, d) <= gain[2]
    assert few[2] < many[0]
    assert found.gain((40_000, 51_000, 1.0), (40_000, 1e6, 1.0)) is None, "more than four times what was measured"


def test_their_intervals_hold_the_truth() -> None:
    held = 0
    for seed in range(5):
        found = law(planted(0.02, seed=seed))
        held += sum(low <= getattr(TRUTH, name) <= high for name in ("alpha", "beta")
                    for low, high in [found.interval(name)])  # fmt: skip
    assert held >= 6, "of 10: three seeds drawn with replacement vary too little"


def test_a_prediction_holds_what_was_not_measured() -> None:
    held = 0
    for seed in range(8):
        found = law(planted(0.02, seed=seed))
        prediction = found.predict(80_000, 100_000, 400_000 / 100_000)
        assert not isinstance(prediction, str)
        held += prediction.low <= TRUTH.loss(80_000, 100_000) <= prediction.high
    assert held >= 7


def test_repeated_text_is_told_from_new_text() -> None:
    """Where the passes differ from cell to cell, the form that counts them fits better."""
    assert law(planted(0.0005, form="repeats")).form == "repeats"
    assert effective("repeats", 1000, 1) == 1000
    assert effective("repeats", 1000, 2) == pytest.approx(1969, abs=2), "the second pass is worth nearly as much"
    assert effective("repeats", 1000, 1e6) == pytest.approx(1000 * (1 + 15.39))


def test_nothing_is_said_beyond_four_times_what_was_measured() -> None:
    found = law(planted(0.01))
    assert not isinstance(found.predict(640_000, 204_000, 2), str)
    said = found.predict(641_000, 51_000, 8)
    assert isinstance(said, str)
    assert "641,000 parameters are more than 4 times from what was measured (10,000 to 160,000)" in said
    assert isinstance(found.predict(40_000, 205_000, 2), str)
    assert isinstance(found.predict(40_000, 499, 2), str)


def test_too_little_for_a_law() -> None:
    points = planted(0.01)
    assert "six cells" in law_of(points[:5]) or "6 cells" in law_of(points[:5])  # type: ignore[operator]
    assert "the same parameters" in law_of([*points[:5], points[0]])  # type: ignore[operator]


@pytest.mark.parametrize("loss", [0.0, -1.0, math.inf, math.nan, 1e300])
def test_a_loss_that_no_training_can_have_is_named(loss: float) -> None:
    points = [Point(n, d, 1.0, (1.0 + 100 / n + 100 / d,)) for n in (100, 200, 400) for d in (1000, 2000)]
    said = law_of([*points, Point(800, 2000, 1.0, (2.0, loss))])
    assert said == (
        f"the cell with 800 parameters and 2,000 training tokens has a loss of {loss:g} bits per byte, "
        "which no law can have"
    )
