"""A completion token by token, each with its probability and the most likely alternatives.

The draws are those of `generate`: the same model, prompt, settings and seed give the same text. Since a model may be
slow, a screen runs this in a separate thread.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from slmtui.config.limits import SEED
from slmtui.config.phase import SamplingSection

if TYPE_CHECKING:
    from slmtui.data.tokenizer import Tokenizer
    from slmtui.inference.batch import Origin
    from slmtui.inference.prompt import DrawnText
    from slmtui.model.gpt import GPT

DEFAULTS = SamplingSection()  # the defaults of a phase
CHOICES = 8  # alternatives recorded for each token


@dataclass(frozen=True)
class Settings:
    """How a completion is drawn. temperature 0 takes the most likely token; top_k 0 and top_p 1 exclude no token."""

    temperature: float = DEFAULTS.temperature
    top_k: int = DEFAULTS.top_k
    top_p: float = DEFAULTS.top_p
    seed: int = SEED
    tokens: int = DEFAULTS.tokens


@dataclass(frozen=True)
class Choice:
    """A candidate for a token of the completion."""

    id: int
    text: str
    p: float  # the model's, before temperature, top-k and top-p; where a word was begun, among tokens that spell it
    rank: int  # 1 is the most likely


@dataclass(frozen=True)
class Token:
    """A token of the completion, and the most likely candidates for its place; it is always among them."""

    id: int
    text: str  # the whole characters that it completes; "" inside a character
    choices: tuple[Choice, ...]
    origin: Origin | None = None  # None where a person chose it, or began the word
    within: tuple[int, ...] = ()  # tokens before it that only spell what the prompt has of its last word

    @property
    def choice(self) -> Choice:
        return next(choice for choice in self.choices if choice.id == self.id)


@dataclass(frozen=True)
class Request:
    """A prompt to complete."""

    prompt: str
    settings: Settings
    before: tuple[str, ...] = ()  # texts that are read before it
    kept: tuple[Token, ...] = ()  # the first tokens of the completion, if it branches off an earlier one


def stream(model: GPT, tokenizer: Tokenizer, request: Request) -> Iterator[Token]:
    """The tokens of a completion, those kept first: as many as the settings say, or up to the document's end.

    The end may be among those kept; nothing is drawn after it.
    """
    import numpy as np

    from slmtui.inference.batch import Sampling
    from slmtui.inference.generation import generate
    from slmtui.inference.prompt import DrawnText, Prompt, read_prompt

    settings = request.settings
    ids, word = read_prompt(tokenizer, request.prompt, request.before)
    spelled = DrawnText(tokenizer, word)
    held: Token | None = None  # the newest token: if it is the last, it also gets the rest of an incomplete character
    ended = False
    within: tuple[int, ...] = ()
    for token in request.kept:
        if ended := token.id == tokenizer.end:
            break
        if held is not None:
            yield held
        for token_id in token.within:
            spelled.add(token_id)
        held = replace(token, text=spelled.add(token.id))
    drawn = [token_id for token in request.kept for token_id in (*token.within, token.id)]
    for token_id in drawn:
        word = word and word.after(token_id)
    ids = np.append(ids, drawn).astype(np.int64)
    sampling = Sampling(settings.temperature, settings.top_k, settings.top_p)
    left = 0 if ended else max(0, settings.tokens - spelled.n_tokens)
    for draw in generate(model, [Prompt(ids, word)], left, sampling, [settings.seed]):
        token_id = int(draw.tokens[0])
        if token_id == tokenizer.end:
            break
        if not spelled.bytes_of(token_id):
            spelled.add(token_id)
            word = word and word.after(token_id)
            within = (*within, token_id)
            continue
        if held is not None:
            yield held
        probabilities = draw.probabilities[0]  # (V,)
        top, top_ids = probabilities.topk(min(CHOICES, len(probabilities)))
        choices = [
            Choice(i, _alone(spelled, i, tokenizer.end), p, rank)
            for rank, (i, p) in enumerate(zip(top_ids.tolist(), top.tolist(), strict=True), start=1)
            if p > 0 and (i == tokenizer.end or spelled.bytes_of(i))  # not what only spells a word that was begun
        ]
        if token_id not in top_ids:
            p = probabilities[token_id]
            rank = int((probabilities > p).sum()) + 1
            choices.append(Choice(token_id, _alone(spelled, token_id, tokenizer.end), float(p), rank))
        origin = None if word else draw.origins[0]
        held = Token(token_id, spelled.add(token_id), tuple(choices), origin, within)
        word, within = None, ()
    if held is not None:
        yield replace(held, text=held.text + spelled.rest())


def branch(tokens: list[Token], place: int, choice: Choice) -> tuple[Token, ...]:
    """The tokens before `place`, then `choice` instead of the one there: what a branched completion begins with."""
    return (*tokens[:place], replace(tokens[place], id=choice.id, text=choice.text, origin=None))


def _alone(spelled: DrawnText, token: int, end: int | None) -> str:
    """A token by itself; bytes that are no character are named as such, and so is the end of a document."""
    if token == end:
        return "<end>"
    data = spelled.bytes_of(token)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return f"<{data.hex(' ')}>"
