"""A model that completes for whoever asks, in a thread of its own. What is asked for joins between two tokens.

Each completion is what it would be alone, to the last bit (inference/rows_apart.py).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from slmtui.config.errors import printable
from slmtui.inference.batch import Batch, Row
from slmtui.serve.completion import Completion, LikelyToken, Wanted
from slmtui.serve.limits import MOST_ROWS, ROWS_MEMORY
from slmtui.serve.speed import Speed

if TYPE_CHECKING:
    from slmtui.data.tokenizer import Tokenizer
    from slmtui.model.gpt import GPT

COUNTS_PER_TOKEN = 8192  # bytes that a context mixture keeps of each token of a prompt that it learns from


@dataclass(frozen=True)
class Part:
    """What is new of a completion."""

    text: str
    tokens: list[LikelyToken]
    n_tokens: int  # so far
    finish: str | None  # "stop" or "length"; "failed" if the model could not go on
    prompt_seconds: float = 0.0  # that it took to read the prompt and draw the first token
    stop: str = ""  # the text that it stopped at, if it did


@dataclass(eq=False)
class Job:
    """A completion that was asked for. tell: called in the engine's thread with each part, or only with the last."""

    wanted: Wanted
    tell: Callable[[Part], None]
    each: bool = False  # whether parts are told as they come
    gone: bool = False  # nobody waits for it any more
    completion: Completion | None = field(default=None, repr=False)


class Engine:
    """`submit()` from any thread; after `close()` its thread ends with whatever is submitted.

    Who got the engine before it was closed may submit later: a request asks several times.

    say: told, in the engine's thread, of what it failed at.
    """

    def __init__(self, model: GPT, tokenizer: Tokenizer, speed: Speed, say: Callable[[str], None]) -> None:
        self._model, self._tokenizer, self._speed, self._say = model, tokenizer, speed, say
        self._batch = Batch(model, apart=True, told=False)
        self._going: dict[Row, Job] = {}
        self._waiting: deque[Job] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._works = False

    def submit(self, jobs: Sequence[Job]) -> None:
        with self._changed:
            self._waiting.extend(jobs)
            if self._works:
                self._changed.notify()
            else:
                threading.Thread(target=self._work, name="engine", daemon=True).start()
                self._works = True

    def close(self) -> None:
        """Its thread ends once nothing is left to do."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not (self._waiting or self._going or self._closed):
                    self._changed.wait()
                if not (self._waiting or self._going):
                    self._works = False
                    return
            try:
                self._turn()
            except Exception as error:  # memory, or a fault of ours: all are told, and the next ones are served
                self._say(printable(f"a completion failed: {type(error).__name__}: {error}", limit=300))
                self._begin_anew()

    def _turn(self) -> None:
        for row in [row for row, job in self._going.items() if job.gone]:
            self._leave(row)
        self._admit()
        if not self._going:
            return
        draw = self._batch.step()
        tokens = draw.tokens.tolist()
        self._speed.count(len(tokens))
        for row, token, probabilities in zip(list(self._batch.rows), tokens, draw.probabilities, strict=True):
            job = self._going[row]
            completion = job.completion
            assert completion is not None
            completion.add(token, probabilities)
            if completion.finish is not None:
                self._leave(row)
            if completion.finish is not None or job.each:
                news = completion.take()
                job.tell(
                    Part(*news, completion.n_tokens, completion.finish, completion.prompt_seconds, completion.stop)
                )

    def _admit(self) -> None:
        """Have those who wait join, in their order, as long as there is room."""
        used = sum(self._bytes_of(job) for job in self._going.values())
        while True:
            with self._changed:
                if not self._waiting or len(self._going) >= MOST_ROWS:
                    return
                job = self._waiting[0]
                used += self._bytes_of(job)
                if self._going and used > ROWS_MEMORY:
                    return
                self._waiting.popleft()
            if job.gone:
                used -= self._bytes_of(job)
                continue
            wanted = job.wanted
            job.completion = Completion(wanted, self._tokenizer)
            if job.completion.finish is not None:  # no token was asked for
                job.tell(Part("", [], 0, job.completion.finish))
                continue
            try:
                row = self._batch.join(wanted.prompt, wanted.sampling, wanted.seed, wanted.given)
            except BaseException:
                job.tell(Part("", [], 0, "failed"))
                raise
            self._going[row] = job

    def _bytes_of(self, job: Job) -> int:
        """Of the memory that a completion takes."""
        config, mixture = self._model.config, self._model.mixture
        cached = 4 * config.block_size * config.n_embd * (2 * config.n_layer + 1)
        learns = mixture is not None and getattr(mixture, "adaptive", False)
        return cached + (COUNTS_PER_TOKEN * len(job.wanted.prompt.ids) if learns else 0)

    def _leave(self, row: Row) -> None:
        self._batch.leave(row)
        del self._going[row]

    def _begin_anew(self) -> None:
        going = list(self._going.values())
        self._going.clear()
        self._batch = Batch(self._model, apart=True, told=False)
        for job in going:
            job.tell(Part("", [], 0, "failed"))
