"""How the threads that torch computes with wait for one another. To be settled before torch is imported."""

from __future__ import annotations

import os

# Turns of a loop, some 20 microseconds, before a thread that has nothing to do sleeps. That bridges most of what lies
# between two products of a small model, where to be woken costs more than the product; and it is too short to hold up
# whoever else wants the core. libgomp's own way is some milliseconds (both measured: docs/log.md).
SPINS = "1000"


def settle() -> None:
    """Unless whoever started the process has settled it already. OpenMP's runtime reads it once, when it is loaded."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
