"""What a run was trained with: the versions that its first event records."""

from __future__ import annotations

import platform
import subprocess
from functools import lru_cache
from importlib import metadata
from pathlib import Path

import numpy as np
import torch

from slmtui import __version__


def versions() -> dict[str, str]:
    """The versions of slmtui, with its commit where it runs from a clone, and of what the digits depend on."""
    found = {"slmtui": __version__}
    if commit := commit_of(Path(__file__).parents[2]):
        found["commit"] = commit
    return found | {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "tiktoken": metadata.version("tiktoken"),
    }


@lru_cache
def commit_of(clone: Path) -> str:
    """The commit that a clone is at, `376fa90c12-dirty` with changes; "" where it is none, or git does not say."""
    if not (clone / ".git").exists():  # an installed package may lie somewhere below another project's clone
        return ""
    command = ["git", "-C", str(clone), "describe", "--always", "--dirty", "--abbrev=10", "--exclude=*"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
