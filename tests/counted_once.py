"""What adaptive counting reaches on a text is measured once in each process: hundreds of trainings have the same text.

It is a third of the processor time of the smallest trainings. tests/data/test_mixer_baseline.py measures it each time.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from slmtui.data.baseline import Baseline
from slmtui.data.dataset import Dataset
from slmtui.data.mixer_baseline import Limits, with_mixer

SMALL = 100_000  # bytes of a side; larger ones are measured as they come
_known: dict[tuple[object, ...], Baseline] = {}


def counted_once(baseline: Baseline, dataset: Dataset, limits: Limits) -> Baseline:
    """As `with_mixer`, whose result depends on the text, its documents and the notes of the baseline alone."""
    sides = (dataset.train, dataset.val)
    if max(side.n_bytes for side in sides) > SMALL:
        return with_mixer(baseline, dataset, limits)
    texts = (dataset.tokenizer.decode_bytes(side.tokens) for side in sides)
    key = (limits, baseline.note, *texts, *(side.tokens.tobytes() for side in sides), dataset.tokenizer.end)
    if (found := _known.get(key)) is None:
        found = _known[key] = with_mixer(baseline, dataset, limits)
    return replace(baseline, adaptive_bits_per_byte=found.adaptive_bits_per_byte, note=found.note)


@pytest.fixture(scope="session", autouse=True)
def counting_is_not_repeated() -> None:
    """For what trains in this process; those that are started by a test do as they always do."""
    pytest.MonkeyPatch().setattr("slmtui.data.split_stats.with_mixer", counted_once)
