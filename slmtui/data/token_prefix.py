"""The first GPT-2 tokens of a corpus, and which of them belong to which side of the split.

Whatever vocabulary the model uses, sizes are counted and the split is made in GPT-2 tokens. So models with different
vocabularies train and validate on the same text, and their bits per byte can be compared.
"""

import hashlib
import os
from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slmtui.data.corpus import Corpus
from slmtui.data.errors import DataError
from slmtui.data.token_file import TokenFile
from slmtui.data.tokenizer import gpt2_tokenizer

_MOST_THREADS = 8


@dataclass(frozen=True)
class PrefixPart:
    """The tokens `start` to `stop` of a prefix, all of one file."""

    file: int
    start: int
    stop: int

    @property
    def n_tokens(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class TokenPrefix:
    """`tokens`, shape (n_tokens,), uint16; `parts`: one for each file that begins among them, in order."""

    tokens: NDArray[Any]
    parts: tuple[PrefixPart, ...]


class TokenPrefixWriter:
    """Keeps the first `limit` tokens (None: all) that are added."""

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self._file = TokenFile(np.uint16)
        self._stops: dict[int, int] = {}

    @property
    def full(self) -> bool:
        return self._file.n_tokens == self.limit

    def add(self, file: int, ids: NDArray[Any]) -> None:
        """Add the next tokens, all of one file."""
        ids = ids if self.limit is None else ids[: self.limit - self._file.n_tokens]
        if len(ids):
            self._file.append(ids)
            self._stops[file] = self._file.n_tokens

    def prefix(self) -> TokenPrefix:
        starts = [0, *self._stops.values()]
        parts = [
            PrefixPart(file, start, stop) for start, (file, stop) in zip(starts, self._stops.items(), strict=False)
        ]
        return TokenPrefix(self._file.array(), tuple(parts))


def read_prefix(corpus: Corpus, limit: int | None) -> TokenPrefix:
    """Tokenise a corpus up to `limit` tokens, reading little beyond them."""
    writer = TokenPrefixWriter(limit)
    with closing(tokenised(corpus)) as rows:
        for file, _, ids in rows:
            writer.add(file, ids)
            if writer.full:
                break
    return writer.prefix()


def tokenised(corpus: Corpus) -> Generator[tuple[int, str, NDArray[Any]]]:
    """The chunks of a corpus in order: index of the file, text, GPT-2 ids.

    tiktoken releases the interpreter lock while it works, so each core can take a chunk. To bound memory, no more than
    two chunks per core are in flight.
    """
    encode = gpt2_tokenizer().encode
    n_threads = min(_MOST_THREADS, os.cpu_count() or 1)
    waiting: deque[tuple[int, str, Future[NDArray[Any]]]] = deque()
    with ThreadPoolExecutor(n_threads, "slmtui-tokenise") as pool:
        try:
            for file, piece in corpus.chunks():
                waiting.append((file, piece, pool.submit(encode, piece)))
                if len(waiting) == 2 * n_threads:
                    file, piece, ids = waiting.popleft()
                    yield file, piece, ids.result()
            while waiting:
                file, piece, ids = waiting.popleft()
                yield file, piece, ids.result()
        finally:
            pool.shutdown(cancel_futures=True)


def split_contiguous(prefix: TokenPrefix, train_fraction: float) -> tuple[list[PrefixPart], list[PrefixPart]]:
    """The first `int(train_fraction * n)` tokens are for training, the rest for validation."""
    border = int(train_fraction * len(prefix.tokens))
    train = [PrefixPart(part.file, part.start, min(part.stop, border)) for part in prefix.parts]
    val = [PrefixPart(part.file, max(part.start, border), part.stop) for part in prefix.parts]
    return [part for part in train if part.n_tokens > 0], [part for part in val if part.n_tokens > 0]


def split_by_file(
    corpus: Corpus, prefix: TokenPrefix, train_fraction: float
) -> tuple[list[PrefixPart], list[PrefixPart]]:
    """Hold out whole files for validation, with about `1 - train_fraction` of the tokens.

    Copies of a file go to the same side. Files are tried in the order of a hash of their names: it looks random, is the
    same everywhere, and does not change when a file is edited.
    Raises DataError for fewer than two different files.
    """
    groups: dict[str, list[PrefixPart]] = {}
    for part in prefix.parts:
        groups.setdefault(corpus.files[part.file].content_hash, []).append(part)
    if len(groups) < 2:
        raise DataError(
            f"{corpus.source}: a split by file needs 2 different files in the {len(prefix.tokens):,} tokens "
            f"(found {len(prefix.parts):,}, {len(groups)} different); use the contiguous split, or more text"
        )

    def size(group: list[PrefixPart]) -> int:
        return sum(part.n_tokens for part in group)

    def place(group: list[PrefixPart]) -> tuple[str, int]:
        name = corpus.files[group[0].file].name
        return hashlib.sha256(name.encode()).hexdigest(), group[0].file

    wanted, taken = (1 - train_fraction) * len(prefix.tokens), 0
    held_out: list[list[PrefixPart]] = []
    for group in sorted(groups.values(), key=place):
        if abs(taken + size(group) - wanted) < abs(taken - wanted) and len(held_out) < len(groups) - 1:
            held_out.append(group)
            taken += size(group)
    if not held_out:  # every file is larger than twice the wanted size
        held_out = [min(groups.values(), key=lambda group: (size(group), place(group)))]
    val = {part.file for group in held_out for part in group}
    return [part for part in prefix.parts if part.file not in val], [part for part in prefix.parts if part.file in val]
