"""What a worker of the Complete screen does: load a model, generate tokens, report them, look for copies."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slmtui.console.screens.complete.chosen_model import ChosenModel, files_of
from slmtui.console.screens.complete.review import CompletionReview, TrainingTexts
from slmtui.console.workers.torch_import import Backend
from slmtui.errors import UserError
from slmtui.inference.model_cache import ModelCache
from slmtui.inference.streaming import Request, Token, stream
from slmtui.runs.recounting import tell_of_counts
from slmtui.runs.run import run_at
from slmtui.words import byte_size

if TYPE_CHECKING:
    from slmtui.runs.checkpoint import SavedModel

BATCH = 0.1  # seconds of tokens that are told of together


@dataclass(frozen=True)
class CompletionUpdate:
    """How far a worker has come with a request."""

    job: int  # of the panel that asked
    words: str = ""  # what it is doing, or what went wrong
    tokens: Sequence[Token] = ()  # grows while it is looked at: the first `count` are meant
    count: int = 0
    speed: float = 0.0  # tokens per second, once all are there
    over: bool = False  # all are there; what may still come is the review
    last: bool = False  # nothing comes after this
    failed: bool = False
    review: CompletionReview | None = None


@dataclass(frozen=True)
class CompletionContext:
    """What the panels share: models in memory, and the training texts that were read."""

    backend: Backend
    models: ModelCache[ChosenModel, SavedModel]
    texts: TrainingTexts

    def is_open(self, cancelled: Callable[[], bool]) -> bool:
        """Wait for PyTorch; False if it is no longer wanted. UserError if it cannot be had."""
        while not self.backend.ready:
            if self.backend.error is not None:
                raise UserError(self.backend.words())
            if cancelled():
                return False
            time.sleep(0.05)
        return True


def read_model(model: ChosenModel) -> SavedModel:
    """A model for a `ModelCache`; torch is imported when there is one to read."""
    from slmtui.runs.ensemble import load_models

    return load_models(files_of(model))


def run_completion(
    context: CompletionContext,
    model: ChosenModel,
    job: int,
    request: Request,
    tell: Callable[[CompletionUpdate], object],
    cancelled: Callable[[], bool],
) -> None:
    """Complete a request with a model. What a person can put right is reported as a message."""
    try:
        if not context.is_open(cancelled):
            return
        if not context.models.holds(model) and (run := run_at(files_of(model)[0].parent)) is not None:
            tell_of_counts(run, lambda words: tell(CompletionUpdate(job, words)))
        saved = context.models.load(model)
        begin = told = time.monotonic()
        tokens: list[Token] = []
        if request.before:
            tell(CompletionUpdate(job, f"reading {byte_size(sum(map(len, request.before)))} before the prompt …"))
        planned = max(request.settings.tokens, len(request.kept))
        for token in stream(saved.model, saved.tokenizer, request):
            if cancelled():
                return
            tokens.append(token)
            if time.monotonic() - told >= BATCH:
                told = time.monotonic()
                tell(CompletionUpdate(job, f"{len(tokens)} of {planned} tokens", tokens, len(tokens)))
        drawn = max(0, len(tokens) - len(request.kept))
        speed = drawn / max(time.monotonic() - begin, 1e-6)
    except UserError as error:
        tell(CompletionUpdate(job, str(error), failed=True))
        return
    done = CompletionUpdate(job, "looking for copies …", tokens, len(tokens), speed, over=True)
    tell(done)
    try:
        text, ids = "".join(token.text for token in tokens), [token.id for token in tokens]
        review, words = context.texts.review(saved, request.prompt, text, ids), ""
    except UserError as error:
        review, words = None, str(error)
    tell(CompletionUpdate(job, words, tokens, len(tokens), speed, over=True, last=True, review=review))
