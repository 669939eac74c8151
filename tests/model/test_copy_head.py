"""The copy head: what it points at, what that makes of the probabilities, and that the cache changes nothing of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from slmtui.inference.batch import Sampling
from slmtui.inference.generation import generate
from slmtui.model import copy_head
from slmtui.model.copy_head import LONGEST_MATCH, CopyHead
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


def match_lengths(idx: Tensor) -> Tensor:
    """At [b, t, j] how many tokens ending at j match those ending at t, at most 6: (B, T, T)."""
    B, T = idx.shape
    lengths = torch.zeros(B, T, T, dtype=torch.int64)
    for b, row in enumerate(idx.tolist()):
        for t in range(T):
            for j in range(T):
                n = 0
                while n < LONGEST_MATCH and n <= min(t, j) and row[t - n] == row[j - n]:
                    n += 1
                lengths[b, t, j] = n
    return lengths


def defined_distributions(model: GPT, idx: Tensor) -> Tensor:
    """The probabilities of every next token, (B, T, V): one sum for each place, as the definition has it."""
    head = model.copy_head
    assert head is not None
    hidden = model(idx)
    vocabulary, T = model.logits(hidden).softmax(dim=-1), idx.size(1)
    scores = head.query(hidden) @ head.key(hidden).transpose(1, 2) + head.match[match_lengths(idx)]
    rows = []
    for t in range(T):
        places = torch.cat([head.sentinel(hidden[:, t]), scores[:, t, :t]], dim=-1).softmax(dim=-1)  # (B, 1 + t)
        rows.append((places[:, :1] * vocabulary[:, t]).scatter_add(1, idx[:, 1 : t + 1], places[:, 1:]))
    return torch.stack(rows, dim=1)


def distributions(model: GPT, idx: Tensor) -> Tensor:
    """The same as the model gives them."""
    return torch.cat(list(model.distributions(idx))).view(*idx.shape, -1)


@torch.no_grad()
def test_nothing_is_pointed_at_but_what_was_read_after_something_else(model: GPT) -> None:
    idx = tokens(3, 12)
    head = model.copy_head
    assert isinstance(head, CopyHead)
    own, weights = head.shares(idx, model(idx), 12)
    torch.testing.assert_close(own + weights.sum(dim=-1), torch.ones(3, 12))
    assert float(weights[:, :, 0].max()) == 0.0, "nothing stands before the first token"
    assert float(weights.triu(1).max()) == 0.0, "later tokens are not known yet"
    assert float(weights[:, 5, 1:6].min()) > 0.0
    assert float(own[:, 0].min()) == 1.0


def test_a_longer_match_weighs_more_from_the_start() -> None:
    made = initial_gpt(CONFIG, seed=1)
    assert made.copy_head is not None
    idx = torch.tensor([[5, 1, 2, 7, 3, 2, 8, 5, 1, 2]])  # after "5 1 2" came 7, after "3 2" came 8
    _, weights = made.copy_head.shares(idx, made(idx), 10)
    assert weights[0, -1, 3] > weights[0, -1, 6] > weights[0, -1, 4]


@torch.no_grad()
def test_the_loss_is_that_of_the_distributions_which_sum_to_one(model: GPT) -> None:
    idx, targets = tokens(2, 24, seed=3), tokens(2, 24, seed=4)
    p = distributions(model, idx)
    torch.testing.assert_close(p.sum(dim=-1), torch.ones(2, 24))
    torch.testing.assert_close(p, defined_distributions(model, idx), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(torch.cat(list(model.distributions(idx, first=9))).view(2, 15, -1), p[:, 9:])
    expected = -p.gather(-1, targets[..., None])[..., 0].log()
    torch.testing.assert_close(model.token_losses(idx, targets), expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(model.token_losses(idx, targets, first=9), expected[:, 9:], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(model.loss(idx, targets), expected.mean(), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("first", [0, 9])
@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("compiled", [True, False])
def test_every_parameter_learns_what_the_definition_says(
    model: GPT, first: int, shifted: bool, compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the compiled functions, and as it is elsewhere than on a CPU."""
    monkeypatch.setattr(copy_head, "_is_compiled_for", lambda _: compiled)
    idx = tokens(2, 25, seed=8)
    targets = idx[:, 1:] if shifted else tokens(2, 24, seed=9, n_vocab=9)
    idx = idx[:, :-1]
    upstream = torch.rand(2, 24 - first, generator=torch.Generator().manual_seed(0)) - 0.3
    p = defined_distributions(model, idx).gather(-1, targets[..., None])[:, first:, 0]
    found = []
    for losses in (model.token_losses(idx, targets, first=first), -p.log()):
        model.zero_grad()
        losses.backward(upstream)  # type: ignore[no-untyped-call]
        found.append({name: parameter.grad for name, parameter in model.named_parameters()})
    for name, gradient in found[0].items():
        torch.testing.assert_close(gradient, found[1][name], atol=2e-5, rtol=2e-4, msg=name)


def test_what_is_neither_likely_nor_copied_has_a_loss_and_teaches_nothing() -> None:
    made = initial_gpt(CONFIG, seed=1)
    assert made.copy_head is not None
    idx, hidden = torch.tensor([[1, 2, 3]]), torch.zeros(1, 3, 16)
    losses = torch.tensor([[200.0]], requires_grad=True)
    mixed = made.copy_head(idx, hidden, torch.tensor([[7]]), losses)
    mixed.sum().backward()
    assert float(mixed.detach()) == pytest.approx(30 * np.log(10))
    assert losses.grad is not None
    assert float(losses.grad) == 0.0
    assert made.copy_head.match.grad is not None
    assert not made.copy_head.match.grad.any()


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
