"""A completion token by token, each with its probability and the likeliest alternatives.

The draws are those of `generate`: the same model, prompt, settings and seed give the same text. A model takes its time:
a screen calls this in a thread of its own.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from slmtui.config.limits import SEED
from slmtui.config.phase import SamplingSection

if TYPE_CHECKING:
    from slmtui.data.tokenizer import Tokenizer
    from slmtui.model.gpt import GPT

USUAL = SamplingSection()  # the defaults of a phase
CHOICES = 8  # candidates that are kept for each token


@dataclass(frozen=True)
class Settings:
    """How a completion is drawn. top_k 0 and top_p 1 leave all tokens in, temperature 0 takes the likeliest."""

    temperature: float = USUAL.temperature
    top_k: int = USUAL.top_k
    top_p: float = USUAL.top_p
    seed: int = SEED
    tokens: int = USUAL.tokens


@dataclass(frozen=True)
class Choice:
    """A token that could stand at a place."""

    id: int
    text: str
    p: float  # the model's own probability, before temperature, top-k and top-p
    rank: int  # 1 is the likeliest


@dataclass(frozen=True)
class Token:
    """A token that does stand there, and the likeliest ones that could, itself always among them."""

    id: int
    text: str  # the whole characters that it completes; "" inside of a character
    choices: tuple[Choice, ...]

    @property
    def choice(self) -> Choice:
        return next(choice for choice in self.choices if choice.id == self.id)


@dataclass(frozen=True)
class Request:
    """A prompt to complete; `kept`: tokens that the completion begins with, where it branches off an earlier one."""

    prompt: str
    settings: Settings
    kept: tuple[Token, ...] = ()


def stream(model: GPT, tokenizer: Tokenizer, request: Request) -> Iterator[Token]:
    """The tokens of a completion, those kept first; together at least as many as the settings say."""
    import numpy as np

    from slmtui.inference.generation import Sampling, generate

    settings = request.settings
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    held: Token | None = None  # the newest one: it may turn out to be the last, and then ends half a character
    for token in request.kept:
        if held is not None:
            yield held
        held = replace(token, text=decoder.decode(tokenizer.token_bytes(token.id)))
    ids = np.append(tokenizer.encode(request.prompt), [token.id for token in request.kept]).astype(np.int64)
    sampling = Sampling(settings.temperature, settings.top_k, settings.top_p)
    left = max(0, settings.tokens - len(request.kept))
    for draw in generate(model, [ids], left, sampling, [settings.seed]):
        if held is not None:
            yield held
        token_id = int(draw.tokens[0])
        probabilities = draw.probabilities[0]  # (V,)
        top, top_ids = probabilities.topk(min(CHOICES, len(probabilities)))
        choices = [
            Choice(i, _alone(tokenizer, i), p, rank)
            for rank, (i, p) in enumerate(zip(top_ids.tolist(), top.tolist(), strict=True), start=1)
        ]
        if token_id not in top_ids:
            p = probabilities[token_id]
            rank = int((probabilities > p).sum()) + 1
            choices.append(Choice(token_id, _alone(tokenizer, token_id), float(p), rank))
        held = Token(token_id, decoder.decode(tokenizer.token_bytes(token_id)), tuple(choices))
    if held is not None:
        yield replace(held, text=held.text + decoder.decode(b"", final=True))


def branch(tokens: list[Token], place: int, choice: Choice) -> tuple[Token, ...]:
    """The tokens before a place, and another choice at it: what a completion that goes on from there keeps."""
    return (*tokens[:place], replace(tokens[place], id=choice.id, text=choice.text))


def _alone(tokenizer: Tokenizer, token: int) -> str:
    """A token by itself; bytes that are no character are named as such."""
    data = tokenizer.token_bytes(token)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return f"<{data.hex(' ')}>"
