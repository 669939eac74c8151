"""What fits between two texts: several completions of the first, of which the one that the second follows best.

slmtui's models know no token for a gap. So candidates are drawn as any completion is, each to the end of its line, and
ranked by how likely the model finds the beginning of what follows after each of them.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from typing import Any

from slmtui.inference.batch import Sampling
from slmtui.inference.prompt import Prompt, read_prompt
from slmtui.serve.asked import InfillBody
from slmtui.serve.asking import Answer, answers, sampling_of, seed_after
from slmtui.serve.completion import Wanted
from slmtui.serve.limits import MOST_PROMPT_TOKENS
from slmtui.serve.models import Served

CANDIDATES = 4  # at least, where there is something to rank them by
FOLLOWING = 8  # tokens of what follows that they are ranked by


async def best_followed(
    served: Served, before: Sequence[str], prefix: str, suffix: str, wanted: Wanted, n: int
) -> list[Answer]:
    """The n best completions of a prefix for what follows, the best first.

    before: texts that are read before the prefix. wanted: as for a completion without anything that follows.
    """
    tokenizer = served.saved.tokenizer
    one_line = replace(wanted, stops=(*wanted.stops, "\n"))
    found = await _drawn(served, one_line, max(n, CANDIDATES))
    texts = list(dict.fromkeys(answer.text for answer in found))
    asked = []
    for text in texts:
        ids = tokenizer.encode_prompt(prefix + text, before)
        whole = tokenizer.encode_prompt(prefix + text + suffix[: 64 * FOLLOWING], before)
        # A word that goes on in what follows has other tokens there.
        same = max(1, min(len(ids), len(whole) - 1))
        same = next((at for at in range(1, same) if ids[at] != whole[at]), same)
        given = tuple(whole[same : same + FOLLOWING].tolist())
        read = Prompt(whole[:same][-MOST_PROMPT_TOKENS:])
        asked.append(Wanted(read, len(given), Sampling(0.0), 0, logprobs=0, given=given))
    told = await answers(served.engine, asked)
    follows = {
        text: sum(token.logprob for token in one.tokens) / max(1, len(one.tokens))
        for text, one in zip(texts, told, strict=True)
    }
    return sorted(found, key=lambda answer: -follows[answer.text])[:n]


async def _drawn(served: Served, wanted: Wanted, n: int) -> list[Answer]:
    """Completions with n seeds."""
    each = [replace(wanted, seed=seed_after(wanted.seed, number)) for number in range(n)]
    return await answers(served.engine, each)


class Infill:
    """A request to llama.cpp's /infill, once its model is known."""

    def __init__(self, body: InfillBody, name: str, served: Served) -> None:
        self._body, self._name, self._served = body, name, served
        tokenizer, usual = served.saved.tokenizer, served.saved.phase.sampling
        self._prefix = body.input_prefix + body.prompt
        self._before = [extra.text for extra in body.input_extra or [] if extra.text]
        ids, word = read_prompt(tokenizer, self._prefix, self._before)
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
            found = await best_followed(
                self._served, self._before, self._prefix, self._body.input_suffix, self._wanted, n
            )
        else:
            found = await _drawn(self._served, self._wanted, n)
        bodies = [self._body_of(answer, time.monotonic() - begun) for answer in found]
        return bodies if n > 1 else bodies[0]

    async def chunks(self) -> AsyncGenerator[Any, None]:
        """The same as the one event of a stream: which candidate it is shows at the end."""
        yield await self.whole()

    def _body_of(self, answer: Answer, seconds: float) -> dict[str, Any]:
        """seconds: that all of it took, the prompt's included."""
        prompt_ms = 1000 * answer.prompt_seconds
        predicted_ms = max(0.0, 1000 * seconds - prompt_ms)
        full: dict[str, Any] = {
            "content": answer.text,
            "stop": True,
            "stop_type": "limit" if answer.finish == "length" else "word" if answer.stop else "eos",
            "stopping_word": answer.stop,
            "model": self._name,
            "tokens_predicted": answer.n_tokens,
            "tokens_evaluated": len(self._wanted.prompt.ids),
            "tokens_cached": 0,
            "truncated": self._truncated,
            "timings": _timings("prompt", len(self._wanted.prompt.ids), prompt_ms)
            | _timings("predicted", answer.n_tokens, predicted_ms),
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
