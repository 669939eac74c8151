"""A request's completions, from what is asked of the engine to what has come of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

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

    def add(self, part: Part) -> None:
        self.text += part.text
        self.tokens += part.tokens
        self.n_tokens, self.finish = part.n_tokens, part.finish or ""


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
