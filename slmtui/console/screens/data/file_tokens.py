"""The tokens of one file of a dataset, as they are asked for: a file may have any number of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from slmtui.output import spelled_bytes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from slmtui.data.dataset import Dataset, DatasetFile, Side


@dataclass(frozen=True)
class FileTokens:
    """The tokens of one file of a dataset, those that train first; nothing is copied until it is asked for.

    A file of the test side has no others.
    """

    dataset: Dataset
    file: DatasetFile

    def __len__(self) -> int:
        return len(self.file.train) + len(self.file.val) + len(self.file.test)

    @property
    def border(self) -> int | None:
        """The place of the first validation token; None if there is none."""
        return len(self.file.train) if len(self.file.val) else None

    def side(self, token: int) -> tuple[Side, int]:
        """The side of the token at this place, and its place there."""
        if self.file.test:
            return "test", self.file.test[token]
        if token < len(self.file.train):
            return "train", self.file.train[token]
        return "val", self.file.val[token - len(self.file.train)]

    @cached_property
    def documents(self) -> NDArray[np.int64]:
        """Where the file's documents begin among its tokens, or go on, after a border."""
        import numpy as np  # which the console's first frame does not wait for

        starts = [np.zeros(0, np.int64)]
        for start, stop, ends in self._spans():
            starts.append(np.concatenate([[start], ends[ends < stop - 1] + 1]))  # the last end ends the last document
        return np.concatenate(starts)

    @cached_property
    def ends(self) -> NDArray[np.int64]:
        """Where documents end among the file's tokens: tokens that stand for no text."""
        import numpy as np

        return np.concatenate([np.zeros(0, np.int64), *(ends for _, _, ends in self._spans())])

    def _spans(self) -> Iterator[tuple[int, int, NDArray[np.int64]]]:
        """The places of the file's tokens on each side, from and to, and those of the ends among them."""
        start = 0
        sides: list[tuple[Side, range]] = [("train", self.file.train), ("val", self.file.val), ("test", self.file.test)]
        for side, span in sides:
            if len(span):
                ends = self.dataset.side(side).ends
                first, last = ends.searchsorted([span.start, span.stop])
                yield start, start + len(span), ends[first:last] - span.start + start
                start += len(span)

    @property
    def n_text(self) -> int:
        """How many of the tokens stand for text."""
        return len(self) - len(self.ends)

    def text_until(self, token: int) -> int:
        """How many tokens of text there are up to this one, which counts unless it is an end."""
        return token + 1 - int(self.ends.searchsorted(token, side="right"))

    def document_of(self, token: int) -> int:
        """Which of the documents a token is in, from 0."""
        return int(self.documents.searchsorted(token, side="right")) - 1

    def document_text(self, token: int, most: int) -> str:
        """The text of the document that a token is in, of at most so many tokens; stray bytes as ‹e0 b8›."""
        document = self.document_of(token)
        start = int(self.documents[document])
        stop = int(self.documents[document + 1]) if document + 1 < len(self.documents) else len(self)
        data = self.dataset.tokenizer.decode_bytes(self.ids(start, min(stop, start + most)))
        return spelled_bytes(data.decode("utf-8", "surrogateescape")) + " …" * (stop - start > most)

    def ids(self, start: int, stop: int) -> list[int]:
        """The ids of the tokens from `start` to `stop`."""
        if self.file.test:
            test = self.file.test[start:stop]
            return self.dataset.side("test").tokens[test.start : test.stop].tolist() if len(test) else []
        n = len(self.file.train)
        train, val = self.file.train[start : min(stop, n)], self.file.val[max(0, start - n) : max(0, stop - n)]
        tokens = self.dataset.train.tokens[train.start : train.stop].tolist() if len(train) else []
        return [*tokens, *(self.dataset.val.tokens[val.start : val.stop].tolist() if len(val) else [])]

    def line(self, token: int) -> int:
        """The line of the file in which a token begins, from 1; a token of the published header counts as line 1."""
        side, place = self.side(token)
        return self.dataset.locate(side, place)[1]
