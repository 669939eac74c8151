"""The requests that editors send, as recorded, and what each of them reads of the answer: docs/editors.md."""

from __future__ import annotations

from typing import Any

import pytest

from slmtui.inference.batch import Sampling
from slmtui.inference.generation import complete
from slmtui.runs.checkpoint import load_model
from slmtui.runs.run import Run
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
    asked = {"input_prefix": "def load_order(pa", "input_suffix": "):\n    with open(path)", "seed": 3, "n_predict": 12}
    best, *others = content(answered(server, "/infill", asked | {"n_cmpl": 4, "temperature": 1.5}))
    texts = ["def load_order(pa" + one["content"] for one in (best, *others)]
    worth = [following(server, text, "):\n    with open(path)") for text in texts]
    assert worth == sorted(worth, reverse=True)
    assert len(set(texts)) > 1


def following(server: Server, text: str, suffix: str) -> float:
    """The mean log-probability of the first eight tokens of a suffix after a text."""
    body = {"prompt": text + suffix, "max_tokens": 0, "echo": True, "logprobs": 0}
    told = content(answered(server, "/v1/completions", body))["choices"][0]["logprobs"]
    after = [p for p, at in zip(told["token_logprobs"], told["text_offset"], strict=True) if at >= len(text)][:8]
    return float(round(sum(after) / len(after), 2))


def test_without_what_follows_it_is_a_completion_of_all_that_comes_before(server: Server, run: Run) -> None:
    saved = load_model(run.best_file)
    asked = {"input_prefix": PREFIX, "prompt": "        ret", "input_extra": [{"text": "a = 1\n"}, {"text": "b = 2\n"}]}
    found = content(answered(server, "/infill", asked | {"n_predict": 20, "seed": 5, "temperature": 0.5}))
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
