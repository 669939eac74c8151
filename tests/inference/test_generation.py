"""Generation: the cache changes nothing, rows do not disturb each other, and the settings mean what they say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from slmtui.config.phase import OptimizerSection
from slmtui.data.tokenizer import gpt2_tokenizer
from slmtui.inference.batch import Draw, Sampling, draw_tokens
from slmtui.inference.generation import complete, generate
from slmtui.inference.kv_cache import KVCache
from slmtui.model.gpt import GPT, GPTConfig, initial_gpt
from slmtui.training.optimizer import build_optimizer

CONFIG = GPTConfig(n_vocab=50, n_layer=2, n_head=2, n_embd=16, block_size=12, dropout=0.3)
GREEDY = Sampling(temperature=0.0)
FREE = Sampling(temperature=1.0, top_k=0, top_p=1.0)


@pytest.fixture(scope="module")
def model() -> GPT:
    """Small, with weights large enough that its predictions differ from place to place."""
    made = initial_gpt(CONFIG, seed=1)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(8.0 if parameter.dim() == 2 else 1.0)
    return made


def ids(*tokens: int) -> np.ndarray:
    return np.array(tokens, np.int64)


def drawn(model: GPT, prompts: Sequence[np.ndarray], n: int, sampling: Sampling, seeds: Sequence[int]) -> np.ndarray:
    """(B, n) tokens."""
    return np.stack([draw.tokens.numpy() for draw in generate(model, prompts, n, sampling, seeds)], axis=1)


def without_cache(model: GPT, prompt: np.ndarray, n: int, sampling: Sampling, seed: int) -> Iterator[Draw]:
    """The same, read from the paper: the whole window through the model for each token."""
    was_training = model.training
    model.eval()
    row, stream = torch.from_numpy(prompt), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for _ in range(n):
            logits = model.logits(model(row[None, -CONFIG.block_size :])[:, -1].float())
            tokens = draw_tokens(logits, sampling, [stream])
            yield Draw(tokens, logits.softmax(dim=-1))
            row = torch.cat([row, tokens])
    model.train(was_training)


@pytest.mark.parametrize("length", [1, 5, CONFIG.block_size - 1, CONFIG.block_size, CONFIG.block_size + 7])
def test_the_cache_changes_nothing_before_at_and_past_the_block_size(model: GPT, length: int) -> None:
    prompt = np.random.default_rng(length).integers(0, CONFIG.n_vocab, length)
    cached = list(generate(model, [prompt], 2 * CONFIG.block_size, FREE, [7]))
    plain = list(without_cache(model, prompt, 2 * CONFIG.block_size, FREE, 7))
    assert [int(draw.tokens[0]) for draw in cached] == [int(draw.tokens[0]) for draw in plain]
    for step, (one, other) in enumerate(zip(cached, plain, strict=True)):
        torch.testing.assert_close(one.probabilities, other.probabilities, atol=1e-5, rtol=1e-4, msg=f"at {step}")


def test_a_batch_of_prompts_of_different_lengths_is_each_of_them_alone(model: GPT) -> None:
    prompts = [ids(3), ids(4, 5, 6, 7), ids(*range(11)), ids(*range(20))]
    seeds = [10, 11, 12, 13]
    together = list(generate(model, prompts, 18, FREE, seeds))
    for row, (prompt, seed) in enumerate(zip(prompts, seeds, strict=True)):
        for one, alone in zip(together, generate(model, [prompt], 18, FREE, [seed]), strict=True):
            assert int(one.tokens[row]) == int(alone.tokens[0])
            torch.testing.assert_close(one.probabilities[row], alone.probabilities[0], atol=1e-5, rtol=1e-4)


def test_a_cache_that_is_full_says_so() -> None:
    cache = KVCache(batch=1, n_layer=1, n_head=1, head_size=4, block_size=3)
    cache.advance(3)
    with pytest.raises(ValueError, match="a row of 4 tokens does not fit into a cache of 3"):
        cache.advance(1)


def test_a_seed_gives_the_same_text_and_another_one_another(model: GPT) -> None:
    prompt = [ids(1, 2, 3)]
    first = drawn(model, prompt, 30, FREE, [5])
    assert np.array_equal(first, drawn(model, prompt, 30, FREE, [5]))
    assert not np.array_equal(first, drawn(model, prompt, 30, FREE, [6]))


def test_the_draws_leave_the_global_generator_and_the_mode_of_the_model_alone(model: GPT) -> None:
    model.train()
    torch.manual_seed(3)
    before = torch.get_rng_state()
    for _ in generate(model, [ids(1, 2)], 20, FREE, [5]):
        assert model.training
    assert torch.equal(torch.get_rng_state(), before)


def test_dropout_plays_no_part(model: GPT) -> None:
    model.train()
    in_training = drawn(model, [ids(1, 2)], 20, FREE, [5])
    model.eval()
    assert np.array_equal(in_training, drawn(model, [ids(1, 2)], 20, FREE, [5]))


def test_temperature_0_takes_the_likeliest_whatever_the_seed(model: GPT) -> None:
    draws = list(generate(model, [ids(1, 2), ids(1, 2)], 20, GREEDY, [1, 2]))
    for each in draws:
        assert torch.equal(each.tokens, each.probabilities.argmax(dim=-1))


def test_greedy_rows_use_up_their_streams_as_others_do() -> None:
    """So that a row's later draws do not depend on how the ones before were made."""
    logits = torch.randn(1, 50, generator=torch.Generator().manual_seed(0))
    one, other = torch.Generator().manual_seed(9), torch.Generator().manual_seed(9)
    draw_tokens(logits, GREEDY, [one])
    draw_tokens(logits, FREE, [other])
    assert torch.equal(one.get_state(), other.get_state())


