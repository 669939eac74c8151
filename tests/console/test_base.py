"""When a screen looks for news."""

from __future__ import annotations

import math

from slmtui.console.base import is_due


def test_looks_that_cost_much_become_rare_while_a_training_wants_the_cores() -> None:
    assert is_due(0.25, spent=1.0, training=False), "nobody wants the cores"
    assert not is_due(0.5, spent=0.006, training=True)
    assert is_due(0.75, spent=0.006, training=True), "a hundredth of the time"
    assert is_due(1.0, spent=1.0, training=True), "never rarer than that"
    assert is_due(0.25, spent=0.0, training=True)
    assert is_due(math.inf, spent=1.0, training=True), "at once where something was asked for"
