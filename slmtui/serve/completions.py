"""/v1/completions: OpenAI's, for a model that completes text."""

from __future__ import annotations

import itertools
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

import numpy as np

from slmtui.inference.batch import Sampling
from slmtui.inference.prompt import Prompt, read_prompt
from slmtui.serve.asked import CompletionBody, choices_of
from slmtui.serve.asking import Answer, answers, parts, sampling_of, seed_after
from slmtui.serve.completion import LikelyToken, Wanted, spelled
from slmtui.serve.errors import RequestError
from slmtui.serve.infill import best_followed
from slmtui.serve.limits import MOST_PROMPT_TOKENS, MOST_TOKENS, MOST_TOLD
from slmtui.serve.models import Served

_NUMBERS = itertools.count(1)


class Completions:
    """One request, once its model is known: `whole()`, or `chunks()` of it as they come."""

    def __init__(self, body: CompletionBody, name: str, served: Served) -> None:
        """It encodes the prompts, which may take long: another thread may make it. RequestError for what is wrong."""
        self._body, self._served = body, served
        self._prompts = body.prompts
        self._n = choices_of(body, self._prompts)
        tokenizer = served.saved.tokenizer
        read = [read_prompt(tokenizer, prompt) for prompt in self._prompts]
        self._ids = [prompt.all_ids() for prompt in read]
        check_length(self._ids, "prompt")
        seed = body.own_seed()
        defaults = served.saved.phase.sampling
        tokens = min(defaults.tokens, MOST_TOKENS) if body.max_tokens is None else body.max_tokens
        told = sum(len(ids) for ids in self._ids) if body.echo else 0
        if (told + self._n * len(self._ids) * tokens) * (1 + (body.logprobs or 0)) > MOST_TOLD:
            raise RequestError(
                f"max_tokens: {tokens:,} of each of {self._n * len(self._ids)} completions, with echo and logprobs, is "
                f"more than {MOST_TOLD:,} tokens and alternatives in one request", param="max_tokens",
            )  # fmt: skip
        stops = defaults.stop if body.stops is None else body.stops
        self._wanted = [
            Wanted(prompt, tokens, sampling_of(body, served.saved), seed_after(seed, number), stops, body.logprobs)
            for number, prompt in enumerate(prompt for prompt in read for _ in range(self._n))
        ]
        self._frame = {
            "id": f"cmpl-{int(time.time())}-{next(_NUMBERS)}",
            "object": "text_completion",
            "created": int(time.time()),
            "model": name,
        }

    async def whole(self) -> dict[str, Any]:
        """The body of the answer."""
        found = await self._answers()
        before = await self._prompts_told()
        choices = [self._choice(place, answer, before) for place, answer in enumerate(found)]
        return self._frame | {"choices": choices, "usage": self._usage(sum(one.n_tokens for one in found))}

    async def chunks(self) -> AsyncGenerator[dict[str, Any], None]:
        """The answer in pieces, each like a body; those of a choice are its text, in order."""
        told = (self._body.stream_options or None) and self._body.stream_options.include_usage
        before = await self._prompts_told()
        begun: set[int] = set()
        drawn = [0] * len(self._wanted)
        async with aclosing(self._parts()) as coming:
            async for place, answer in coming:
                drawn[place] = answer.n_tokens
                first = place not in begun
                if answer.text or answer.finish or answer.tokens:
                    begun.add(place)
                    choice = self._choice(place, answer, before, first=first)
                    yield self._frame | {"choices": [choice]} | ({"usage": None} if told else {})
        if told:
            yield self._frame | {"choices": [], "usage": self._usage(sum(drawn))}

    async def _parts(self) -> AsyncGenerator[tuple[int, Answer], None]:
        if self._body.suffix:
            for place, answer in enumerate(await self._answers()):
                yield place, answer
            return
        async with aclosing(parts(self._served.engine, self._wanted, each=True)) as coming:
            async for place, part in coming:
                yield place, Answer(part.text, part.tokens, part.n_tokens, part.finish or "")

    async def _answers(self) -> list[Answer]:
        suffix = self._body.suffix
        if not suffix:
            return await answers(self._served.engine, self._wanted)
        groups = [self._wanted[at : at + self._n] for at in range(0, len(self._wanted), self._n)]
        found = []
        for group in groups:
            found += await best_followed(self._served, suffix, group[0], self._n)
        return found

    async def _prompts_told(self) -> list[list[LikelyToken]]:
        """The tokens of the prompts, if they are to be told; else nothing for each."""
        if not self._body.echo or self._body.logprobs is None:
            return [[] for _ in self._prompts]
        told = [
            Wanted(Prompt(ids[:1]), len(ids) - 1, Sampling(0.0), 0, (), self._body.logprobs, tuple(ids[1:].tolist()))
            for ids in self._ids
        ]
        return [answer.tokens for answer in await answers(self._served.engine, told)]

    def _choice(
        self, place: int, answer: Answer, before: Sequence[Sequence[LikelyToken]], *, first: bool = True
    ) -> dict[str, Any]:
        prompt = self._prompts[place // self._n]
        echo = prompt if self._body.echo and first else ""
        logprobs = None
        if self._body.logprobs is not None:
            logprobs = self._logprobs(place // self._n, answer, before[place // self._n] if echo else [], bool(echo))
        return {
            "text": echo + answer.text,
            "index": place,
            "logprobs": logprobs,
            "finish_reason": answer.finish or None,
        }

    def _logprobs(self, number: int, answer: Answer, before: Sequence[LikelyToken], echo: bool) -> dict[str, list[Any]]:
        """Of the tokens of a prompt, if they are told, and of its completion."""
        lists: dict[str, list[Any]] = {"tokens": [], "token_logprobs": [], "top_logprobs": [], "text_offset": []}

        def tell(token: str, logprob: float | None, top: dict[str, float] | None, offset: int) -> None:
            for column, value in zip(lists.values(), (token, logprob, top, offset), strict=True):
                column.append(value)

        tokenizer, start = self._served.saved.tokenizer, 0
        if echo and tokenizer.end is None:  # the first token has nothing before it that could predict it
            first = spelled(tokenizer.token_bytes(int(self._ids[number][0])))
            tell(first, None, None, 0)
            start = len(tokenizer.decode(self._ids[number][:1]))
        for token in before:
            tell(token.text, token.logprob, token.alternatives, start + token.offset)
        for token in answer.tokens:
            tell(token.text, token.logprob, token.alternatives, len(self._prompts[number]) + token.offset)
        return lists

    def _usage(self, drawn: int) -> dict[str, int]:
        prompts = sum(len(ids) for ids in self._ids)
        return {"prompt_tokens": prompts, "completion_tokens": drawn, "total_tokens": prompts + drawn}


def check_length(prompts: Sequence[np.ndarray], param: str) -> None:
    """RequestError if a prompt is too long."""
    longest = max(len(ids) for ids in prompts)
    if longest > MOST_PROMPT_TOKENS:
        raise RequestError(
            f"{param}: {longest:,} tokens, and at most {MOST_PROMPT_TOKENS:,} are read; send the end of it",
            param=param, code="context_length_exceeded",
        )  # fmt: skip
