"""Work done in turns by processes of their own: A B A B …, as much at a time as takes a while."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from benchmarks.work import Found


@dataclass(frozen=True)
class Taken:
    """What a turn took. wall, cpu: seconds for one unit of work, cpu of all threads; peak: bytes, since the start.

    found: what came of it, where the work gives numbers.
    """

    wall: float
    cpu: float
    peak: int
    found: Found


class Worker:
    """A process of worker.py that waits for work, and takes no time while it waits."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def do(self, amount: int) -> Taken:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{amount}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{' '.join(map(str, self.process.args))} has died")  # type: ignore[arg-type]
        taken = json.loads(answer)
        return Taken(taken["wall"] / amount, taken["cpu"] / amount, taken["peak"], taken["found"])


@contextmanager
def worker(*arguments: str) -> Iterator[Worker]:
    """`worker("our-step", "phase2", "fp32")`"""
    command = [sys.executable, "-m", "benchmarks.worker", *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Worker(process)
        assert process.stdin is not None
        process.stdin.close()


def in_turns(*sides: Sequence[str], turns: int, seconds: float, warm_up: int) -> list[list[Taken]]:
    """Each side does `warm_up` units, twice; then all of them in turns, as much as takes it about `seconds`."""
    with ExitStack() as stack:
        workers = [stack.enter_context(worker(*side)) for side in sides]
        for each in workers:
            each.do(warm_up)
        amounts = [max(1, round(seconds / each.do(warm_up).wall)) for each in workers]
        rounds = [[each.do(n) for each, n in zip(workers, amounts, strict=True)] for _ in range(turns)]
    return [list(side) for side in zip(*rounds, strict=True)]
