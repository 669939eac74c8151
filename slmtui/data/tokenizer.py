"""From text to token ids and back, with one of several vocabularies.

- `gpt2`: GPT-2's 50,257 tokens.
- `gpt2-compact`: those that occur in the training text, and the 256 bytes. Everything else is spelled in bytes, so the
  vocabulary knows nothing about the validation text and can still encode all of it.
- `bpe`: 257 to 16,384 tokens learned from the training text.
- `characters`: the characters that occur in the training text, and the 256 bytes.
- `bytes`: the 256 bytes.

Every text and every sequence of bytes can be decoded exactly from its ids. Each vocabulary but those of the published
form has one more token, `end`, which ends a document. It stands for no bytes, and no text is encoded to it.
"""

import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slmtui.config.limits import LARGEST_VOCABULARY, TOKENIZER_KINDS
from slmtui.data.bpe import Pair, merged_tokens
from slmtui.data.chunks import CHUNK_CHARACTERS, chunks
from slmtui.data.errors import DataError
from slmtui.data.gpt2 import END_OF_TEXT, GPT2_BYTES, N_VOCAB, PATTERN, gpt2_encoding, gpt2_tokens

if TYPE_CHECKING:
    import tiktoken

Ids = NDArray[np.unsignedinteger[Any]]  # uint16 or uint32
State = dict[str, str | bool | list[int]]
MOST_CHARACTERS = 65_000  # of a vocabulary; a text with more kinds of character is spelled in bytes where they are rare

_STRAY_BYTES = re.compile("([\udc80-\udcff]+)")  # what "surrogateescape" makes of bytes that are not UTF-8
_DECODE_BLOCK = 1 << 16  # tokens
_MARK = END_OF_TEXT.decode()


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

    def __init__(self, tokens: Sequence[bytes], byte_ids: NDArray[np.int64], end: int | None = None) -> None:
        """`tokens`: the bytes of each id. `byte_ids`, shape (256,): the id of each single byte. `end`: see above."""
        if end is not None:
            tokens = [*tokens[:end], b"", *tokens[end + 1 :]]
        self.n_vocab = len(tokens)
        self.end = end
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
        if not is_clean(text):  # half a character (a lone surrogate) has no bytes: it becomes U+FFFD
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        parts = [self._encode_piece(piece) for piece in chunks([text])]
        return np.concatenate(parts) if parts else np.empty(0, self.dtype)

    def encode_prompt(self, text: str, before: Sequence[str] = ()) -> Ids:
        """The ids, at least one, of a text that is to be continued. before: what is read before it.

        Each of them begins a document, where the vocabulary knows documents; where not, they are one text, and an empty
        one is a line break.
        """
        if self.end is None:
            return self.encode("".join((*before, text)) or "\n")
        return np.concatenate([part for each in (*before, text) for part in (self._end_ids, self.encode(each))])

    def encode_documents(self, texts: Sequence[str], *, ends: bool) -> Ids:
        """The ids of texts with `end` between them and, if `ends`, after the last.

        Bytes that are not UTF-8 stand in the texts as Python's "surrogateescape" has them, and are encoded as bytes.
        """
        joined = self._encode_joined(texts) if len(texts) > 1 else None
        if joined is not None:
            return np.concatenate([joined, self._end_ids]) if ends else joined
        parts: list[Ids] = []
        for text in texts:
            if parts:
                parts.append(self._end_ids)
            parts.append(self.encode(text) if is_clean(text) else self.encode_bytes(_stray_bytes(text)))
        return np.concatenate([*parts, self._end_ids] if ends else parts)

    def _encode_joined(self, texts: Sequence[str]) -> Ids | None:  # noqa: ARG002
        """The ids of texts with `end` between them, at one go: ten times as fast for short ones; None if it cannot."""
        return None

    @cached_property
    def _end_ids(self) -> Ids:
        if self.end is None:
            raise ValueError(f"the vocabulary ({self.kind}) has no token that ends a document")
        return np.array([self.end], self.dtype)

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

    def decode(self, ids: ArrayLike, between: str = "") -> str:
        """The text of a sequence of ids; bytes that are not UTF-8 become U+FFFD. `between`: stands for each `end`."""
        wanted = np.asarray(ids).reshape(-1)
        if not between or self.end is None:
            return self.decode_bytes(wanted).decode("utf-8", "replace")
        documents = np.split(wanted, np.flatnonzero(wanted == self.end))
        return between.join(self.decode_bytes(ids).decode("utf-8", "replace") for ids in documents)

    def token_bytes(self, token: int) -> bytes:
        """The bytes of one token."""
        return self._tokens[token]

    @cached_property
    def newlines(self) -> NDArray[np.int64]:
        """How many line breaks each token contains, shape (n_vocab,)."""
        return np.array([token.count(b"\n") for token in self._tokens], np.int64)

    @cached_property
    def is_space(self) -> NDArray[np.bool_]:
        """Which tokens are nothing but ASCII white space, shape (n_vocab,)."""
        return np.array([token.isspace() for token in self._tokens])

    @abstractmethod
    def state(self) -> State:
        """Everything that `tokenizer_from_state` needs, in plain values that any checkpoint can hold."""

    @abstractmethod
    def _encode_piece(self, piece: str) -> Ids:
        """The ids of a text of at most `CHUNK_CHARACTERS` characters."""


