"""The tokens of one file of a dataset, as they are asked for: a file may have any number of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from slmtui.data.dataset import Dataset, DatasetFile, Side


@dataclass(frozen=True)
class FileTokens:
    """The tokens of one file of a dataset, those that train first; nothing is copied until it is asked for."""

    dataset: Dataset
    file: DatasetFile

    def __len__(self) -> int:
        return len(self.file.train) + len(self.file.val)

    @property
    def border(self) -> int | None:
        """The place of the first validation token; None if there is none."""
        return len(self.file.train) if len(self.file.val) else None

    def side(self, token: int) -> tuple[Side, int]:
        """The side of the token at this place, and its place there."""
        if token < len(self.file.train):
            return "train", self.file.train[token]
        return "val", self.file.val[token - len(self.file.train)]

    def ids(self, start: int, stop: int) -> list[int]:
        """The ids of the tokens from `start` to `stop`."""
        n = len(self.file.train)
        train, val = self.file.train[start : min(stop, n)], self.file.val[max(0, start - n) : max(0, stop - n)]
        tokens = self.dataset.train.tokens[train.start : train.stop].tolist() if len(train) else []
        return [*tokens, *(self.dataset.val.tokens[val.start : val.stop].tolist() if len(val) else [])]

    def newlines(self, start: int, stop: int) -> int:
        """How many line breaks there are in the tokens from `start` to `stop`."""
        from slmtui.data.token_file import blocks

        n, found = len(self.file.train), 0
        per_token = self.dataset.tokenizer.newlines
        for side, tokens in (
            (self.dataset.train, self.file.train[start : min(stop, n)]),
            (self.dataset.val, self.file.val[max(0, start - n) : max(0, stop - n)]),
        ):
            found += sum(int(per_token[block].sum()) for block in blocks(side.tokens, tokens.start, tokens.stop))
        return found


class LineCounter:
    """The lines of a file's tokens, counted on from the last one that was asked for."""

    def __init__(self, file: FileTokens) -> None:
        self.file = file
        self._token = self._newlines = 0  # before it

    def line(self, token: int) -> int:
        """The line of the file in which a token begins, from 1; a token of its header counts as line 1."""
        before = self.file.newlines(min(token, self._token), max(token, self._token))
        self._newlines += before if token > self._token else -before
        self._token = token
        return max(1, self._newlines - self.file.file.lines_before + 1)
