"""A completion token by token, each with its probability and the likeliest alternatives.

The draws are those of `generate`: the same model, prompt, settings and seed give the same text. A model takes its time:
a screen calls this in a thread of its own.
"""

from __future__ import annotations

import codecs
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from slmtui.data.tokenizer import Tokenizer
    from slmtui.model.gpt import GPT

CHOICES = 8  # candidates that are kept for each token


@dataclass(frozen=True)
class Settings:
    """How a completion is drawn. top_k 0 and top_p 1 leave all tokens in, temperature 0 takes the likeliest."""

    temperature: float = 0.8
    top_k: int = 40
    top_p: float = 1.0
    seed: int = 42
    tokens: int = 60


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


def setting_from_text(name: str, text: str) -> float | int:
    """The value that a person typed for a setting; ValueError says what would be right."""
    text = text.strip().lower()
    match name:
        case "temperature":
            return _number(text, name, 0.0, 100.0, "0 takes the likeliest token")
        case "top_k":
            return 0 if text == "off" else _whole(text, "top-k", 0, 65_536, "0 or off: all tokens")
        case "top_p":
            value = 1.0 if text == "off" else _number(text, "top-p", 0.0, 1.0, "1 or off: all tokens")
            if value == 0.0:
                raise ValueError("top-p: 0 would leave no token; take a number above 0, up to 1")
            return value
        case "seed":
            return _whole(text, name, 0, 2**63 - 1, "the same seed, the same text")
        case _:
            return _whole(text, "tokens", 1, 10_000, "the length of the completion")


def setting_as_text(name: str, value: float | int) -> str:
    off = (name == "top_k" and value == 0) or (name == "top_p" and value == 1.0)
    return "off" if off else f"{value:g}" if isinstance(value, float) else str(value)


def _number(text: str, name: str, least: float, most: float, hint: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        raise ValueError(f"{name}: {text or 'nothing'} is not a number from {least:g} to {most:g} ({hint})")
    return value


def _whole(text: str, name: str, least: int, most: int, hint: str) -> int:
    value = int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else -1
    if not least <= value <= most:
        bounds = f"from {least} to {most:,}" if most < 2**31 else f"of {least} or more"
        raise ValueError(f"{name}: {text or 'nothing'} is not a whole number {bounds} ({hint})")
    return value
