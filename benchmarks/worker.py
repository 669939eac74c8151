"""The other end of `Worker` (workers.py): a process that does one kind of work, so much of it at a time as it is told.

    python -m benchmarks.worker our-step phase2 fp32

Numbers come in on stdin, a line each; out goes a line of JSON with what it took and what came of it. A process for each
side, so that neither has the other's memory, threads or settings.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path

from benchmarks import ours, theirs
from benchmarks.work import Work


def make(kind: str, *arguments: str) -> Work:
    """Ready to be told how much."""
    return {**ours.KINDS, **theirs.KINDS}[kind](*arguments)


def peak_memory() -> int:
    """Bytes of this process at its largest."""
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage says includes the process that started this one
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def main() -> None:
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):  # theirs wait as torch has it, ours as slmtui sets it
        os.environ.pop(name, None)
    work = make(*sys.argv[1:])
    answers = sys.stdout
    for line in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        found = work(int(line))
        taken = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "peak": peak_memory()}
        answers.write(json.dumps(taken | {"found": found or {}}) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
