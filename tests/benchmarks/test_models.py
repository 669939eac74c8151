"""Other people's models are of the same shape as the textbook's; only where the extra `bench` is installed."""

from __future__ import annotations

import pytest
import torch

from benchmarks.models import MODELS
from benchmarks.textbook import Config

TINY = Config(
    dataset_size=100, n_layer=2, n_head=2, n_embd=16, block_size=8, max_iters=1, batch_size=3, learning_rate=1e-3,
    eval_interval=1, n_vocab=300,
)  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_of_the_configured_shape_and_gives_logits_and_loss(name: str) -> None:
    if name != "textbook":
        pytest.importorskip(name)
    torch.manual_seed(0)
    model = MODELS[name](TINY)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    positions = 0 if name == "litgpt" else TINY.block_size * TINY.n_embd
    assert parameters == TINY.n_vocab * 16 + positions + 2 * (12 * 16**2 + 13 * 16) + 2 * 16
    inputs, targets = torch.randint(0, TINY.n_vocab, (2, 3, 8))
    logits, loss = model(inputs, targets)
    assert logits.shape == (3, 8, TINY.n_vocab)
    assert loss.item() == pytest.approx(5.70, abs=0.1), "ln 300: it knows nothing yet"
