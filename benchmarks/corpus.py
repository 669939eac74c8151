"""Inspection of a large corpus: how fast, and in how much memory."""

from __future__ import annotations

import random
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.table import Row, seconds
from benchmarks.workers import Taken, worker

SMALL, LARGE = 10, 50  # MB
N_WORDS = 20_000


def inspection() -> list[Row]:
    """All that `slmtui inspect` does, leakage and baseline included, of a small and of a large corpus."""
    small, large = (_inspected(megabytes) for megabytes in (SMALL, LARGE))
    growth = (large.peak - small.peak) / (LARGE - SMALL) / 1e6
    group = "Large corpora"
    return [
        Row(group, f"{LARGE} MB of source text inspected", f"{LARGE / large.cpu:.1f} MB/s",
            note=f"{seconds(large.cpu)} of CPU time, all threads ({seconds(large.wall)} wall)"),
        Row(group, f"peak memory at {LARGE} MB", f"{large.peak / 1e6:,.0f} MB",
            note=f"{small.peak / 1e6:,.0f} MB at {SMALL} MB, growing by {growth:.1f} MB per MB of text"),
    ]  # fmt: skip


def _inspected(megabytes: int) -> Taken:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "corpus.py"
        write_source(path, megabytes * 1_000_000)
        with worker("inspect", str(path)) as inspector:
            return inspector.do(1)


def write_source(path: Path, size: int) -> None:
    """Made-up Python of at least `size` bytes: no two functions alike, words as frequent as Zipf's law has them."""
    draw = random.Random(0)
    words = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(2, 9))) for _ in range(N_WORDS)]
    weights = [1 / rank for rank in range(1, N_WORDS + 1)]
    written = 0
    with path.open("w", encoding="utf-8") as file:
        while written < size:
            names = iter(draw.choices(words, weights, k=400))
            lines = []
            for name in names:
                a, b, c = (next(names, "x") for _ in range(3))
                lines.append(
                    f"def {name}({a}, {b}=None):\n    # {c} {a}\n    return {a}.{c}({b}, {draw.randrange(999)})\n"
                )
            written += file.write("\n".join(lines) + "\n")
