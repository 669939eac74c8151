"""A completion as it is drawn: its text, where it stops, and how likely each of its tokens was."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from slmtui.inference.batch import Sampling
from slmtui.inference.prompt import DrawnText, Prompt
from slmtui.inference.stopping import StopSearch

if TYPE_CHECKING:
    from torch import Tensor

    from slmtui.data.tokenizer import Tokenizer

Finish = Literal["stop", "length"]
END = "<|endoftext|>"
LEAST_PROBABILITY = 1e-45  # float32's least: the logarithm of what was rounded to 0 must be finite


@dataclass(frozen=True)
class Wanted:
    """A completion that is asked for."""

    prompt: Prompt
    tokens: int  # at most
    sampling: Sampling
    seed: int
    stops: tuple[str, ...] = ()
    logprobs: int | None = None  # how many alternatives of each token are told; None: not even the token's own
    given: tuple[int, ...] = ()  # tokens that it has to go on with, which are told and count as drawn
    seconds: float = math.inf  # after which it ends as if its length were reached


@dataclass(frozen=True)
class LikelyToken:
    """A token of a completion."""

    text: str
    logprob: float
    alternatives: dict[str, float]  # the likeliest, and the token itself
    offset: int  # characters of the completion before it


class Completion:
    """Takes the tokens of one completion; `finish` is set once it is at its end."""

    def __init__(self, wanted: Wanted, tokenizer: Tokenizer) -> None:
        self.wanted = wanted
        self.n_tokens = 0
        self.prompt_seconds = 0.0  # from here to its first token
        self.finish: Finish | None = None if wanted.tokens > 0 else "length"
        self._tokenizer = tokenizer
        self._text = DrawnText(tokenizer, wanted.prompt.word)
        self._search = StopSearch(wanted.stops)
        self._decoded = 0  # characters
        self._ready: list[str] = []  # not taken yet
        self._length = 0  # characters that are or were ready
        self._tokens: list[LikelyToken] = []  # not taken yet
        self._begun = time.monotonic()

    def add(self, token: int, probabilities: Tensor) -> None:
        """The next token, and the probabilities, (V,), that it was drawn with."""
        if token == self._tokenizer.end:
            self.n_tokens += 1
            self._end("stop")
            return
        if not self._text.bytes_of(token):  # it only spells the last word of the prompt
            self._text.add(token)
            return
        self.n_tokens += 1
        if self.n_tokens == 1:
            self.prompt_seconds = time.monotonic() - self._begun
        if self.wanted.logprobs is not None:
            self._tokens.append(self._likely(token, probabilities))
        text = self._text.add(token)
        self._decoded += len(text)
        self._give_out(self._search.add(text))
        if self._search.found:
            self.finish = "stop"
        elif self.n_tokens >= self.wanted.tokens or time.monotonic() - self._begun > self.wanted.seconds:
            self._end("length")

    @property
    def stop(self) -> str:
        """The text that it stopped at; empty if at the end of a document, or not at all."""
        return self._search.found

    def take(self) -> tuple[str, list[LikelyToken]]:
        """The text that is new and will stay, and its tokens."""
        text = "".join(self._ready)
        self._ready.clear()
        cut = self._length if self.finish is None or self._search.found else math.inf
        tokens = [token for token in self._tokens if token.offset < cut]
        self._tokens = [] if self.finish is not None else self._tokens[len(tokens) :]
        return text, tokens

    def _end(self, finish: Finish) -> None:
        rest = self._text.rest()
        self._give_out(self._search.add(rest))
        self._give_out(self._search.rest())
        self.finish = "stop" if self._search.found else finish

    def _give_out(self, text: str) -> None:
        if text:
            self._ready.append(text)
            self._length += len(text)

    def _likely(self, token: int, probabilities: Tensor) -> LikelyToken:
        top, ids = probabilities.topk(min(self.wanted.logprobs or 0, len(probabilities)))
        own = log(float(probabilities[token]))
        likely = [(self._spelled(i), p) for i, p in zip(ids.tolist(), top.tolist(), strict=True) if p > 0]
        # Of two that look alike, the likelier; and none that would only spell the last word of the prompt.
        alternatives = {text: log(p) for text, p in reversed(likely) if text}
        alternatives[self._spelled(token)] = own
        return LikelyToken(self._spelled(token), own, alternatives, self._decoded)

    def _spelled(self, token: int) -> str:
        return END if token == self._tokenizer.end else spelled(self._text.bytes_of(token))


def log(p: float) -> float:
    return math.log(max(p, LEAST_PROBABILITY))


def spelled(data: bytes) -> str:
    """A token by itself; bytes that are no character as OpenAI spells them."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in data)
