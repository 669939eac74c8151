"""The copy head: what it points at, what that makes of the probabilities, and that the cache changes nothing of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from slmtui.inference.batch import Sampling
from slmtui.inference.generation import generate
from slmtui.model.copy_head import LONGEST_MATCH, CopyHead, _lookup, match_lengths
from slmtui.model.gpt import GPT, GPTConfig, initial_gpt

CONFIG = GPTConfig(n_vocab=9, n_layer=2, n_head=2, n_embd=16, block_size=24, dropout=0.0, copy_head=True)
FREE = Sampling(temperature=1.0, top_k=0, top_p=1.0)


@pytest.fixture(scope="module")
def model() -> GPT:
    """With weights so large that the head points here and there."""
    made = initial_gpt(CONFIG, seed=1)
    assert made.copy_head is not None
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(8.0 if parameter.dim() == 2 else 1.0)
        torch.nn.init.normal_(made.copy_head.query.weight, std=0.3, generator=torch.Generator().manual_seed(2))
        made.copy_head.sentinel.bias.fill_(2.0)
    return made.eval()


def tokens(*shape: int, seed: int = 0, n_vocab: int = 3) -> Tensor:
    return torch.randint(0, n_vocab, shape, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def distributions(model: GPT, idx: Tensor) -> Tensor:
    """The probabilities of every next token, (B, T, V): one sum for each place, as the definition has it."""
    assert model.copy_head is not None
    hidden = model(idx)
    own, weights = model.copy_head(idx, hidden)
    p: Tensor = own[..., None] * model.logits(hidden).softmax(dim=-1)
    B, T = idx.shape
    for b in range(B):
        for t in range(T):
            for j in range(T):
                p[b, t, idx[b, j]] += weights[b, t, j]
    return p


def test_match_lengths_are_those_of_the_texts() -> None:
    idx = tokens(2, 19)
    lengths = match_lengths(idx)
    for b, row in enumerate(idx.tolist()):
        for t in range(19):
            for j in range(19):
                n = 0
                while n < LONGEST_MATCH and n <= min(t, j) and row[t - n] == row[j - n]:
                    n += 1
                assert lengths[b, t, j] == n
    assert lengths.max() == LONGEST_MATCH


@torch.no_grad()
def test_nothing_is_pointed_at_but_what_was_read_after_something_else(model: GPT) -> None:
    idx = tokens(3, 12)
    head = model.copy_head
    assert isinstance(head, CopyHead)
    own, weights = head(idx, model(idx))
    torch.testing.assert_close(own + weights.sum(dim=-1), torch.ones(3, 12))
    assert float(weights[:, :, 0].max()) == 0.0, "nothing stands before the first token"
    assert float(weights.triu(1).max()) == 0.0, "later tokens are not known yet"
    assert float(weights[:, 5, 1:6].min()) > 0.0
    assert float(own[:, 0].min()) == 1.0


def test_a_longer_match_weighs_more_from_the_start() -> None:
    made = initial_gpt(CONFIG, seed=1)
    assert made.copy_head is not None
    idx = torch.tensor([[5, 1, 2, 7, 3, 2, 8, 5, 1, 2]])  # after "5 1 2" came 7, after "3 2" came 8
    _, weights = made.copy_head(idx, made(idx))
    assert weights[0, -1, 3] > weights[0, -1, 6] > weights[0, -1, 4]


def test_the_loss_is_that_of_the_distributions_which_sum_to_one(model: GPT) -> None:
    idx, targets = tokens(2, 24, seed=3), tokens(2, 24, seed=4)
    p = distributions(model, idx)
    torch.testing.assert_close(p.sum(dim=-1), torch.ones(2, 24))
    expected = -p.gather(-1, targets[..., None])[..., 0].log()
    torch.testing.assert_close(model.token_losses(idx, targets), expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(model.token_losses(idx, targets, first=9), expected[:, 9:], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(model.loss(idx, targets), expected.mean(), atol=1e-5, rtol=1e-5)


def test_the_match_lengths_learn_as_indexing_them_would(model: GPT) -> None:
    table, idx = torch.arange(LONGEST_MATCH + 1.0, requires_grad=True), tokens(2, 30, seed=8)
    upstream = torch.randn(2, 30, 30, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(_lookup(match_lengths(idx), table), table[match_lengths(idx)])
    (summed,) = torch.autograd.grad(_lookup(match_lengths(idx), table), table, upstream)
    (indexed,) = torch.autograd.grad(table[match_lengths(idx)], table, upstream)
    torch.testing.assert_close(summed, indexed)


def test_what_comes_later_changes_nothing(model: GPT) -> None:
    idx, targets = tokens(1, 20, seed=5), tokens(1, 20, seed=6)
    changed = idx.clone()
    changed[:, 13:] = 8 - changed[:, 13:]
    one, other = model.token_losses(idx, targets), model.token_losses(changed, targets)
    torch.testing.assert_close(one[:, :13], other[:, :13])
    assert not torch.allclose(one[:, 13:], other[:, 13:])


@pytest.mark.parametrize("length", [1, 9, CONFIG.block_size - 1, CONFIG.block_size, CONFIG.block_size + 7])
def test_completions_have_these_distributions_before_at_and_past_the_block_size(model: GPT, length: int) -> None:
    row = tokens(1, length, seed=length)
    for draw in generate(model, [row[0].numpy()], 2 * CONFIG.block_size, FREE, [7]):
        expected = distributions(model, row[:, -CONFIG.block_size :])[:, -1]
        torch.testing.assert_close(draw.probabilities, expected, atol=1e-5, rtol=1e-4)
        (origin,) = draw.origins
        assert origin.network == pytest.approx(draw.probabilities[0, draw.tokens[0]].item())
        assert origin.copied is not None
        assert 0 <= origin.copied <= origin.network * (1 + 1e-5)
        if int(draw.tokens) not in row[:, -CONFIG.block_size + 1 :]:
            assert origin.copied == 0, "no token of the window to repeat"
        row = torch.cat([row, draw.tokens[None]], dim=1)


def test_prompts_of_different_lengths_are_completed_side_by_side_as_alone(model: GPT) -> None:
    prompts = [tokens(n, seed=n).numpy() for n in (1, 4, 11, 30)]
    seeds = [10, 11, 12, 13]
    together = list(generate(model, prompts, 30, FREE, seeds))
    for i, (prompt, seed) in enumerate(zip(prompts, seeds, strict=True)):
        for one, alone in zip(together, generate(model, [prompt], 30, FREE, [seed]), strict=True):
            assert int(one.tokens[i]) == int(alone.tokens[0])
            torch.testing.assert_close(one.probabilities[i], alone.probabilities[0], atol=1e-5, rtol=1e-4)


def test_it_learns_to_copy_what_no_transformer_of_this_size_learns_so_soon() -> None:
    """Every text is made of twelve random tokens and the same twelve again."""
    config = replace(CONFIG, n_vocab=60)
    rng = np.random.default_rng(0)

    def loss_after_training(config: GPTConfig) -> float:
        trained = initial_gpt(config, seed=1)
        optimizer = torch.optim.SGD(trained.parameters(), lr=0.5)
        for _ in range(60):
            half = torch.from_numpy(rng.integers(0, 60, (8, 12)))
            text = torch.cat([half, half, half[:, :1]], dim=1)
            loss = trained.loss(text[:, :-1], text[:, 1:], first=12)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        return float(loss.detach())

    assert loss_after_training(config) < 0.5
    assert loss_after_training(replace(config, copy_head=False)) > 3.0
