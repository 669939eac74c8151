"""A review of a finished completion: how good it is, what it copied from the training text, and from where."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slmtui.errors import UserError

if TYPE_CHECKING:
    from slmtui.insight.judging.quality import CopiedSpan, Judge
    from slmtui.runs.checkpoint import SavedModel

LARGEST_CORPUS = 5_000_000  # tokens: to read and index more takes too long while somebody waits


@dataclass(frozen=True)
class CompletionReview:
    label: str  # gibberish, fragments, syntax, domain or copy
    copies: tuple[CopiedSpan, ...]
    shortest: int  # tokens of the model's vocabulary that make a copy


class TrainingTexts:
    """The training texts of the models that were asked about; each is read and indexed once, which can take seconds."""

    def __init__(self) -> None:
        self._judges: dict[str, Judge] = {}
        self._lock = threading.Lock()

    def review(self, saved: SavedModel, prompt: str, text: str, ids: Sequence[int]) -> CompletionReview:
        """Judge the completion `text` of a prompt; UserError, in few words, where its training text is not to be had.

        ids: its tokens, among which copies are found. The first may begin with what the prompt has of its last word.
        """
        with self._lock:
            if saved.data not in self._judges:
                self._judges[saved.data] = _read(saved)
            judge = self._judges[saved.data]
        label = judge(prompt, text).label
        return CompletionReview(label, judge.copied_spans(ids), judge.shortest_copy)


def _read(saved: SavedModel) -> Judge:
    from slmtui.insight.judging.quality import Judge
    from slmtui.training.prepare import CorpusChanged, dataset_as_trained

    try:
        dataset = dataset_as_trained(saved.phase, saved.data, saved.tokenizer)
    except CorpusChanged:
        raise UserError("the corpus has changed since, copies are not marked") from None
    except UserError:
        raise UserError("the corpus is not here, copies are not marked") from None
    if len(dataset.train.tokens) > LARGEST_CORPUS:
        raise UserError("the corpus is too large to look for copies here")
    return Judge.build(dataset)
