"""The requests that editors send, as recorded, and what each of them reads of the answer: docs/editors.md."""

from __future__ import annotations

import math
from typing import Any

import pytest

from slmtui.data.bpe import train_bpe
from slmtui.data.tokenizer import BpeTokenizer
from slmtui.inference.batch import Sampling
from slmtui.inference.generation import complete
from slmtui.inference.prompt import read_prompt
from slmtui.runs.checkpoint import load_model
from slmtui.runs.run import Run
from slmtui.serve.infill import _asked
from tests.serve.conftest import Server
from tests.serve.raw import content, exchanged, posted, status

PREFIX = "import json\n\n\ndef load_route(path):\n    with open(path) as file:\n"
SUFFIX = "\n\n\ndef count_routes(routes, limit):\n"
# llama.vim (Vim and Neovim), as of November 2026
LLAMA_VIM = {
    "id_slot": 0, "input_prefix": PREFIX, "input_suffix": SUFFIX,
    "input_extra": [{"text": "def load_order(path):\n", "time": 12.5, "filename": "orders.py"}],
    "prompt": "        ret", "n_predict": 128, "stop": [], "n_indent": 8, "top_k": 40, "top_p": 0.90,
    "samplers": ["top_k", "top_p", "infill"], "stream": False, "cache_prompt": True, "t_max_prompt_ms": 500,
    "t_max_predict_ms": 60_000,
    "response_fields": [
        "content", "timings/prompt_n", "timings/prompt_ms", "timings/prompt_per_token_ms", "timings/prompt_per_second",
        "timings/predicted_n", "timings/predicted_ms", "timings/predicted_per_token_ms", "timings/predicted_per_second",
        "truncated", "tokens_cached",
    ],
    "model": "",
}  # fmt: skip
LLAMA_VIM_AHEAD = LLAMA_VIM | {
    "input_prefix": "", "input_suffix": "", "prompt": "", "n_predict": 0, "temperature": 0.0, "samplers": [],
    "t_max_prompt_ms": 1, "t_max_predict_ms": 1, "response_fields": [""],
}  # fmt: skip
# llama.vscode
LLAMA_VSCODE = {
    "id_slot": 0, "input_prefix": PREFIX, "input_suffix": SUFFIX, "input_extra": [], "prompt": "        ret",
    "n_predict": 128, "n_cmpl": 3, "top_k": 40, "top_p": 0.99, "stream": False,
    "samplers": ["top_k", "top_p", "infill"], "cache_prompt": True, "n_indent": 8, "t_max_prompt_ms": 500,
    "t_max_predict_ms": 60_000,
}  # fmt: skip
# minuet-ai.nvim with provider openai_fim_compatible
MINUET = {
    "model": "tiny-001", "stream": True, "max_tokens": 56, "top_p": 0.9, "prompt": PREFIX + "        ret",
    "suffix": SUFFIX,
}  # fmt: skip
# Continue with provider openai, useLegacyCompletionsEndpoint: true
CONTINUE = {
    "model": "tiny-001", "prompt": PREFIX + "        ret", "max_tokens": 56, "temperature": 0.01, "stream": True,
    "stop": ["\n\n", "/src/", "#- coding: utf-8"], "presence_penalty": None, "frequency_penalty": None,
}  # fmt: skip


def answered(server: Server, path: str, body: dict[str, Any]) -> bytes:
    answer = exchanged(server.port, posted(path, body, "Content-Type: application/json"))
    assert status(answer) == 200, answer
    return answer


def test_llama_vim_gets_the_fields_that_it_asks_for(server: Server) -> None:
    found = content(answered(server, "/infill", LLAMA_VIM))
    assert found.keys() == set(LLAMA_VIM["response_fields"])  # type: ignore[call-overload]
    assert isinstance(found["content"], str)
    assert "\n" not in found["content"], "a candidate ends with its line"
    assert found["timings/predicted_n"] >= 1
    assert all(found[f"timings/{what}_ms"] > 0 for what in ("prompt", "predicted")), "both are measured"
    assert found["truncated"] is False


def test_what_llama_vim_sends_ahead_draws_nothing(server: Server) -> None:
    assert content(answered(server, "/infill", LLAMA_VIM_AHEAD)) == {}


def test_llama_vscode_gets_as_many_as_it_asks_for(server: Server) -> None:
    found = content(answered(server, "/infill", LLAMA_VSCODE))
    assert len(found) == 3
    assert all(isinstance(one["content"], str) and one["tokens_predicted"] >= 1 for one in found)
    only = content(answered(server, "/infill", LLAMA_VSCODE | {"n_cmpl": 1}))
    assert isinstance(only["content"], str)


