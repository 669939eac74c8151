"""How well a share is known that was counted on n cases."""

from __future__ import annotations

import math

from slmtui.words import plural

_Z = 1.959964  # of a normal distribution: 95 % lie within so many standard errors


def interval(found: int, n: int) -> tuple[float, float]:
    """The 95 % score interval of a share, `found` of `n` (Wilson 1927); all that can be, 0 to 1, without a case."""
    if n == 0:
        return 0.0, 1.0
    share, square = found / n, _Z * _Z
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = _Z / (1 + square / n) * math.sqrt(share * (1 - share) / n + square / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def counted(found: int, n: int, noun: str) -> str:
    """`49 of 64 samples (77 %; of very many, most likely 65 % to 85 %)`, with the 95 % interval."""
    share = f"{found:,} of {plural(n, noun)}"
    if n == 0:
        return share
    low, high = interval(found, n)
    return f"{share} ({found / n:.0%}; of very many, most likely {low:.0%} to {high:.0%})".replace("%", " %")
