"""How the threads that torch computes with wait for one another. To be settled before torch is imported."""

from __future__ import annotations

import os

# Turns of a loop, some 20 microseconds, before a thread that has nothing to do sleeps. That bridges most of what lies
# between two products of a small model, where to be woken costs more than the product. Ten times as many make a step
# several times slower as soon as another process wants a core (docs/log.md); libgomp's own default is 300,000.
SPINS = "1000"


def set_wait_policy() -> None:
    """Unless whoever started the process has set it already. OpenMP's runtime reads it once, when it is loaded."""
    if os.environ.keys() & {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"}:
        return
    os.environ |= {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": SPINS}
