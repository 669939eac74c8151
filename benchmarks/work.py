"""What a worker does: something, so many times; perhaps with numbers that came of it. No torch is imported here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from slmtui.config.phase import Phase
from slmtui.config.phase_file import load_phase

Found = dict[str, float]
Work = Callable[[int], Found | None]  # told how often
PROMPT = "import chromadb"
GENERATED = 100  # tokens: within the block of phase 4


def repeated(once: Callable[[], object]) -> Work:
    def work(times: int) -> None:
        for _ in range(times):
            once()

    return work


def published(phase: str, *overrides: str) -> Phase:
    """`published("phase2", "training.max_iters=10")`"""
    return load_phase(Path(f"phases/{phase}.toml"), overrides)
