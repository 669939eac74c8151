"""The first GPT-2 tokens of a corpus, and where its files and documents begin among them.

Whatever vocabulary the model uses, sizes are counted and the sides are chosen in GPT-2 tokens. So models with different
vocabularies train and validate on the same text, and their bits per byte can be compared.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from slmtui.data.corpus import Corpus
from slmtui.data.documents import Chunk
from slmtui.data.gpt2 import N_VOCAB
from slmtui.data.token_file import TokenFile
from slmtui.data.tokenizer import gpt2_tokenizer

IntArray = NDArray[np.int64]

END = N_VOCAB - 1  # the end of a document among GPT-2's tokens, which no text is encoded to
_MOST_THREADS = 8

Item = TypeVar("Item")
Result = TypeVar("Result")


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

    `documents` is None in the published form, which has no END.
    """

    tokens: NDArray[Any]
    parts: tuple[PrefixPart, ...]
    documents: DocumentTable | None = None

    @property
    def n_text_tokens(self) -> int:
        """Without the ends of documents."""
        return len(self.tokens) if self.documents is None else int(self.documents.sizes.sum())


class TokenPrefixWriter:
    """Keeps the first `limit` tokens (None: all) that are added; ends of documents do not count."""

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self._file = TokenFile(np.uint16)
        self._stops: dict[int, int] = {}
        self._n_text = 0
        self._has_documents = False
        self._starts: list[IntArray] = []
        self._lines: list[IntArray] = []
        self._ended = False  # the last token is an END

    @property
    def full(self) -> bool:
        return self._n_text == self.limit

    def add(self, chunk: Chunk, ids: NDArray[Any]) -> None:
        """Add the next tokens, those of a chunk."""
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
            self._starts.append(self._file.n_tokens + begins)
            self._lines.append(np.array(chunk.lines[: len(begins)], np.int64))
        self._file.append(ids)
        self._stops[chunk.file] = self._file.n_tokens
        self._n_text += len(ids) - int(np.count_nonzero(ends))
        self._ended = bool(ends[-1])

    def prefix(self) -> TokenPrefix:
        starts = [0, *self._stops.values()]
        parts = [
            PrefixPart(file, start, stop) for start, (file, stop) in zip(starts, self._stops.items(), strict=False)
        ]
        return TokenPrefix(self._file.array(), tuple(parts), self._documents(parts))

    def _documents(self, parts: list[PrefixPart]) -> DocumentTable | None:
        if not self._has_documents:
            return None
        starts = np.concatenate(self._starts)
        place = np.searchsorted([part.stop for part in parts], starts, side="right")
        stops = np.append(starts[1:] - 1, self._file.n_tokens - self._ended)
        return DocumentTable(np.array([part.file for part in parts])[place], np.concatenate(self._lines), starts, stops)


def read_prefix(corpus: Corpus, limit: int | None) -> TokenPrefix:
    """Tokenise a corpus up to `limit` tokens, reading little beyond them."""
    writer = TokenPrefixWriter(limit)
    with closing(tokenised(corpus)) as rows:
        for chunk, ids in rows:
            writer.add(chunk, ids)
            if writer.full:
                break
    return writer.prefix()


def tokenised(corpus: Corpus) -> Generator[tuple[Chunk, NDArray[Any]]]:
    """The chunks of a corpus in order, each with its GPT-2 ids; END ends a document."""
    tokenizer = gpt2_tokenizer(end=True)

    def encode(chunk: Chunk) -> tuple[Chunk, NDArray[Any]]:
        return chunk, tokenizer.encode_documents(chunk.texts, ends=chunk.ends)

    yield from in_order(encode, corpus.chunks())


def in_order(function: Callable[[Item], Result], items: Iterable[Item]) -> Generator[Result]:
    """`map` on all cores, for a function that tokenises: tiktoken releases the interpreter lock while it works.

    To bound memory, no more than two items per core are in flight.
    """
    n_threads = min(_MOST_THREADS, os.cpu_count() or 1)
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(n_threads, "slmtui-tokenise") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) == 2 * n_threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
