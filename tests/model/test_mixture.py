"""The mixture of a network and an n-gram model: probabilities are mixed, not losses; generation predicts with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from slmtui.data.ngram import KneserNey
from slmtui.inference.batch import Draw, Sampling, draw_tokens
from slmtui.inference.generation import generate
from slmtui.model import mixture as module
from slmtui.model.gpt import GPT, GPTConfig, initial_gpt
from slmtui.model.mixture import NgramMixture

CONFIG = GPTConfig(n_vocab=7, n_layer=2, n_head=2, n_embd=16, block_size=6, dropout=0.3)
TEXT = np.array([0, 1, 2, 3, 0, 1, 2, 4, 0, 1, 5, 3, 0, 1, 2, 3])
FREE = Sampling(temperature=1.0, top_k=0)


@pytest.fixture
def model() -> GPT:
    """With weights large enough that its predictions differ from place to place."""
    made = initial_gpt(CONFIG, seed=1)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(8.0 if parameter.dim() == 2 else 1.0)
    made.mixture = NgramMixture(KneserNey.fit(TEXT, CONFIG.n_vocab, order=4), 0.3)
    return made


def test_by_hand_on_three_tokens() -> None:
    """One text of "0 0 1", order 1: n1 = n2 = 1, so D = 1/3; p(0) = (2 − D)/3 + (2 D/3)/3 = 17/27."""
    mixture = NgramMixture(KneserNey.fit([0, 0, 1], n_vocab=3, order=1), 0.25)
    expected = [0.75 * 0.2 + 0.25 * 17 / 27, 0.75 * 0.3 + 0.25 * 8 / 27, 0.75 * 0.5 + 0.25 * 2 / 27]
    mixed = mixture.begin([np.array([1, 2])]).probabilities(torch.tensor([[0.2, 0.3, 0.5]], dtype=torch.float64))
    torch.testing.assert_close(mixed, torch.tensor([expected], dtype=torch.float64))
    losses = mixture.losses(-torch.tensor([0.2, 0.5]).log(), mixture.ngram_losses(np.array([0, 2])))
    torch.testing.assert_close(losses, -torch.tensor([expected[0], expected[2]]).log())


def test_a_token_that_the_network_rules_out_costs_what_the_ngram_model_says() -> None:
    mixture = NgramMixture(KneserNey.fit([0, 0, 1], n_vocab=3, order=1), 0.25)
    losses = mixture.losses(torch.tensor([1e4]), -torch.tensor([0.5]).log())
    torch.testing.assert_close(losses, -torch.tensor([0.25 * 0.5]).log())


def test_losses_of_a_long_text_do_not_depend_on_its_pieces(model: GPT, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(model.mixture, NgramMixture)
    text = np.random.default_rng(3).choice(TEXT, 101)
    whole = model.mixture.ngram_losses(text)
    np.testing.assert_allclose(whole, model.mixture.ngram.losses(text), rtol=1e-6)
    for pieces in (1, 2, 5, 50):
        monkeypatch.setattr(module, "TOKENS_AT_ONCE", pieces)
        assert torch.equal(model.mixture.ngram_losses(text), whole), pieces


def plainly(model: GPT, prompt: np.ndarray, n: int, seed: int) -> Iterator[Draw]:
    """Without a cache, a batch or a window: both models asked for the whole text again at each token."""
    assert isinstance(model.mixture, NgramMixture)
    model.eval()
    row, stream = torch.from_numpy(prompt), torch.Generator().manual_seed(seed)
    m = model.mixture.share
    with torch.no_grad():
        for _ in range(n):
            network = model.logits(model(row[None, -CONFIG.block_size :])[:, -1]).softmax(-1)
            mixed = (1 - m) * network + m * torch.from_numpy(model.mixture.ngram.distribution(row.numpy())).float()
            tokens = draw_tokens(mixed.log(), FREE, [stream])
            yield Draw(tokens, mixed)
            row = torch.cat([row, tokens])


@pytest.mark.parametrize("length", [1, 2, 5, 6, 13])
def test_generation_mixes_before_at_and_past_the_block_size(model: GPT, length: int) -> None:
    prompt = np.random.default_rng(length).integers(0, CONFIG.n_vocab, length)
    other = np.array([3])
    drawn = list(generate(model, [prompt, other], 15, FREE, [7, 8]))
    for step, (one, plain) in enumerate(zip(drawn, plainly(model, prompt, 15, 7), strict=True)):
        assert int(one.tokens[0]) == int(plain.tokens[0])
        torch.testing.assert_close(one.probabilities[:1], plain.probabilities, atol=1e-5, rtol=1e-4, msg=f"at {step}")
        torch.testing.assert_close(one.probabilities.sum(dim=-1), torch.ones(2))


def test_what_is_predicted_is_what_is_judged(model: GPT) -> None:
    """The probabilities of generation are those whose loss an evaluation takes."""
    assert isinstance(model.mixture, NgramMixture)
    text = torch.from_numpy(TEXT[: CONFIG.block_size + 1])
    model.eval()
    network = model.token_losses(text[None, :-1], text[None, 1:])[0]
    losses = model.mixture.losses(network, model.mixture.ngram_losses(text.numpy())[1:])
    for place, loss in enumerate(losses, start=1):
        (draw,) = generate(model, [text[:place].numpy()], 1, FREE, [0])
        torch.testing.assert_close(-draw.probabilities[0, text[place]].log(), loss)


def test_what_each_part_said_of_a_token_is_what_was_mixed(model: GPT) -> None:
    assert isinstance(model.mixture, NgramMixture)
    m, text = model.mixture.share, [*TEXT[:9].tolist()]
    for draw in generate(model, [np.array(text)], 12, FREE, [3]):
        (origin,), token = draw.origins, int(draw.tokens)
        assert origin.copied is None, "there is no copy head"
        assert origin.counts is not None
        assert origin.counts.p == pytest.approx(model.mixture.ngram.distribution(text)[token])
        assert (1 - m) * origin.network + m * origin.counts.p == pytest.approx(draw.probabilities[0, token].item())
        trained = TEXT.tolist()
        known = [n for n in range(model.mixture.ngram.order) if followed(trained, text[len(text) - n :])]
        assert (origin.counts.matched, origin.counts.unit) == (max(known), "token")
        text.append(token)


def followed(text: list[int], context: list[int]) -> bool:
    """Does any token come after this context, somewhere in the text?"""
    return any(text[at : at + len(context)] == context for at in range(len(text) - len(context)))


def test_temperature_0_takes_the_likeliest_of_the_mixture(model: GPT) -> None:
    assert isinstance(model.mixture, NgramMixture)
    greedy = Sampling(temperature=0.0)
    alone = [int(draw.tokens) for draw in generate(model, [TEXT[:3]], 12, greedy, [0])]
    model.mixture = replace(model.mixture, share=0.999)
    draws = list(generate(model, [TEXT[:3]], 12, greedy, [0]))
    assert all(torch.equal(draw.tokens, draw.probabilities.argmax(dim=-1)) for draw in draws)
    assert [int(draw.tokens) for draw in draws] != alone
    assert [int(draw.tokens) for draw in draws][:2] == [3, 0], "as the text goes on"


@pytest.mark.parametrize(("n_vocab", "bf16"), [(50, False), (3000, False), (3000, True)])
def test_the_losses_of_tokens_have_the_mean_that_training_sees(n_vocab: int, bf16: bool) -> None:
    model = initial_gpt(replace(CONFIG, n_vocab=n_vocab, block_size=40), seed=2).eval()
    idx = torch.from_numpy(np.random.default_rng(0).integers(0, n_vocab, (9, 41)))
    losses = model.token_losses(idx[:, :-1], idx[:, 1:], bf16=bf16)
    assert losses.shape == (9, 40)
    with torch.no_grad():
        expected = model.loss(idx[:, :-1], idx[:, 1:], bf16=bf16)
    torch.testing.assert_close(losses.mean(), expected, rtol=1e-3 if bf16 else 1e-5, atol=0.0)
