"""The facts of a dataset with which nothing is wrong."""

from __future__ import annotations

import math

from slmtui.data.baseline import Baseline
from slmtui.training.data_record import DataFacts

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