def frequencies(logits: Tensor, sampling: Sampling, draws: int = 2000) -> Tensor:
    """How often each token comes, (V,)."""
    streams = [torch.Generator().manual_seed(seed) for seed in range(draws)]
    tokens = draw_tokens(logits.expand(draws, -1), sampling, streams)
    return torch.bincount(tokens, minlength=logits.size(-1)) / draws


PROBABILITIES = torch.tensor([0.05, 0.4, 0.15, 0.3, 0.1])


def test_tokens_come_as_often_as_the_model_says() -> None:
    assert torch.allclose(frequencies(PROBABILITIES.log(), FREE), PROBABILITIES, atol=0.05)


def test_temperature_sharpens_and_flattens() -> None:
    for temperature in (0.5, 2.0):
        expected = PROBABILITIES.pow(1 / temperature)
        found = frequencies(PROBABILITIES.log(), Sampling(temperature, top_k=0))
        assert torch.allclose(found, expected / expected.sum(), atol=0.05)


def test_top_k_leaves_the_k_likeliest_in_their_proportion() -> None:
    found = frequencies(PROBABILITIES.log(), Sampling(1.0, top_k=2))
    assert torch.allclose(found, torch.tensor([0.0, 4 / 7, 0.0, 3 / 7, 0.0]), atol=0.05)
    everything = frequencies(PROBABILITIES.log(), Sampling(1.0, top_k=100))
    assert torch.equal(everything, frequencies(PROBABILITIES.log(), FREE))


@pytest.mark.parametrize(
    ("top_p", "left"),
    [(1e-9, [1]), (0.39, [1]), (0.41, [1, 3]), (0.69, [1, 3]), (0.75, [1, 3, 2]), (1.0, [0, 1, 2, 3, 4])],
)
def test_top_p_leaves_the_fewest_likeliest_that_reach_it(top_p: float, left: list[int]) -> None:
    logits = torch.tensor([0.05, 0.4, 0.15, 0.3, 0.1], dtype=torch.float64).log()
    found = frequencies(logits, Sampling(1.0, top_k=0, top_p=top_p))
    assert sorted(found.nonzero()[:, 0].tolist()) == sorted(left)


def test_top_p_counts_what_top_k_has_left() -> None:
    found = frequencies(PROBABILITIES.log(), Sampling(1.0, top_k=2, top_p=0.5))  # 4/7 is half of what is left
    assert found.tolist() == [0.0, 1.0, 0.0, 0.0, 0.0]


def test_the_probabilities_are_the_models_own_whatever_the_settings(model: GPT) -> None:
    first = next(generate(model, [ids(1, 2)], 1, Sampling(0.1, top_k=1), [0]))
    second = next(generate(model, [ids(1, 2)], 1, FREE, [0]))
    assert torch.equal(first.probabilities, second.probabilities)
    torch.testing.assert_close(first.probabilities.sum(), torch.tensor(1.0))


def test_a_prompt_without_tokens_is_refused(model: GPT) -> None:
    with pytest.raises(ValueError, match="at least one token"):
        next(generate(model, [ids(1), ids()], 1, FREE, [0, 0]))


def test_a_character_of_several_tokens_comes_whole() -> None:
    """An untrained model writes bytes: no piece may be half a character, and together they are all it drew."""
    tokenizer = gpt2_tokenizer()
    model = initial_gpt(GPTConfig(tokenizer.n_vocab, 1, 1, 4, 8), seed=0)
    pieces = list(complete(model, tokenizer, "é", 40, FREE, seed=4))
    tokens = drawn(model, [tokenizer.encode("é")], 40, FREE, [4])[0]
    assert "".join(pieces) == tokenizer.decode(tokens)
    assert all(pieces)


def test_a_model_trained_between_two_draws_draws_with_its_new_weights() -> None:
    """As when a person talks to a run that goes on."""
    model = initial_gpt(CONFIG, seed=1)
    draws = generate(model, [ids(1, 2, 3)], 2, FREE, [0])
    next(draws)
    model.loss(torch.tensor([[1, 2, 3]]), torch.tensor([[2, 3, 4]])).backward()  # type: ignore[no-untyped-call]
    build_optimizer(model, OptimizerSection()).step(0.1)
    assert isinstance(model.ln_f, torch.nn.LayerNorm)
    with torch.no_grad():
        model.ln_f.weight.zero_()  # whatever the cache holds, the output matrix now reads the bias alone
        expected = (model.lm_head.weight @ model.ln_f.bias).softmax(0)
    assert torch.allclose(next(draws).probabilities[0], expected, atol=1e-6)


def test_the_number_of_threads_is_what_it_was_after_each_draw(model: GPT) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        for _ in generate(model, [ids(1, 2, 3)], 3, FREE, [0]):
            assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
