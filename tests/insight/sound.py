"""The facts of a dataset with which nothing is wrong."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from slmtui.data.baseline import Baseline
from slmtui.insight.rules import diagnosis
from slmtui.training.data_record import DataFacts
from slmtui.training.events import Event, Finding, RunStarted

SOUND = DataFacts(
    used_tokens=1_400,
    repeated_share=0.12,
    longest_repeat=38,
    longest_train="a.py:1",
    longest_val="b.py:2",
    unseen_share=0.03,
    duplicate_share=0.0,
    unigram=5.0,
)


def counted(loss: float, order: int = 7) -> Baseline:
    """The baseline of an n-gram model with this loss, as a log tells it."""
    return Baseline(
        order=order, loss=loss, order_losses=(), unigram=math.nan, uniform=math.nan, bits_per_byte=math.nan, note=""
    )


def knowing(begin: RunStarted, facts: DataFacts | None) -> RunStarted:
    """The start of a run that knows this of its data."""
    return replace(begin, data=replace(begin.data, facts=facts))


def diagnose(happened: Sequence[Event], facts: DataFacts | None = None) -> list[Finding]:
    """What is wrong with a run that knows this of its data; None: what it knows anyway."""
    if facts is None or not happened:
        return diagnosis.diagnose(happened)
    begin, *others = happened
    assert isinstance(begin, RunStarted)
    return diagnosis.diagnose([knowing(begin, facts), *others])
