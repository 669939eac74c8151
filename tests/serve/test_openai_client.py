"""What OpenAI's own client gets: the calls of its completions and models, and its errors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest

from slmtui.inference.batch import Sampling
from slmtui.inference.generation import complete
from slmtui.runs.checkpoint import SavedModel, load_model
from slmtui.runs.run import Run
from tests.patience import PATIENCE
from tests.serve.conftest import Server

PROMPT = "def load_"


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[Any]:
    with openai.OpenAI(base_url=f"{server.address}/v1", api_key="none", max_retries=0, timeout=PATIENCE) as made:
        yield made


@pytest.fixture(scope="module")
def saved(run: Run) -> SavedModel:
    return load_model(run.best_file)


def completed(saved: SavedModel, prompt: str, n: int, seed: int, stops: tuple[str, ...] = (), **settings: Any) -> str:
    """What `slmtui complete` writes."""
    usual = saved.phase.sampling
    sampling = Sampling(**{"temperature": usual.temperature, "top_k": usual.top_k, "top_p": usual.top_p} | settings)
    return "".join(complete(saved.model, saved.tokenizer, prompt, n, sampling, seed, stops))


def test_the_text_is_the_one_that_slmtui_complete_writes(client: Any, saved: SavedModel, run: Run) -> None:
    answer = client.completions.create(model=run.name, prompt=PROMPT, max_tokens=40, seed=7)
    (choice,) = answer.choices
    assert choice.text == completed(saved, PROMPT, 40, 7)
    assert (choice.index, choice.logprobs, answer.object, answer.model) == (0, None, "text_completion", run.name)
    assert answer.usage.prompt_tokens == len(saved.tokenizer.encode_prompt(PROMPT))
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


@pytest.mark.parametrize(
    ("asked", "settings"),
    [
        ({"temperature": 0}, {"temperature": 0.0}),
        ({"temperature": 1.5, "top_p": 0.6}, {"temperature": 1.5, "top_p": 0.6}),
        ({"extra_body": {"top_k": 3}}, {"top_k": 3}),
        ({"extra_body": {"top_k": -1}}, {"top_k": 0}),  # llama.cpp's word for all
    ],
)
def test_the_settings_are_those_that_are_asked_for(
    client: Any, saved: SavedModel, run: Run, asked: dict[str, Any], settings: dict[str, Any]
) -> None:
    answer = client.completions.create(model=run.name, prompt=PROMPT, max_tokens=25, seed=3, **asked)
    assert answer.choices[0].text == completed(saved, PROMPT, 25, 3, **settings)


def test_several_prompts_and_several_of_each_have_seeds_one_after_another(
    client: Any, saved: SavedModel, run: Run
) -> None:
    prompts = [PROMPT, "", "import é"]
    answer = client.completions.create(model=run.name, prompt=prompts, n=2, max_tokens=10, seed=5)
    expected = [completed(saved, prompts[i // 2], 10, 5 + i) for i in range(6)]
    assert [choice.text for choice in answer.choices] == expected
    assert [choice.index for choice in answer.choices] == list(range(6))


@pytest.mark.parametrize("n", [1, 3])
def test_streamed_it_is_the_same_text(client: Any, run: Run, n: int) -> None:
    asked = {
        "model": run.name,
        "prompt": PROMPT,
        "max_tokens": 40,
        "seed": 11,
        "n": n,
        "temperature": 1.2,
        "logprobs": 2,
    }
    whole = client.completions.create(**asked)
    texts, finishes = [""] * n, [""] * n
    tokens: list[list[str]] = [[] for _ in range(n)]
    for chunk in client.completions.create(**asked, stream=True):
        (choice,) = chunk.choices
        texts[choice.index] += choice.text
        tokens[choice.index] += choice.logprobs.tokens
        finishes[choice.index] = choice.finish_reason or finishes[choice.index]
        assert chunk.usage is None
    assert texts == [choice.text for choice in whole.choices]
    assert finishes == [choice.finish_reason for choice in whole.choices]
    assert tokens == [choice.logprobs.tokens for choice in whole.choices]


def test_a_stream_tells_its_usage_if_asked(client: Any, run: Run) -> None:
    asked = {"model": run.name, "prompt": PROMPT, "max_tokens": 7, "seed": 1}
    *_, last = client.completions.create(**asked, stream=True, stream_options={"include_usage": True})
    assert last.choices == []
    assert last.usage == client.completions.create(**asked).usage


def test_a_stop_ends_the_text_before_it(client: Any, saved: SavedModel, run: Run) -> None:
    free = completed(saved, PROMPT, 60, 2)
    stop = free[9:12]
    answer = client.completions.create(model=run.name, prompt=PROMPT, max_tokens=60, seed=2, stop=[stop, "~~"])
    (choice,) = answer.choices
    assert choice.text == completed(saved, PROMPT, 60, 2, (stop, "~~")) == free[: free.index(stop)]
    assert choice.finish_reason == "stop"
    streamed = client.completions.create(model=run.name, prompt=PROMPT, max_tokens=60, seed=2, stop=stop, stream=True)
    assert "".join(chunk.choices[0].text for chunk in streamed) == choice.text


def test_the_length_or_the_documents_end_ends_it(client: Any, run: Run) -> None:
    reasons = {
        client.completions.create(model=run.name, prompt=PROMPT, max_tokens=n, seed=4).choices[0].finish_reason
        for n in (1, 400)
    }
    assert reasons <= {"length", "stop"}
    assert client.completions.create(model=run.name, prompt="x", max_tokens=0).choices[0].text == ""


def test_logprobs_tell_each_token_and_its_place(client: Any, saved: SavedModel, run: Run) -> None:
    answer = client.completions.create(model=run.name, prompt=PROMPT, max_tokens=30, seed=9, logprobs=4)
    (choice,) = answer.choices
    told, text = choice.logprobs, PROMPT + choice.text
    assert len(told.tokens) == len(told.token_logprobs) == len(told.top_logprobs) == len(told.text_offset)
    for token, logprob, top, offset in zip(*[getattr(told, name) for name in COLUMNS], strict=True):
        assert token.startswith("bytes:") or text[offset:].startswith(token)
        assert top[token] == logprob <= 0
        fewest = 4 if offset > len(PROMPT) else 1  # that go on with the last word of the prompt
        assert fewest <= len(top) <= 5
        assert max(top.values()) == pytest.approx(sorted(top.values())[-1])


COLUMNS = ("tokens", "token_logprobs", "top_logprobs", "text_offset")


def test_echo_repeats_the_prompt_and_tells_how_likely_it_was(client: Any, run: Run) -> None:
    asked = {"model": run.name, "prompt": PROMPT, "max_tokens": 5, "seed": 6, "logprobs": 0}
    alone, echoed = client.completions.create(**asked), client.completions.create(**asked, echo=True)
    assert echoed.choices[0].text == PROMPT + alone.choices[0].text
    told = echoed.choices[0].logprobs
    assert "".join(told.tokens).startswith(PROMPT)
    assert told.text_offset[0] == 0
    before = sum(offset < len(PROMPT) for offset in told.text_offset)
    assert told.tokens[before:] == alone.choices[0].logprobs.tokens
    assert told.text_offset[before:] == alone.choices[0].logprobs.text_offset
    scored = client.completions.create(**asked | {"max_tokens": 0}, echo=True)
    assert scored.choices[0].text == PROMPT
    assert scored.choices[0].logprobs.tokens == told.tokens[:before]


def test_the_models_are_the_runs_and_their_checkpoints(client: Any, run: Run, saved: SavedModel) -> None:
    names = [model.id for model in client.models.list()]
    assert run.name in names
    assert f"{run.name}@{saved.step}" in names
    assert client.models.retrieve(run.name).owned_by == "slmtui"
    asked = {"prompt": PROMPT, "max_tokens": 20, "seed": 1}
    of_step = client.completions.create(model=f"{run.name}@{saved.step}", **asked)
    assert of_step.choices[0].text == client.completions.create(model=run.name, **asked).choices[0].text


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"model": "gpt-4"}, "gpt-4"),
        ({"model": "tiny-001@99999"}, "tiny-001@99999"),
    ],
)
def test_a_model_that_is_not_there_is_not_found(client: Any, wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(openai.NotFoundError) as refused:
        client.completions.create(**{"prompt": PROMPT} | wrong)
    assert says in refused.value.message
    assert "tiny-001" in refused.value.message
    assert refused.value.code == "model_not_found"


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"max_tokens": 1_000_000}, "max_tokens"),
        ({"max_tokens": 4096, "n": 17}, "max_tokens"),
        ({"max_tokens": 4096, "logprobs": 20}, "max_tokens"),
        ({"temperature": -1}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"n": 100}, "n"),
        ({"n": 40, "prompt": ["a", "b"]}, "n"),
        ({"best_of": 3}, "best_of"),
        ({"logprobs": 21}, "logprobs"),
        ({"stop": ["x" * 1001]}, "stop"),
        ({"prompt": [1, 2, 3]}, "prompt"),
        ({"prompt": "word " * 30_000}, "prompt"),
        ({"presence_penalty": 0.5}, "presence_penalty"),
        ({"logit_bias": {"5": 1}}, "logit_bias"),
    ],
)
def test_what_cannot_be_done_is_told_with_its_name(client: Any, run: Run, wrong: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.completions.create(**{"model": run.name, "prompt": PROMPT} | wrong)
    assert refused.value.param == param
    assert param in refused.value.message
    assert refused.value.type == "invalid_request_error"
