"""From text to token ids and back, with one of three vocabularies.

- `gpt2`: GPT-2's 50,257 tokens.
- `gpt2-compact`: those that occur in the training text, and the 256 bytes. Everything else is spelled in bytes, so the
  vocabulary knows nothing about the validation text and can still encode all of it.
- `bpe`: 512 to 16,384 tokens learned from the training text.

Every text and every sequence of bytes can be decoded exactly from its ids. Text never becomes a special token.
"""

import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slmtui.config.limits import KINDS, LARGEST_VOCABULARY
from slmtui.data.bpe import Pair, merged_tokens
from slmtui.data.chunks import chunks
from slmtui.data.errors import DataError
from slmtui.data.gpt2 import GPT2_BYTES, N_VOCAB, PATTERN, gpt2_encoding, gpt2_tokens

Ids = NDArray[np.unsignedinteger[Any]]  # uint16 or uint32

_STRAY_BYTES = re.compile("([\udc80-\udcff]+)")  # what "surrogateescape" makes of bytes that are not UTF-8
_DECODE_BLOCK = 1 << 16  # tokens


def id_dtype(n_vocab: int) -> type[np.uint16] | type[np.uint32]:
    """The smallest type that can hold the ids of a vocabulary."""
    return np.uint16 if n_vocab <= 1 << 16 else np.uint32


class RaggedRows:
    """Rows of different lengths, stored end to end in one array, so that many can be fetched at once."""

    def __init__(self, values: NDArray[Any], lengths: NDArray[np.int64]) -> None:
        self.values = values
        self.lengths = lengths
        self.starts = np.cumsum(lengths) - lengths

    def __getitem__(self, rows: NDArray[Any]) -> NDArray[Any]:
        """The rows with these indices, end to end."""
        lengths = self.lengths[rows]
        ends = np.cumsum(lengths)
        shift = self.starts[rows] - (ends - lengths)
        fetched: NDArray[Any] = self.values[np.repeat(shift, lengths) + np.arange(int(lengths.sum()))]
        return fetched


class Tokenizer(ABC):
    """A vocabulary: the bytes of each token, and how text is encoded with them."""

    kind: str

    def __init__(self, tokens: Sequence[bytes], byte_ids: NDArray[np.int64]) -> None:
        """`tokens`: the bytes of each id. `byte_ids`, shape (256,): the id of each single byte."""
        self.n_vocab = len(tokens)
        self.dtype = id_dtype(self.n_vocab)
        self.byte_ids: Ids = byte_ids.astype(self.dtype)
        self._tokens = tokens
        lengths = np.array([len(token) for token in tokens], np.int64)
        self._bytes = RaggedRows(np.frombuffer(b"".join(tokens), np.uint8), lengths)
        digest = hashlib.sha256(self.kind.encode())
        digest.update(lengths.astype("<i8").tobytes())
        digest.update(self._bytes.values.tobytes())
        self.fingerprint = digest.hexdigest()

    @property
    def token_lengths(self) -> NDArray[np.int64]:
        """How many bytes each token stands for, shape (n_vocab,)."""
        return self._bytes.lengths

    def encode(self, text: str) -> Ids:
        """The ids of a text, uint16, or uint32 for more than 65,536 tokens."""
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:  # half a character (a lone surrogate) has no bytes: it becomes U+FFFD
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        parts = [self._encode_piece(piece) for piece in chunks([text])]
        return np.concatenate(parts) if parts else np.empty(0, self.dtype)

    def encode_bytes(self, data: bytes) -> Ids:
        """The ids of bytes; what is not UTF-8, such as half a character at a cut, is encoded byte by byte."""
        parts: list[Ids] = []
        for i, part in enumerate(_STRAY_BYTES.split(data.decode("utf-8", "surrogateescape"))):
            if i % 2:
                stray = part.encode("utf-8", "surrogateescape")
                parts.append(self.byte_ids[np.frombuffer(stray, np.uint8)])
            else:
                parts.append(self.encode(part))
        return np.concatenate(parts)

    def decode_bytes(self, ids: ArrayLike) -> bytes:
        """The bytes of a sequence of ids."""
        wanted = np.asarray(ids).reshape(-1)
        blocks = range(0, len(wanted), _DECODE_BLOCK)
        return b"".join(self._bytes[wanted[i : i + _DECODE_BLOCK].astype(np.int64)].tobytes() for i in blocks)

    def decode(self, ids: ArrayLike) -> str:
        """The text of a sequence of ids; bytes that are not UTF-8 become U+FFFD."""
        return self.decode_bytes(ids).decode("utf-8", "replace")

    def token_bytes(self, token: int) -> bytes:
        """The bytes of one token."""
        return self._tokens[token]

    @cached_property
    def newlines(self) -> NDArray[np.int64]:
        """How many line breaks each token contains, shape (n_vocab,)."""
        return np.array([token.count(b"\n") for token in self._tokens], np.int64)

    @abstractmethod
    def state(self) -> dict[str, str | list[int]]:
        """Everything that `tokenizer_from_state` needs, in plain values that any checkpoint can hold."""

    @abstractmethod
    def _encode_piece(self, piece: str) -> Ids:
        """The ids of a text of at most `CHUNK_CHARACTERS` characters."""


