"""Dropout: the share that is asked for, the same mean, and a stream of its own."""

from __future__ import annotations

import pytest
import torch

from slmtui.model.dropout import Dropout


def dropout(p: float, seed: int = 0) -> Dropout:
    made = Dropout(p)
    made.generator = torch.Generator().manual_seed(seed)
    return made.train()


@pytest.mark.parametrize("p", [0.01, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("shape", [(999_999,), (100, 10, 1000)])
def test_the_share_asked_for_is_dropped_and_the_mean_stays(p: float, shape: tuple[int, ...]) -> None:
    out = dropout(p)(torch.ones(shape))
    deviation = (p * (1 - p) / out.numel()) ** 0.5
    assert (out == 0).float().mean().item() == pytest.approx(p, abs=5 * deviation + 2**-16)
    assert out.mean().item() == pytest.approx(1, abs=5 * deviation / (1 - p) + 1e-6)
    assert len(out.unique()) == 2


def test_neighbours_are_dropped_independently() -> None:
    """Four elements share one drawn number."""
    kept = (dropout(0.5)(torch.ones(400_000)) > 0).double().view(-1, 4)
    assert torch.corrcoef(kept.T).fill_diagonal_(0).abs().max().item() < 0.02
    assert kept.mean(0).tolist() == pytest.approx([0.5] * 4, abs=0.01)


def test_the_stream_is_its_own() -> None:
    torch.manual_seed(1)
    first = dropout(0.3)(torch.ones(1000))
    torch.manual_seed(2)
    assert torch.equal(dropout(0.3)(torch.ones(1000)), first)
    assert not torch.equal(dropout(0.3, seed=1)(torch.ones(1000)), first)


def test_nothing_is_dropped_outside_training_or_without_a_share() -> None:
    x = torch.randn(100)
    assert dropout(0.3).eval()(x) is x
    assert dropout(0.0)(x) is x


def test_almost_all_may_be_dropped() -> None:
    assert dropout(0.9999999)(torch.ones(1000)).isfinite().all()
