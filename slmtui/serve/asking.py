"""A request's completions, from what is asked of the engine to what has come of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from slmtui.config.limits import LARGEST_SEED
from slmtui.inference.batch import Sampling
from slmtui.runs.checkpoint import SavedModel
from slmtui.serve.asked import CompletionBody, InfillBody
from slmtui.serve.completion import LikelyToken, Wanted
from slmtui.serve.engine import Engine, Job, Part
from slmtui.serve.errors import FAILED, RequestError


@dataclass
class Answer:
    """A completion that is at its end."""

    text: str = ""
    tokens: list[LikelyToken] = field(default_factory=list)
    n_tokens: int = 0
    finish: str = ""
    prompt_seconds: float = 0.0
    stop: str = ""  # the text that it stopped at, if it did

    def add(self, part: Part) -> None:
        self.text += part.text
        self.tokens += part.tokens
        self.n_tokens, self.finish, self.stop = part.n_tokens, part.finish or "", part.stop
        self.prompt_seconds = part.prompt_seconds


def sampling_of(body: CompletionBody | InfillBody, saved: SavedModel) -> Sampling:
    """What is asked for, and the phase's settings for what is not."""
    usual = saved.phase.sampling
    return Sampling(
        temperature=usual.temperature if body.temperature is None else body.temperature,
        top_k=usual.top_k if body.top_k is None else max(0, body.top_k),
        top_p=usual.top_p if body.top_p is None else body.top_p,
    )


def seed_after(seed: int, number: int) -> int:
    """Of the completion with this number, from 0: as in `slmtui complete`."""
    return (seed + number) % (LARGEST_SEED + 1)


async def parts(engine: Engine, wanted: Sequence[Wanted], *, each: bool) -> AsyncGenerator[tuple[int, Part], None]:
    """What is new of each of the completions, with its place among them; each: as it comes, else once at its end.

    Whoever stops listening gives up the rest. RequestError if the model fails.
    """
    loop = asyncio.get_running_loop()
    heard: asyncio.Queue[tuple[int, Part]] = asyncio.Queue()

    def job(place: int, one: Wanted) -> Job:
        def tell(part: Part) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody listens
                loop.call_soon_threadsafe(heard.put_nowait, (place, part))

        return Job(one, tell, each)

    jobs = [job(place, one) for place, one in enumerate(wanted)]
    engine.submit(jobs)
    try:
        left = len(jobs)
        while left:
            place, part = await heard.get()
            if part.finish == "failed":
                raise RequestError("the model could not go on; try again, or ask for less", status=500, kind=FAILED)
            left -= part.finish is not None
            yield place, part
    finally:
        for one in jobs:
            one.gone = True


async def answers(engine: Engine, wanted: Sequence[Wanted]) -> list[Answer]:
    """All of them, at their end."""
    found = [Answer() for _ in wanted]
    async for place, part in parts(engine, wanted, each=False):
        found[place].add(part)
    return found
