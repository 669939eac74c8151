"""What a completion has copied from the text that its model was trained on, and from where."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slmtui.errors import UserError

if TYPE_CHECKING:
    from slmtui.data.dataset import Dataset
    from slmtui.data.text_index import TextIndex
    from slmtui.runs.checkpoint import SavedModel

SHORTEST_COPY = 8  # tokens: shorter ones are how code goes
LARGEST_INDEX = 5_000_000  # tokens: an index of more takes too long to build while somebody waits


@dataclass(frozen=True)
class Copied:
    """Tokens of a completion that stand one after the other in the training text, too."""

    start: int  # of the completion's tokens
    length: int
    source: str  # file:line

    def __contains__(self, token: int) -> bool:
        return self.start <= token < self.start + self.length


class TrainingTexts:
    """The training text of each model that was asked about, indexed; read and built once, which can take seconds."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Dataset, TextIndex]] = {}
        self._lock = threading.Lock()

    def copies(self, saved: SavedModel, ids: list[int]) -> tuple[Copied, ...]:
        """All runs of at least SHORTEST_COPY tokens that cannot be made longer, in order.

        UserError, in few words, where the training text is not to be had.
        """
        with self._lock:
            if saved.data not in self._known:
                self._known[saved.data] = _read(saved)
            dataset, index = self._known[saved.data]
        lengths, places = index.match_lengths(ids)
        found: list[Copied] = []
        reached = 0
        for start, (length, place) in enumerate(zip(lengths.tolist(), places.tolist(), strict=True)):
            if length >= SHORTEST_COPY and start + length > reached:
                name, line = dataset.locate("train", place)
                found.append(Copied(start, length, f"{name}:{line}"))
            reached = max(reached, start + length)
        return tuple(found)


def _read(saved: SavedModel) -> tuple[Dataset, TextIndex]:
    from slmtui.data.text_index import TextIndex
    from slmtui.training.prepare import prepare_dataset

    try:
        dataset = prepare_dataset(saved.phase)
    except UserError:
        raise UserError("the corpus is not here, copies are not marked") from None
    if dataset.fingerprint != saved.data:
        raise UserError("the corpus has changed since, copies are not marked")
    if len(dataset.train.tokens) > LARGEST_INDEX:
        raise UserError("the corpus is too large to look for copies here")
    return dataset, TextIndex.build(dataset.train.tokens)
