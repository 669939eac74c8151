"""Where and with what it was measured, for the head of the table."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import psutil

from slmtui import __version__

PACKAGES = ("torch", "numpy", "tiktoken", "textual", "transformers", "litgpt")
QUIET = 0.05  # share of all cores that others may use of a machine that counts as idle
LOOK = 2.0  # seconds


def processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(errors="replace").splitlines() if cpuinfo.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def versions() -> str:
    others = (f"{name} {version}" for name in PACKAGES if (version := _version(name)))
    return ", ".join([f"slmtui {__version__}", f"Python {platform.python_version()}", *others])


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def used_by_others() -> float:
    """Share of all cores that is in use while this process looks on and has no other at work."""
    return psutil.cpu_percent(LOOK) / 100


def header(used: Sequence[float]) -> str:
    """used: `used_by_others()` before the measurements and after them."""
    memory = psutil.virtual_memory().total / 2**30
    words = "idle" if max(used) < QUIET else "**in use: wall times below mean little**"
    shares = " and ".join(f"{share:.0%}" for share in used)
    return "\n".join(
        [
            f"- machine: {processor()}, {os.cpu_count()} cores, {memory:.0f} GB, {platform.system()}",
            f"- versions: {versions()}",
            f"- date: {time.strftime('%Y-%m-%d')}",
            f"- CPU use by others, before and after: {shares} of all cores; the machine was {words}",
        ]
    )
