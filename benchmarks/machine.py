"""Where and with what it was measured, for the head of the table."""

from __future__ import annotations

import os
import platform
import time
from importlib import metadata
from pathlib import Path

import psutil

from slmtui import __version__

PACKAGES = ("torch", "numpy", "tiktoken", "textual")
QUIET = 0.25  # processes that wait for each core, on average over a minute, below which a machine counts as idle


def processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(errors="replace").splitlines() if cpuinfo.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def versions() -> str:
    others = (f"{name} {metadata.version(name)}" for name in PACKAGES)
    return ", ".join([f"slmtui {__version__}", f"Python {platform.python_version()}", *others])


def load() -> float:
    """Processes that ran or waited to run over the last minute, for each core."""
    return os.getloadavg()[0] / (os.cpu_count() or 1)


def header(load_before: float) -> str:
    """load_before: `load()` before the measurements, which are themselves a load."""
    memory = psutil.virtual_memory().total / 2**30
    words = "idle" if load_before < QUIET else "**in use by others: wall times below mean little**"
    return "\n".join(
        [
            f"- machine: {processor()}, {os.cpu_count()} cores, {memory:.0f} GB, {platform.system()}",
            f"- versions: {versions()}",
            f"- date: {time.strftime('%Y-%m-%d')}",
            f"- load before the start: {load_before:.1f} for each core: the machine was {words}",
        ]
    )
