"""The full evaluation: each token once, with half a window before it, and so the loss that a completion would have."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from slmtui.data.dataset import SideTokens
from slmtui.model.gpt import GPTConfig, initial_gpt
from slmtui.training.batches import WindowSource, windows_in_order
from slmtui.training.evaluation import full_loss, sampled_loss


def split(n: int) -> SideTokens:
    return SideTokens(np.arange(n, dtype=np.uint16), n)


@pytest.mark.parametrize("block_size", [1, 2, 7, 8])
@pytest.mark.parametrize("n", [2, 3, 8, 9, 12, 13, 14, 40, 61])
def test_every_token_but_the_first_is_predicted_once_and_in_order(n: int, block_size: int) -> None:
    counted: list[int] = []
    for idx, targets, first in windows_in_order(split(n), block_size, batch_size=3):
        assert idx.shape[0] <= 3
        assert idx.shape[1] <= block_size
        assert torch.equal(targets, idx + 1), "inputs and targets are the same text, one apart"
        for row in targets:
            before = int(row[first]) - int(row[0])
            assert before >= block_size // 2 or int(row[0]) == 1, "half a window stands before it, or all there is"
            counted += row[first:].tolist()
    assert counted == list(range(1, n))


def test_with_a_limit_windows_from_all_over_the_text_are_taken() -> None:
    windows = [row[first:] for _, targets, first in windows_in_order(split(1000), 10, 4, limit=100) for row in targets]
    counted = torch.cat(windows)
    assert len(set(counted.tolist())) == len(counted), "no token twice"
    assert 100 <= len(counted) <= 105
    starts = np.array([int(window[0]) for window in windows])
    assert np.ptp(np.diff(starts)) <= 10
    assert starts.max() > 940
    assert {len(window) for window in windows} == {5}, "each counts the same, the first one, too"


def test_the_loss_is_the_mean_over_tokens_read_one_by_one_with_the_same_context() -> None:
    model = initial_gpt(GPTConfig(n_vocab=50, n_layer=1, n_head=2, n_embd=8, block_size=8), seed=3)
    text = torch.from_numpy(np.random.default_rng(0).integers(0, 50, 31))
    begins = [0] * 8 + [4] * 4 + [8] * 4 + [12] * 4 + [16] * 4 + [20] * 4 + [22] * 2  # of the window of each target
    losses = []
    with torch.no_grad():
        for target, begin in enumerate(begins, start=1):
            hidden = model(text[None, begin:target])[:, -1]
            losses.append(float(torch.nn.functional.cross_entropy(model.logits(hidden), text[target : target + 1])))
    measured = full_loss(model, SideTokens(text.numpy().astype(np.uint16), 31))
    assert measured == pytest.approx(np.mean(losses), abs=1e-5)


def test_where_no_token_of_text_is_predicted_there_is_no_loss() -> None:
    model = initial_gpt(GPTConfig(n_vocab=50, n_layer=1, n_head=2, n_embd=8, block_size=8), seed=3)
    side = SideTokens(np.array([7, 49], np.uint16), 1, end=49, lines=np.array([1]))
    assert math.isnan(full_loss(model, side))
    source = WindowSource(side, 8, model.device)
    assert math.isnan(sampled_loss(model, source, 4, np.random.RandomState(0)))
