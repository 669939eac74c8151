"""Rows of a batch: whoever joins and leaves, each is to the last bit what it is alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from slmtui.data.context_mixing.mixer import ContextMixer
from slmtui.data.ngram import KneserNey
from slmtui.inference.batch import Batch, Row, Sampling
from slmtui.inference.generation import generate
from slmtui.model.context_mixture import ContextMixture
from slmtui.model.gpt import GPT, GPTConfig, initial_gpt
from slmtui.model.mixture import NgramMixture

SETTINGS = [Sampling(1.0, 0, 1.0), Sampling(0.0), Sampling(0.7, 5, 0.9)]
Drawn = list[tuple[int, torch.Tensor, object]]


LLAMA = {"positions": "rotary", "norm": "rms", "mlp": "swiglu"}


def model(n_embd: int, *, mixture: str = "", n_vocab: int = 57, **choices: Any) -> GPT:
    """With weights large enough that its predictions differ from place to place."""
    made = initial_gpt(GPTConfig(n_vocab, 2, 2, n_embd, 24, **choices), seed=1).eval()
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if not name.startswith("copy_head"):
                parameter.mul_(4.0 if parameter.dim() == 2 else 1.0)
    text = np.random.default_rng(0).integers(0, n_vocab, 400)
    if mixture == "ngram":
        made.mixture = NgramMixture(KneserNey.fit(text, n_vocab, order=3), 0.3)
    if mixture == "context":
        vocabulary = [b"", *(bytes([65 + i]) for i in range(n_vocab - 1))]
        made.mixture = ContextMixture(ContextMixer.fit(vocabulary, text), text)
    return made


def alone(model: GPT, prompt: np.ndarray, n: int, sampling: Sampling, seed: int) -> Drawn:
    draws = generate(model, [prompt], n, sampling, [seed])
    return [(int(draw.tokens), draw.probabilities[0], draw.origins[0]) for draw in draws]


def together(model: GPT, prompts: list[np.ndarray], n: int) -> list[Drawn]:
    """Each goes on for n tokens; a new one joins after every second token, so that they are at different places."""
    batch = Batch(model, apart=True)
    drawn: list[Drawn] = [[] for _ in prompts]
    waiting = list(enumerate(prompts))
    going: dict[Row, int] = {}
    step = 0
    while waiting or going:
        if waiting and step % 2 == 0:
            place, prompt = waiting.pop(0)
            going[batch.join(prompt, SETTINGS[place % 3], seed=place)] = place
        draw = batch.step()
        done = []
        for at, row in enumerate(batch.rows):
            drawn[going[row]].append((int(draw.tokens[at]), draw.probabilities[at], draw.origins[at]))
            if len(drawn[going[row]]) == n:
                done.append(row)
        for row in done:
            batch.leave(row)
            del going[row]
        step += 1
    return drawn


@pytest.mark.parametrize(
    ("n_embd", "choices"),
    [
        (16, {}),
        (50, {}),  # no multiple of a vector's length
        (96, {"copy_head": True}),
        (16, {"copy_head": True, "mixture": "ngram"}),
        (64, {"copy_head": True, "mixture": "context"}),
        (52, LLAMA),
        (64, LLAMA | {"mlp": "gelu_tanh"}),
    ],
)
def test_who_is_in_the_batch_changes_no_bit(n_embd: int, choices: dict[str, Any]) -> None:
    made = model(n_embd, **choices)
    rng = np.random.default_rng(3)
    lengths = (1, 9, 23, 24, 40, 5, 5, 17, 2, 30)  # below, at and past the block size
    prompts = [rng.integers(0, 57, length) for length in lengths]
    for place, drawn in enumerate(together(made, prompts, 12)):
        expected = alone(made, prompts[place], 12, SETTINGS[place % 3], seed=place)
        assert [token for token, _, _ in drawn] == [token for token, _, _ in expected]
        assert all(torch.equal(one[1], other[1]) for one, other in zip(drawn, expected, strict=True))
        assert [origin for _, _, origin in drawn] == [origin for _, _, origin in expected]


def test_tokens_that_are_given_are_taken_and_told_like_drawn_ones() -> None:
    made = model(16)
    prompt, given = np.array([3, 1]), [7, 8, 9]
    batch = Batch(made, apart=True)
    row = batch.join(prompt, SETTINGS[0], seed=0, given=given)
    draws = [batch.step() for _ in range(4)]
    assert [int(draw.tokens) for draw in draws][:3] == given
    assert row.text[:5].tolist() == [3, 1, *given]
    for place, draw in enumerate(draws):
        (expected,) = generate(made, [np.array([3, 1, *given[:place]])], 1, SETTINGS[0], [0])
        torch.testing.assert_close(draw.probabilities, expected.probabilities, atol=1e-6, rtol=1e-5)
        assert draw.origins[0].network == pytest.approx(float(draw.probabilities[0, draw.tokens[0]]))


def test_a_batch_may_become_empty_and_fill_again() -> None:
    made = model(16, copy_head=True)
    batch = Batch(made, apart=True)
    for seed in range(3):
        row = batch.join(np.array([1, 2, 3]), SETTINGS[0], seed)
        drawn = [int(batch.step().tokens) for _ in range(5)]
        assert drawn == [token for token, _, _ in alone(made, np.array([1, 2, 3]), 5, SETTINGS[0], seed)]
        batch.leave(row)
        assert batch.rows == []


@pytest.mark.parametrize("choices", [{"copy_head": True, "mixture": "context"}, {"mixture": "ngram"}])
def test_rows_that_begin_alike_and_draws_whose_origins_are_not_told_are_what_they_are_alone(
    choices: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    made = model(16, **choices)
    prompt = np.arange(1, 12)
    batch = Batch(made, apart=True, told=False)
    rows = [batch.join(prompt if seed % 3 else prompt[:5], SETTINGS[0], seed) for seed in range(6)]
    draws = [batch.step() for _ in range(8)]
    assert not draws[0].origins
    for seed, row in enumerate(rows):
        expected = alone(made, row.text[:-8].numpy(), 8, SETTINGS[0], seed)
        assert row.text[-8:].tolist() == [token for token, _, _ in expected]
        assert all(torch.equal(draw.probabilities[seed], p) for draw, (_, p, _) in zip(draws, expected, strict=True))