class Gpt2Tokenizer(Tokenizer):
    """GPT-2's whole vocabulary; its last token may serve as the end of a document."""

    kind = "gpt2"

    def __init__(self, *, end: bool) -> None:
        super().__init__(gpt2_tokens(), np.argsort(GPT2_BYTES), N_VOCAB - 1 if end else None)
        self._encoding = gpt2_encoding()

    def state(self) -> State:
        return {"kind": self.kind, **_end_state(self)}

    def _encode_piece(self, piece: str) -> Ids:
        # No special tokens: "<|endoftext|>" in a text is thirteen ordinary characters.
        return self._encoding.encode_to_numpy(piece, disallowed_special=()).astype(np.uint16)

    def _encode_joined(self, texts: Sequence[str]) -> Ids | None:
        ids = None if self.end is None else _joined_ids(self._encoding, texts)
        return None if ids is None else ids.astype(np.uint16)


@cache
def gpt2_tokenizer(*, end: bool = False) -> Gpt2Tokenizer:
    """GPT-2's vocabulary; built once, which takes a tenth of a second."""
    return Gpt2Tokenizer(end=end)


class CompactTokenizer(Tokenizer):
    """Some of GPT-2's tokens, always including the 256 bytes; the others are spelled in bytes.

    The ids keep GPT-2's order. The bytes are GPT-2's first 256 tokens, so they are the first 256 here.
    """

    kind = "gpt2-compact"

    def __init__(self, gpt2_ids: NDArray[np.int64]) -> None:
        """`gpt2_ids`: the GPT-2 ids to keep, in any order; those of the bytes are added. The last of all is `end`."""
        self.gpt2_ids = np.union1d(gpt2_ids, np.arange(256))
        self._gpt2 = gpt2_tokenizer()
        spelling = gpt2_tokens()
        end = len(self.gpt2_ids) - 1 if self.gpt2_ids[-1] == N_VOCAB - 1 else None
        super().__init__([spelling[i] for i in self.gpt2_ids.tolist()], np.argsort(GPT2_BYTES), end)

        self._ours = np.full(N_VOCAB, -1, np.int32)  # our id for each of GPT-2; -1: spelled in bytes
        self._ours[self.gpt2_ids] = np.arange(self.n_vocab)

    def from_gpt2(self, ids: NDArray[Any]) -> Ids:
        """Our ids for a text, given GPT-2's ids for it."""
        ids = ids.astype(np.int64)
        ours = self._ours[ids]
        is_spelled = ours < 0
        if not is_spelled.any():
            found: Ids = ours.astype(self.dtype)
            return found
        lengths = np.where(is_spelled, self._gpt2.token_lengths[ids], 1)
        found = np.empty(int(lengths.sum()), self.dtype)
        in_bytes = np.repeat(is_spelled, lengths)
        found[~in_bytes] = ours[~is_spelled]
        found[in_bytes] = self.byte_ids[self._gpt2._bytes[ids[is_spelled]]]
        return found

    def state(self) -> State:
        return {"kind": self.kind, "gpt2_ids": self.gpt2_ids.tolist()}

    def _encode_piece(self, piece: str) -> Ids:
        return self.from_gpt2(self._gpt2._encode_piece(piece))


class BpeTokenizer(Tokenizer):
    """The 256 bytes and the merges learned from a text; `encoding` is a regular `tiktoken.Encoding`."""

    kind = "bpe"

    def __init__(self, merges: Sequence[Pair], *, end: bool) -> None:
        import tiktoken

        tokens = merged_tokens(merges)
        super().__init__([*tokens, b""] if end else tokens, np.arange(256), len(tokens) if end else None)
        self.merges = tuple(merges)
        self.encoding = tiktoken.Encoding(
            f"slmtui-bpe-{self.n_vocab}",
            pat_str=PATTERN,
            mergeable_ranks={token: i for i, token in enumerate(tokens)},
            special_tokens={_MARK: len(tokens)} if end else {},  # only _encode_joined makes it
        )

    def state(self) -> State:
        return {"kind": self.kind, "merges": [token for pair in self.merges for token in pair], **_end_state(self)}

    def _encode_piece(self, piece: str) -> Ids:
        return self.encoding.encode_to_numpy(piece, disallowed_special=()).astype(self.dtype)

    def _encode_joined(self, texts: Sequence[str]) -> Ids | None:
        ids = None if self.end is None else _joined_ids(self.encoding, texts)
        return None if ids is None else ids.astype(self.dtype)