@pytest.mark.parametrize("body", [MINUET, CONTINUE])
def test_minuet_and_continue_read_a_stream(server: Server, body: dict[str, Any]) -> None:
    events = answered(server, "/v1/completions", body).decode()
    assert 'data: {"id":"cmpl-' in events
    assert '"finish_reason":"' in events
    assert "data: [DONE]" in events


def test_the_candidate_that_the_rest_follows_best_is_first(server: Server, run: Run) -> None:
    """Ranked anew here, by the probability of the suffix after each candidate, read from echoed prompts."""
    prefix, suffix = "def load_order(pa", "th):\n    with"
    asked = {"input_prefix": prefix, "input_suffix": suffix, "seed": 3, "n_predict": 2, "n_cmpl": 8}
    found = content(answered(server, "/infill", asked | {"temperature": 1.5}))
    texts = [prefix + one["content"] for one in found]
    worth = [following(server, text, suffix) for text in texts]
    assert worth == sorted(worth, reverse=True)
    assert len(set(texts)) > 1
    assert max(worth) <= 0


def following(server: Server, text: str, suffix: str) -> float:
    """The log-probability of a suffix after a text, whose last word may go on in it."""
    both, own = echoed(server, text + suffix), echoed(server, text)
    same = next((at for at, (a, b) in enumerate(zip(both, own, strict=False)) if a[0] != b[0]), len(own))
    p_both, p_own = (math.exp(sum(logprob for _, logprob in told[same:])) for told in (both, own))
    return round(math.log(p_both / (p_own if same == len(own) else p_both + p_own)), 2)


def echoed(server: Server, text: str) -> list[tuple[str, float]]:
    """The tokens of a text, each with its log-probability."""
    body = {"prompt": text, "max_tokens": 0, "echo": True, "logprobs": 0}
    told = content(answered(server, "/v1/completions", body))["choices"][0]["logprobs"]
    return list(zip(told["tokens"], told["token_logprobs"], strict=True))


def test_candidates_are_ranked_by_the_same_bytes_wherever_a_word_goes_on() -> None:
    tokenizer = BpeTokenizer(train_bpe(["print(path)\n" * 9], 270), end=True)
    prompt = read_prompt(tokenizer, "x = 1\nprint(pa")
    assert prompt.word is not None
    texts = ["", "t", "th", " + (p", "ths)"]
    stretches = set()
    for text, (both, *own) in zip(texts, _asked(tokenizer, prompt, texts, "th)\nprint(path)\n" * 3), strict=True):
        read = tokenizer.decode([*both.prompt.ids, *both.given])
        begun = "x = 1\nprint(pa" + text
        assert read.startswith(begun)
        stretches.add(read[len(begun) :])
        assert [tokenizer.decode([*one.prompt.ids, *one.given]) for one in own] == [begun] * len(own)
        assert own or tokenizer.decode(both.prompt.ids) == begun
        assert all(len(one.prompt.ids) >= len(prompt.ids) for one in (both, *own))
    (stretch,) = stretches
    assert len(tokenizer.encode(stretch)) >= 8


def test_without_what_follows_it_is_a_completion_of_all_that_comes_before(server: Server, run: Run) -> None:
    saved = load_model(run.best_file)
    asked = {"input_prefix": PREFIX, "prompt": "        ret", "input_extra": [{"text": "a = 1\n"}, {"text": "b = 2\n"}]}
    found = content(answered(server, "/infill", asked | {"n_predict": 20, "seed": 5, "temperature": 0.5}))
    n_tokens = len(saved.tokenizer.encode_prompt(PREFIX + "        ret", ["a = 1\n", "b = 2\n"]))
    assert (found["tokens_evaluated"], found["timings"]["prompt_n"]) == (n_tokens, n_tokens)
    usual = saved.phase.sampling
    sampling, before = Sampling(0.5, usual.top_k, usual.top_p), ["a = 1\n", "b = 2\n"]
    prompt = PREFIX + "        ret"
    text = complete(saved.model, saved.tokenizer, prompt, 20, sampling, 5, usual.stop, before)
    assert found["content"] == "".join(text)


def test_it_is_told_what_a_completion_stopped_at(server: Server) -> None:
    asked = {"input_prefix": "def ", "n_predict": 400, "seed": 1, "temperature": 1.0}
    at_word = content(answered(server, "/infill", asked | {"stop": ["e"]}))
    assert (at_word["stop_type"], at_word["stopping_word"]) == ("word", "e")
    assert "e" not in at_word["content"]
    at_length = content(answered(server, "/infill", asked | {"n_predict": 1, "stop": []}))
    assert (at_length["stop_type"], at_length["stopping_word"]) == ("limit", "")


def test_time_that_is_up_ends_a_completion(server: Server) -> None:
    asked = {"input_prefix": "def ", "n_predict": 4000, "t_max_predict_ms": 1, "temperature": 100}
    assert content(answered(server, "/infill", asked))["tokens_predicted"] < 1000
