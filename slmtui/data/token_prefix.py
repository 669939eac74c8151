"""The first GPT-2 tokens of a corpus, and where its files and documents begin among them.

Whatever vocabulary the model uses, sizes are counted and the sides are chosen in GPT-2 tokens. So models with different
vocabularies train and validate on the same text, and their bits per byte can be compared.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slmtui.data.corpus import Corpus
from slmtui.data.documents import Chunk
from slmtui.data.gpt2 import N_VOCAB
from slmtui.data.kept_tokens import token_file
from slmtui.data.tokenizer import gpt2_tokenizer

IntArray = NDArray[np.int64]

_BYTES_PER_TOKEN = 4  # about

END = N_VOCAB - 1  # the end of a document among GPT-2's tokens, which no text is encoded to


@dataclass(frozen=True, slots=True)
class PrefixPart:
    """The tokens `start` to `stop` of a prefix, all of one file."""

    file: int
    start: int
    stop: int

    @property
    def n_tokens(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class DocumentTable:
    """The documents of a prefix in order, shape (n_documents,) each; the token after a `stop` is END.

    Only the last one may lack its END: the prefix ends within it.
    """

    files: IntArray  # index in the corpus
    lines: IntArray  # of the file, from 1, where it begins
    starts: IntArray
    stops: IntArray

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def sizes(self) -> IntArray:
        """Tokens of each, without its END."""
        return self.stops - self.starts


@dataclass(frozen=True)
class TokenPrefix:
    """`tokens`, shape (n,), uint16; `parts`: one for each file that begins among them, in order.

    `documents` is None in the published form, which has no END. `not_kept`: as of TokenFile.
    """

    tokens: NDArray[Any]
    parts: tuple[PrefixPart, ...]
    documents: DocumentTable | None = None
    not_kept: str = ""

    @property
    def n_text_tokens(self) -> int:
        """Without the ends of documents."""
        return len(self.tokens) if self.documents is None else int(self.documents.sizes.sum())


class TokenPrefixWriter:
    """Tokenises a corpus and knows its first `limit` tokens (None: all); ends of documents do not count."""

    def __init__(self, corpus: Corpus, limit: int | None) -> None:
        self.limit = limit
        self._corpus = corpus
        n_bytes = corpus.n_bytes if limit is None else min(corpus.n_bytes, _BYTES_PER_TOKEN * limit)
        self._file = token_file(np.uint16, n_bytes, "gpt2", corpus.text_key)
        self._n_tokens = 0
        self._stops: dict[int, int] = {}
        self._n_text = 0
        self._has_documents = False
        self._starts: list[IntArray] = []
        self._lines: list[IntArray] = []
        self._ended = False  # the last token is an END

    @property
    def full(self) -> bool:
        return self._n_text == self.limit

    def chunks(self) -> Generator[tuple[Chunk, NDArray[Any]]]:
        """The chunks of the corpus in order, each with its GPT-2 ids, which are taken in; END ends a document."""
        tokenizer = gpt2_tokenizer(end=True)

        def encode(chunk: Chunk) -> NDArray[Any]:
            return tokenizer.encode_documents(chunk.texts, ends=chunk.ends)

        with closing(self._file.encode(self._corpus.chunks(), encode)) as rows:
            for chunk, ids in rows:
                self._add(chunk, ids)
                yield chunk, ids

    def _add(self, chunk: Chunk, ids: NDArray[Any]) -> None:
        """Take in the next tokens, those of a chunk."""
        ends = ids == END
        if self.limit is not None:
            n_text = np.cumsum(~ends)  # the END after the last token that is kept is kept, too
            ids = ids[: int(np.searchsorted(n_text, self.limit - self._n_text, side="right"))]
        if not len(ids) or self.full:
            return
        ends = ends[: len(ids)]
        after_ends = np.flatnonzero(ends) + 1
        begins = after_ends if len(chunk.lines) < len(chunk.texts) else np.insert(after_ends, 0, 0)
        begins = begins[: len(chunk.lines)]
        begins = begins[begins < len(ids)]
        if chunk.lines:
            self._has_documents = True
            self._starts.append(self._n_tokens + begins)
            self._lines.append(np.array(chunk.lines[: len(begins)], np.int64))
        self._n_tokens += len(ids)
        self._stops[chunk.file] = self._n_tokens
        self._n_text += len(ids) - int(np.count_nonzero(ends))
        self._ended = bool(ends[-1])

    def prefix(self) -> TokenPrefix:
        starts = [0, *self._stops.values()]
        parts = [
            PrefixPart(file, start, stop) for start, (file, stop) in zip(starts, self._stops.items(), strict=False)
        ]
        tokens = self._file.array()[: self._n_tokens]
        return TokenPrefix(tokens, tuple(parts), self._documents(parts), self._file.not_kept)

    def _documents(self, parts: list[PrefixPart]) -> DocumentTable | None:
        if not self._has_documents:
            return None
        starts = np.concatenate(self._starts)
        place = np.searchsorted([part.stop for part in parts], starts, side="right")
        stops = np.append(starts[1:] - 1, self._n_tokens - self._ended)
        return DocumentTable(np.array([part.file for part in parts])[place], np.concatenate(self._lines), starts, stops)


def read_prefix(corpus: Corpus, limit: int | None) -> TokenPrefix:
    """Tokenise a corpus up to `limit` tokens, reading little beyond them."""
    writer = TokenPrefixWriter(corpus, limit)
    with closing(writer.chunks()) as rows:
        for _ in rows:
            if writer.full:
                break
    return writer.prefix()