class CharacterTokenizer(Tokenizer):
    """The 256 bytes, and the characters of a text that are more than one byte long; with none, a vocabulary of bytes.

    Characters that the text lacks are spelled in bytes.
    """

    kind = "characters"

    def __init__(self, characters: Iterable[str], *, end: bool) -> None:
        """`characters`: those of the text, in any order; ASCII ones are bytes and are passed over."""
        self.characters = "".join(sorted({one for one in characters if not one.isascii()}))
        tokens = [bytes([byte]) for byte in range(256)] + [one.encode() for one in self.characters]
        super().__init__([*tokens, b""] if end else tokens, np.arange(256), len(tokens) if end else None)
        self._codes = np.array([ord(one) for one in self.characters], np.int64)

    def state(self) -> State:
        return {"kind": self.kind, "characters": self._codes.tolist(), **_end_state(self)}

    def _encode_piece(self, piece: str) -> Ids:
        if piece.isascii() or not self.characters:
            return np.frombuffer(piece.encode(), np.uint8).astype(self.dtype)
        codes = np.frombuffer(piece.encode("utf-32-le"), "<u4").astype(np.int64)
        place = np.minimum(np.searchsorted(self._codes, codes), len(self._codes) - 1)
        known = self._codes[place] == codes
        lengths = np.where(known | (codes < 0x80), 1, 2 + (codes >= 0x800) + (codes >= 0x10000))
        ids: Ids = np.empty(int(lengths.sum()), self.dtype)
        in_bytes = np.repeat(~known, lengths)
        ids[~in_bytes] = 256 + place[known]
        unknown = codes[~known].astype("<u4").tobytes().decode("utf-32-le")
        ids[in_bytes] = np.frombuffer(unknown.encode(), np.uint8)
        return ids


class ByteTokenizer(CharacterTokenizer):
    """The 256 bytes."""

    kind = "bytes"

    def __init__(self, *, end: bool) -> None:
        super().__init__((), end=end)

    def state(self) -> State:
        return {"kind": self.kind, **_end_state(self)}


def _joined_ids(encoding: "tiktoken.Encoding", texts: Sequence[str]) -> NDArray[np.uint32] | None:
    """The ids of texts with the encoding's special token between them; None if a text is too long for it, or odd.

    No beginning of the mark is an end of it, so a count shows whether there are others than ours.
    """
    joined = _MARK.join(texts)
    if joined.count(_MARK) >= len(texts) or max(map(len, texts)) > CHUNK_CHARACTERS or not is_clean(joined):
        return None
    return encoding.encode_to_numpy(joined, allowed_special={_MARK}, disallowed_special=())


def _stray_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def is_clean(text: str) -> bool:
    """Whether a text holds no half characters (lone surrogates), and so can be encoded as UTF-8."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _end_state(tokenizer: Tokenizer) -> State:
    return {} if tokenizer.end is None else {"end": True}


def tokenizer_from_state(state: object) -> Tokenizer:
    """The tokenizer with this `state()`. It may come from an untrusted file: raises DataError for anything else."""
    if not isinstance(state, Mapping):
        raise DataError(f"vocabulary: expected a table of kind and entries, got {type(state).__name__}")
    end = state.get("end", False)
    if not isinstance(end, bool):
        raise DataError(f"vocabulary: end must be true or false (got {end!r:.60})")
    match kind := state.get("kind"):
        case "gpt2":
            return gpt2_tokenizer(end=end)
        case "bytes":
            return ByteTokenizer(end=end)
        case "characters":
            codes = _integers(state, "characters", most=MOST_CHARACTERS, below=0x110000)
            if codes != sorted(set(codes)) or any(code < 0x80 or 0xD800 <= code < 0xE000 for code in codes):
                raise DataError("vocabulary: characters must be ascending code points, none of them ASCII")
            return CharacterTokenizer(map(chr, codes), end=end)
        case "gpt2-compact":
            ids = _integers(state, "gpt2_ids", most=N_VOCAB, below=N_VOCAB)
            if ids != sorted(set(ids)) or ids[:256] != list(range(256)):
                raise DataError("vocabulary: gpt2_ids must be ascending, and begin with the 256 bytes, 0 to 255")
            return CompactTokenizer(np.array(ids, np.int64))
        case "bpe":
            flat = _integers(state, "merges", most=2 * (LARGEST_VOCABULARY - 256), below=LARGEST_VOCABULARY)
            if len(flat) % 2:
                raise DataError(f"vocabulary: merges must be pairs, got {len(flat):,} numbers")
            return BpeTokenizer(list(zip(flat[::2], flat[1::2], strict=True)), end=end)
        case _:
            raise DataError(f"vocabulary: kind must be one of {', '.join(TOKENIZER_KINDS)} (got {kind!r:.60})")


def _integers(state: Mapping[str, object], key: str, *, most: int, below: int) -> list[int]:
    values = state.get(key)
    if not isinstance(values, list) or len(values) > most:
        raise DataError(f"vocabulary: {key} must be a list of at most {most:,} integers")
    for value in values:
        if type(value) is not int or not 0 <= value < below:
            raise DataError(f"vocabulary: {key} must hold integers from 0 to {below - 1:,} (got {value!r:.60})")
    return values
