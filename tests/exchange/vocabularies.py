"""Vocabularies to try on a text, one of each kind that can be exported, with and without ends of documents."""

from __future__ import annotations

from slmtui.data.bpe import train_bpe
from slmtui.data.tokenizer import BpeTokenizer, ByteTokenizer, CharacterTokenizer, Tokenizer, gpt2_tokenizer

KINDS = ("gpt2", "bpe", "characters", "bytes")


def made_from(kind: str, text: str, *, end: bool = True) -> Tokenizer:
    match kind:
        case "gpt2":
            return gpt2_tokenizer(end=end)
        case "bpe":
            return BpeTokenizer(train_bpe([text], 400), end=end)
        case "characters":
            return CharacterTokenizer(text, end=end)
    return ByteTokenizer(end=end)
