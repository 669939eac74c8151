"""What fits between two texts: several completions of the first, of which the one that the second follows best.

slmtui's models know no token for a gap. So candidates are drawn as any completion is, each to the end of its line, and
ranked by how likely the model finds the beginning of what follows after each of them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from slmtui.data.tokenizer import Ids, Tokenizer
from slmtui.inference.batch import Sampling
from slmtui.inference.prompt import Prompt, read_prompt
from slmtui.serve.asked import InfillBody
from slmtui.serve.asking import Answer, answers, sampling_of, seed_after
from slmtui.serve.completion import Wanted
from slmtui.serve.limits import MOST_PROMPT_TOKENS
from slmtui.serve.models import Served

CANDIDATES = 4  # at least, where there is something to rank them by
FOLLOWING = 8  # tokens of what follows that they are ranked by, at least


async def best_followed(served: Served, suffix: str, wanted: Wanted, n: int) -> list[Answer]:
    """The n best completions for what follows, the best first. wanted: as if nothing followed."""
    one_line = replace(wanted, stops=(*wanted.stops, "\n"))
    found = await _drawn(served, one_line, max(n, CANDIDATES))
    texts = list(dict.fromkeys(answer.text for answer in found))
    asked = await asyncio.to_thread(_asked, served.saved.tokenizer, wanted.prompt, texts, suffix)
    told = iter(await answers(served.engine, [one for each in asked for one in each]))
    follows = {text: _worth([next(told) for _ in each]) for text, each in zip(texts, asked, strict=True)}
    return sorted(found, key=lambda answer: -follows[answer.text])[:n]


def _asked(tokenizer: Tokenizer, prompt: Prompt, texts: Sequence[str], suffix: str) -> list[list[Wanted]]:
    """What each of the texts, after a prompt, is ranked by: the beginning of the suffix, the same bytes for all.

    Where a word of the text goes on in the suffix, it has other tokens there. Then the text's own tokens, from the same
    place on, come second.
    """
    known = prompt.word.left.decode() if prompt.word else ""
    following = suffix[: 64 * FOLLOWING]
    owns = [tokenizer.encode(known + text) for text in texts]
    wholes = [tokenizer.encode(known + text + following) for text in texts]
    lengths = tokenizer.token_lengths
    # Bytes of the suffix up to the end of each token, which is negative within the text.
    ends = [np.cumsum(lengths[whole]) - lengths[own].sum() for own, whole in zip(owns, wholes, strict=True)]
    least = lengths[tokenizer.encode(following)[:FOLLOWING]].sum()
    stretch = min(end for end in set.intersection(*(set(each.tolist()) for each in ends)) if end >= least)

    def given(ids: Ids, same: int) -> Wanted:
        read = Prompt(np.append(prompt.ids, ids[:same])[-MOST_PROMPT_TOKENS:])
        return Wanted(read, len(ids) - same, Sampling(0.0), 0, logprobs=0, given=tuple(ids[same:].tolist()))

    asked = []
    for own, whole, end in zip(owns, wholes, ends, strict=True):
        compared = whole[: int(np.searchsorted(end, stretch)) + 1]
        shorter = min(len(own), len(compared))
        same = next((at for at in range(shorter) if own[at] != compared[at]), shorter)
        asked.append([given(ids, same) for ids in (compared, own) if len(ids) > same])
    return asked


def _worth(told: Sequence[Answer]) -> float:
    """The log-probability of the suffix after a text: ln p(both) − ln p(text).

    The text comes about by its own tokens, or by those that it has where a word goes on.
    """
    both, *own = (sum(token.logprob for token in one.tokens) for one in told)
    return float(both - np.logaddexp(both, own[0])) if own else both


async def _drawn(served: Served, wanted: Wanted, n: int) -> list[Answer]:
    """Completions with n seeds."""
    each = [replace(wanted, seed=seed_after(wanted.seed, number)) for number in range(n)]
    return await answers(served.engine, each)


class Infill:
    """A request to llama.cpp's /infill, once its model is known."""

    def __init__(self, body: InfillBody, name: str, served: Served) -> None:
        self._body, self._name, self._served = body, name, served
        tokenizer, usual = served.saved.tokenizer, served.saved.phase.sampling
        before = [extra.text for extra in body.input_extra or [] if extra.text]
        ids, word = read_prompt(tokenizer, body.input_prefix + body.prompt, before)
        self._truncated = len(ids) > MOST_PROMPT_TOKENS
        tokens = usual.tokens if body.n_predict in (None, -1) else int(body.n_predict or 0)
        self._wanted = Wanted(
            Prompt(ids[-MOST_PROMPT_TOKENS:], word), tokens, sampling_of(body, served.saved), body.own_seed(),
            usual.stop if body.stops is None else body.stops,
            seconds=float("inf") if body.t_max_predict_ms is None else body.t_max_predict_ms / 1000,
        )  # fmt: skip

    async def whole(self) -> dict[str, Any] | list[dict[str, Any]]:
        """The body of the answer; a list if several completions are asked for, the best first."""
        begun = time.monotonic()
        n = self._body.n_cmpl or 1
        if self._wanted.tokens == 0:
            found = [Answer(finish="length")] * n
        elif self._body.input_suffix.strip():
            found = await best_followed(self._served, self._body.input_suffix, self._wanted, n)
        else:
            found = await _drawn(self._served, self._wanted, n)
        bodies = [self._body_of(answer, time.monotonic() - begun) for answer in found]
        return bodies if n > 1 else bodies[0]

    async def chunks(self) -> AsyncGenerator[Any, None]:
        """The same as the one event of a stream: which candidate it is shows at the end."""
        yield await self.whole()

    def _body_of(self, answer: Answer, seconds: float) -> dict[str, Any]:
        """seconds: that all of it took, the prompt's included."""
        prompt_ms, prompt_n = 1000 * answer.prompt_seconds, len(self._wanted.prompt.all_ids())
        predicted_ms = max(0.0, 1000 * seconds - prompt_ms)
        full: dict[str, Any] = {
            "content": answer.text,
            "stop": True,
            "stop_type": "limit" if answer.finish == "length" else "word" if answer.stop else "eos",
            "stopping_word": answer.stop,
            "model": self._name,
            "tokens_predicted": answer.n_tokens,
            "tokens_evaluated": prompt_n,
            "tokens_cached": 0,
            "truncated": self._truncated,
            "timings": _timings("prompt", prompt_n, prompt_ms) | _timings("predicted", answer.n_tokens, predicted_ms),
        }
        if self._body.response_fields is None:
            return full
        chosen = {}
        for name in self._body.response_fields:
            group, _, key = name.partition("/")
            if not key and group in full:
                chosen[name] = full[group]
            elif isinstance(full.get(group), dict) and key in full[group]:
                chosen[name] = full[group][key]
        return chosen


def _timings(what: str, n: int, ms: float) -> dict[str, float]:
    return {
        f"{what}_n": n,
        f"{what}_ms": ms,
        f"{what}_per_token_ms": ms / max(1, n),
        f"{what}_per_second": 1000 * n / max(ms, 1e-3),
    }
