"""How well the loss over a text is known, from how much stretches of the text differ.

The text is cut into K blocks of b[k] bytes, with L[k] nats each. With m = Σ L / (Σ b · ln 2) bits per byte, the
variance of m for other text of the kind is that of a ratio estimate (Cochran 1977, "Sampling Techniques", 6.3), and the
interval is that of Student's t with K − 1 degrees of freedom.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

LEVEL = 0.95


def text_variance(bits: ArrayLike, n_bytes: ArrayLike) -> float:
    """The variance of the mean in bits per byte, of K ≥ 2 blocks with (K,) bits and (K,) bytes."""
    of_block, sizes = np.asarray(bits, np.float64), np.asarray(n_bytes, np.float64)
    blocks, total = len(sizes), sizes.sum()
    residual = of_block - of_block.sum() / total * sizes
    return float(blocks / (blocks - 1) * (residual**2).sum() / total**2)


def known_to(nats: ArrayLike, n_bytes: ArrayLike, level: float = LEVEL) -> float | None:
    """Half of the interval of a loss in bits per byte, of K blocks with nats and bytes each; None of one."""
    of_block = np.asarray(nats, np.float64) / math.log(2)
    if len(of_block) < 2 or not np.isfinite(of_block).all():
        return None
    return student_factor(len(of_block), level) * math.sqrt(text_variance(of_block, n_bytes))


def student_factor(n: int, level: float = LEVEL) -> float:
    """How many standard errors half of the interval of a mean of n values has."""
    return float(stdtrit(n - 1, (1 + level) / 2))


def paired_difference(
    nats: ArrayLike, n_bytes: ArrayLike, other_nats: ArrayLike, other_bytes: ArrayLike, level: float = LEVEL
) -> float | None:
    """Half of the interval of the difference of two losses on one text, in bits per byte, from both blocks.

    None where the text was cut otherwise, and of one block or one without bytes. The tokens of two vocabularies end at
    other bytes, and so do blocks, by a few: what counts is the loss per byte.
    """
    first, second = (np.asarray(each, np.float64) for each in (n_bytes, other_bytes))
    if len(first) != len(second) or not (first.all() and second.all()):
        return None
    sizes = (first + second) / 2
    apart = np.asarray(nats, np.float64) / first - np.asarray(other_nats, np.float64) / second
    return known_to(apart * sizes, sizes, level)