class Gpt2Tokenizer(Tokenizer):
    """GPT-2's whole vocabulary."""

    kind = "gpt2"

    def __init__(self) -> None:
        super().__init__(gpt2_tokens(), np.argsort(GPT2_BYTES))
        self._encoding = gpt2_encoding()

    def state(self) -> dict[str, str | list[int]]:
        return {"kind": self.kind}

    def _encode_piece(self, piece: str) -> Ids:
        # No special tokens: "<|endoftext|>" in a text is thirteen ordinary characters.
        return self._encoding.encode_to_numpy(piece, disallowed_special=()).astype(np.uint16)


@cache
def gpt2_tokenizer() -> Gpt2Tokenizer:
    """GPT-2's vocabulary; built once, which takes a tenth of a second."""
    return Gpt2Tokenizer()


class CompactTokenizer(Tokenizer):
    """Some of GPT-2's tokens, always including the 256 bytes; the others are spelled in bytes.

    The ids keep GPT-2's order. The bytes are GPT-2's first 256 tokens, so they are the first 256 here.
    """

    kind = "gpt2-compact"

    def __init__(self, gpt2_ids: NDArray[np.int64]) -> None:
        """`gpt2_ids`: the GPT-2 ids to keep, in any order; those of the bytes are added."""
        self.gpt2_ids = np.union1d(gpt2_ids, np.arange(256))
        self._gpt2 = gpt2_tokenizer()
        spelling = gpt2_tokens()
        super().__init__([spelling[i] for i in self.gpt2_ids.tolist()], np.argsort(GPT2_BYTES))

        # What replaces each GPT-2 id: our id for it, or those of its bytes.
        kept = np.isin(np.arange(N_VOCAB), self.gpt2_ids)
        lengths = np.where(kept, 1, self._gpt2.token_lengths)
        values: Ids = np.empty(int(lengths.sum()), self.dtype)
        values[np.repeat(kept, lengths)] = np.arange(self.n_vocab)
        values[~np.repeat(kept, lengths)] = self.byte_ids[self._gpt2._bytes[np.flatnonzero(~kept)]]
        self._from_gpt2 = RaggedRows(values, lengths)

    def from_gpt2(self, ids: NDArray[Any]) -> Ids:
        """Our ids for a text, given GPT-2's ids for it."""
        return self._from_gpt2[ids.astype(np.int64)]

    def state(self) -> dict[str, str | list[int]]:
        return {"kind": self.kind, "gpt2_ids": self.gpt2_ids.tolist()}

    def _encode_piece(self, piece: str) -> Ids:
        return self.from_gpt2(self._gpt2._encode_piece(piece))


class BpeTokenizer(Tokenizer):
    """The 256 bytes and the merges learned from a text; `encoding` is a regular `tiktoken.Encoding`."""

    kind = "bpe"

    def __init__(self, merges: Sequence[Pair]) -> None:
        import tiktoken

        tokens = merged_tokens(merges)
        super().__init__(tokens, np.arange(256))
        self.merges = tuple(merges)
        self.encoding = tiktoken.Encoding(
            f"slmtui-bpe-{self.n_vocab}",
            pat_str=PATTERN,
            mergeable_ranks={token: i for i, token in enumerate(tokens)},
            special_tokens={},
        )

    def state(self) -> dict[str, str | list[int]]:
        return {"kind": self.kind, "merges": [token for pair in self.merges for token in pair]}

    def _encode_piece(self, piece: str) -> Ids:
        return self.encoding.encode_to_numpy(piece, disallowed_special=()).astype(self.dtype)


def tokenizer_from_state(state: object) -> Tokenizer:
    """The tokenizer with this `state()`. It may come from an untrusted file: raises DataError for anything else."""
    if not isinstance(state, Mapping):
        raise DataError(f"vocabulary: expected a table of kind and entries, got {type(state).__name__}")
    match kind := state.get("kind"):
        case "gpt2":
            return gpt2_tokenizer()
        case "gpt2-compact":
            ids = _integers(state, "gpt2_ids", most=N_VOCAB, below=N_VOCAB)
            if ids != sorted(set(ids)) or ids[:256] != list(range(256)):
                raise DataError("vocabulary: gpt2_ids must be ascending, and begin with the 256 bytes, 0 to 255")
            return CompactTokenizer(np.array(ids, np.int64))
        case "bpe":
            flat = _integers(state, "merges", most=2 * (LARGEST_VOCABULARY - 256), below=LARGEST_VOCABULARY)
            if len(flat) % 2:
                raise DataError(f"vocabulary: merges must be pairs, got {len(flat):,} numbers")
            return BpeTokenizer(list(zip(flat[::2], flat[1::2], strict=True)))
        case _:
            raise DataError(f"vocabulary: kind must be one of {', '.join(KINDS)} (got {kind!r:.60})")


def _integers(state: Mapping[str, object], key: str, *, most: int, below: int) -> list[int]:
    values = state.get(key)
    if not isinstance(values, list) or len(values) > most:
        raise DataError(f"vocabulary: {key} must be a list of at most {most:,} integers")
    for value in values:
        if type(value) is not int or not 0 <= value < below:
            raise DataError(f"vocabulary: {key} must hold integers from 0 to {below - 1:,} (got {value!r:.60})")
    return values
