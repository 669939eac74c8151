"""How torch's compute threads wait for one another. This has to be set before torch is imported."""

from __future__ import annotations

import os

# How often an idle thread spins, about 20 microseconds in all, before it sleeps. That covers most of the gaps between
# two products of a small model, where waking a thread costs more than the product itself. Ten times as many make a step
# several times slower as soon as another process needs a core (docs/log.md); libgomp's own default is 300,000.
SPINS = "1000"


def set_wait_policy() -> None:
    """Set it, unless the environment already does. The OpenMP runtime reads the variables once, when it is loaded."""
    if os.environ.keys() & {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"}:
        return
    os.environ |= {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": SPINS}
