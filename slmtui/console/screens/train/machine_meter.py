"""What this process takes of the machine, looked up every two seconds."""

from __future__ import annotations

import time

import psutil

from slmtui.cores import usable_cores

INTERVAL = 2.0  # seconds between two measurements


class MachineMeter:
    def __init__(self) -> None:
        self._process = psutil.Process()
        self._measured_at = 0.0
        self._words = ""

    def words(self) -> str:
        """`process 512 MB   1.8 of 2 cores`: resident memory, PyTorch and the console included; CPU time per second
        since the last measurement."""
        if time.monotonic() - self._measured_at >= INTERVAL:
            self._measured_at = time.monotonic()
            memory = self._process.memory_info().rss / 1e6
            cpu = self._process.cpu_percent() / 100
            self._words = f"process {memory:,.0f} MB   {cpu:.1f} of {usable_cores()} cores"
        return self._words
