"""Our vocabularies as other libraries can read them, so that every text has the same ids there.

Two kinds can be written. Byte-level BPE, as GPT-2's: tokens are bytes, spelled with GPT-2's printable letters, and
joined by merges. And characters, with the 256 bytes for those that it lacks. GPT-2's pattern cuts a text into words for
the first; nothing does for the second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from slmtui.data.gpt2 import END_OF_TEXT, N_VOCAB, PRINTABLE, gpt2_merges, gpt2_tokens
from slmtui.data.tokenizer import BpeTokenizer, ByteTokenizer, CharacterTokenizer, Gpt2Tokenizer, Tokenizer
from slmtui.errors import UserError

END = END_OF_TEXT.decode()  # how the end of a document is called, as in GPT-2


class Unwritable(UserError):
    """A model or a vocabulary that a format has no way to say."""


@dataclass(frozen=True)
class ByteLevel:
    """tokens: by id, in GPT-2's letters. merges: pairs of tokens, the first to be joined first."""

    tokens: tuple[str, ...]
    merges: tuple[tuple[str, str], ...]
    end: int | None  # the token that ends a document, whose spelling is END
    begins: bool  # whether a prompt is read after that token


@dataclass(frozen=True)
class Characters:
    """characters: of the ids from 256 on. The ids below are bytes: of ASCII characters, and of what else is missing."""

    characters: str
    end: int | None
    begins: bool


Vocabulary = ByteLevel | Characters


def vocabulary_of(tokenizer: Tokenizer) -> Vocabulary:
    """`Unwritable` for one that nobody else can have."""
    end = tokenizer.end
    match tokenizer:
        case Gpt2Tokenizer():  # its last token is nobody's text, whether or not it ends documents
            letters = _letters(gpt2_tokens()[:-1])
            merges = tuple((letters[left], letters[right]) for left, right in gpt2_merges().tolist())
            return ByteLevel((*letters, END), merges, N_VOCAB - 1, end is not None)
        case BpeTokenizer():
            tokens = [tokenizer.token_bytes(i) for i in range(256 + len(tokenizer.merges))]
            return ByteLevel(_with_end(_letters(tokens), end), _merges(tokens), end, end is not None)
        case ByteTokenizer():
            letters = _letters([bytes([byte]) for byte in range(256)])
            return ByteLevel(_with_end(letters, end), (), end, end is not None)
        case CharacterTokenizer():
            return Characters(tokenizer.characters, end, end is not None)
    raise Unwritable(
        f'a vocabulary of tokenizer.kind = "{tokenizer.kind}" cannot be written for others: it joins bytes to all of '
        "GPT-2's tokens and then takes those apart again that the training text lacks, which no other tokenizer does. "
        "Train the phase anew with --set tokenizer.kind=bpe (or gpt2), and export that"
    )


def _letters(tokens: Sequence[bytes]) -> tuple[str, ...]:
    return tuple("".join(PRINTABLE[byte] for byte in token) for token in tokens)


def _with_end(tokens: tuple[str, ...], end: int | None) -> tuple[str, ...]:
    return tokens if end is None else (*tokens, END)


def _merges(tokens: Sequence[bytes]) -> tuple[tuple[str, str], ...]:
    """All pairs of tokens that make a token, in its order: tiktoken, which encodes our texts, joins any it meets."""
    letters = dict(zip(tokens, _letters(tokens), strict=True))
    found = []
    for token in tokens[256:]:
        cuts = ((token[:at], token[at:]) for at in range(1, len(token)))
        found += [(letters[left], letters[right]) for left, right in cuts if left in letters and right in letters]
    return tuple(found)
