"""How many cores of the machine are ours: a batch system or a container may leave a process only some of them."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def usable_cores(cgroups: Path = Path("/sys/fs/cgroup")) -> int:
    """The cores that this process may use: those it is bound to, and no more than a container's limit allows."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for quota, period in (("cpu.max", ""), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):  # of cgroups 2 and 1
        with suppress(OSError, ValueError):
            words = (cgroups / quota).read_text().split() + ((cgroups / period).read_text().split() if period else [])
            allowed, of = map(int, words)  # microseconds in so many; "max" or −1: no limit
            if allowed > 0 and of > 0:
                return max(1, min(cores, allowed // of))
    return cores
