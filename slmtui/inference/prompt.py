"""A text to go on with, as tokens.

A text may end within a word, and then its last tokens stand in no text that a model has learned from: "pri" is not
followed by "nt" where "print" is a token. So the last word of a prompt is taken back, and what is drawn instead has to
begin with it ("token healing", Lundberg 2023, here for the whole word).
"""

from __future__ import annotations

import codecs
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import regex
import torch
from torch import Tensor

from slmtui.data.gpt2 import PATTERN
from slmtui.data.tokenizer import Tokenizer

LONGEST_WORD = 128  # characters; a longer one is not taken back
WITH_WORDS = ("bpe", "gpt2", "gpt2-compact")  # vocabularies whose tokens are pieces of words, and not characters
_WORD = regex.compile(PATTERN)


@dataclass(frozen=True)
class BegunWord:
    """What the next tokens have to begin with: `left`, not empty."""

    left: bytes
    tokenizer: Tokenizer

    def possible(self) -> Tensor:
        """Which tokens begin with it, or spell a first part of it, (V,)."""
        possible = np.zeros(self.tokenizer.n_vocab, np.bool_)
        possible[_along(self.tokenizer, self.left)] = True
        return torch.from_numpy(possible)

    def has(self, token: int) -> bool:
        """Whether a token that spells it goes no further."""
        return len(self.tokenizer.token_bytes(token)) <= len(self.left)

    def after(self, token: int) -> BegunWord | None:
        """What is left of it after a token; None if it is whole."""
        left = self.left[len(self.tokenizer.token_bytes(token)) :]
        return BegunWord(left, self.tokenizer) if left else None


def _along(tokenizer: Tokenizer, text: bytes) -> list[int]:
    """The tokens that begin with these bytes, at least one, or are a first part of them."""
    tokens, ids = _sorted(tokenizer)

    def cut(token: bytes) -> bytes:
        return token[: len(text)]

    found = ids[bisect_left(tokens, text, key=cut) : bisect_right(tokens, text, key=cut)]
    for n in range(1, len(text)):
        at = bisect_left(tokens, text[:n])
        if tokens[at : at + 1] == [text[:n]]:
            found.append(ids[at])
    return found


@lru_cache(maxsize=4)
def _sorted(tokenizer: Tokenizer) -> tuple[list[bytes], list[int]]:
    """The tokens in ascending order of their bytes, and their ids."""
    ids = sorted(range(tokenizer.n_vocab), key=tokenizer.token_bytes)
    return [tokenizer.token_bytes(i) for i in ids], ids


class Prompt(NamedTuple):
    """`ids` are read first, (n,), n > 0; then `word` is drawn, if there is one, and what it becomes."""

    ids: np.ndarray
    word: BegunWord | None = None

    def all_ids(self) -> np.ndarray:
        """Those of the whole text, (n,), as it is encoded where nothing is taken back."""
        return self.ids if self.word is None else np.append(self.ids, self.word.tokenizer.encode_bytes(self.word.left))


def read_prompt(tokenizer: Tokenizer, text: str, before: Sequence[str] = ()) -> Prompt:
    """A prompt after the texts that are read before it.

    None is taken back where it is all of the prompt and nothing would be left to read, nor in a vocabulary of single
    characters or bytes, nor in GPT-2's where documents have no end: those models complete as the published script does.
    """
    ids = tokenizer.encode_prompt(text, before)
    has_words = tokenizer.kind in WITH_WORDS and tokenizer.token_lengths.max() > 1
    if tokenizer.end is None and tokenizer.kind != "bpe":
        has_words = False
    word = _last_word(text) if has_words else ""
    cut = len(ids) - len(tokenizer.encode(word))
    spelled = tokenizer.decode_bytes(ids[cut:])
    if not word or cut < 1 or spelled != word.encode("utf-8", "replace"):  # as when half a character was replaced
        return Prompt(ids)
    return Prompt(ids[:cut], BegunWord(spelled, tokenizer))


def _last_word(text: str) -> str:
    """The last piece that GPT-2's pattern cuts a text into; "" for one that is too long."""
    end = text[-2 * LONGEST_WORD :]
    pieces = [match.group() for match in _WORD.finditer(end)]
    last = pieces[-1] if pieces else ""
    return last if len(last) <= LONGEST_WORD else ""


class DrawnText:
    """The text of a completion, from its tokens as they are drawn: without what the prompt has of its last word."""

    def __init__(self, tokenizer: Tokenizer, word: BegunWord | None = None) -> None:
        self.n_tokens = 0  # that added something to the prompt
        self._tokenizer, self._known = tokenizer, len(word.left) if word else 0
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def bytes_of(self, token: int) -> bytes:
        """What a token would add, if it was the next one."""
        return self._tokenizer.token_bytes(token)[self._known :]

    def add(self, token: int) -> str:
        """The whole characters that a token adds; "" inside a character, or inside what the prompt has."""
        data = self.bytes_of(token)
        self.n_tokens += bool(data)
        self._known = max(0, self._known - len(self._tokenizer.token_bytes(token)))
        return self._decoder.decode(data)

    def rest(self) -> str:
        """What stands for a character that is not whole at the end."""
        return self._decoder.decode(b"", final=True)
